/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_curve.h"

#define LEVELS 8
#define LOWEST_MS 0.25

unsigned curve_level(enum demo_curve curve, const struct demo_now *now, double full)
{
    if (curve == CURVE_P99) {
        unsigned level = now->p99_ms < 0 ? 0 : 1;
        for (double bound = LOWEST_MS; level > 0 && level < LEVELS && now->p99_ms > bound; bound *= 2)
            level++;
        return level;
    }
    double share = full > 0 ? now->copies / full : 0;
    if (!(share > 0.005))
        return 0;
    return share >= 1 ? LEVELS : 1 + (unsigned)(share * (LEVELS - 1) + 0.5);
}

void curve_add(struct strbuf *page, const struct demo_record *record, enum demo_curve curve, double full,
               size_t columns, bool has_utf8)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const signs[] = {" ", "_", ".", ":", "-", "=", "+", "*", "#"};
    size_t len = demo_record_history_len(record), from = len > columns ? len - columns : 0;
    struct demo_now now;
    for (size_t i = 0; i < columns; i++) {
        unsigned level = demo_record_history(record, from + i, &now) ? curve_level(curve, &now, full) : 0;
        strbuf_add(page, str_from_c(has_utf8 ? blocks[level] : signs[level]));
    }
}
