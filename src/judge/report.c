/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/report.h"

#include <inttypes.h>

void report_add_statuses(struct strbuf *out, const uint64_t counts[6])
{
    bool is_first = true;
    for (size_t i = 1; i <= 6; i++) {
        if (counts[i % 6] == 0)
            continue;
        strbuf_printf(out, "%s%" PRIu64 " %s", is_first ? "" : ", ", counts[i % 6], report_status_classes[i % 6]);
        is_first = false;
    }
    if (is_first)
        strbuf_add(out, STR("none"));
}

void report_add_interval(struct strbuf *out, const struct interval *interval)
{
    if (interval->is_there)
        strbuf_printf(out, "%+.2f ms (%+.2f to %+.2f)", interval->value, interval->low, interval->high);
    else
        strbuf_add(out, STR("not enough data"));
}

static void report_json(const struct report_source *source, struct strbuf *out)
{
    strbuf_add(out, STR("{\"verdicts\": ["));
    for (size_t i = 0; i < source->count; i++) {
        strbuf_add(out, i > 0 ? STR(",\n ") : STR(""));
        verdict_json(&source->verdicts[i], out);
    }
    strbuf_add(out, STR("]}\n"));
}

void report_write(const struct report_source *source, enum report_format format, struct strbuf *out)
{
    switch (format) {
    case REPORT_TEXT: report_text(source, out); break;
    case REPORT_JSON: report_json(source, out); break;
    case REPORT_MARKDOWN: report_markdown(source, out); break;
    case REPORT_JUNIT: report_junit(source, out); break;
    }
}

int report_exit_code(const struct verdict *verdicts, size_t count)
{
    bool is_insufficient = count == 0;
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i].kind == VERDICT_FAIL)
            return 1;
        is_insufficient |= verdicts[i].kind == VERDICT_INSUFFICIENT;
    }
    return is_insufficient ? 3 : 0;
}
