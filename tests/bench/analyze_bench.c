/* SPDX-License-Identifier: Apache-2.0 */
/* How many pairs the analyst judges per second of CPU: records of live and shadow, as they lie in the ring, through analyze_record.
 * Usage: analyze_bench [PAIRS]. Rows: 1 KiB of JSON that differs in one field, in none (equal hashes), with a control, of 10,000 routes, of 16 KiB. */
#include "../unit/analyze/legs_fixture.h"

#include "analyze/analyze.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PREPARED 2048 /* pairs whose records are written before the clock runs; used again and again */

struct row {
    const char *name;
    size_t body_bytes;
    bool is_same, has_control;
    unsigned routes;
};

static const struct row rows[] = {
    {"1 KiB JSON, one field differs", 1024, false, false, 1},   {"1 KiB JSON, the same", 1024, true, false, 1},
    {"1 KiB JSON, with a control", 1024, false, true, 1},       {"1 KiB JSON, 2,000 routes", 1024, false, false, 2000},
    {"16 KiB JSON, one field differs", 16384, false, false, 1}, {"64 B JSON, one field differs", 64, false, false, 1},
};

/* An order with items, as a shop answers. */
static char *body_of(size_t bytes, unsigned number, unsigned cents)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "{\"id\":%u,\"total\":%u.%02u,\"items\":[", number, 10 + number % 90, cents);
    for (unsigned item = 0; text.len + 80 < bytes; item++)
        strbuf_printf(&text, "%s{\"sku\":\"item-%05u\",\"count\":%u,\"price\":%u.50,\"gift\":%s}", item > 0 ? "," : "",
                      number + item, 1 + item % 3, 5 + item, item % 2 ? "true" : "false");
    strbuf_printf(&text, "],\"state\":\"paid\"}");
    return strbuf_take(&text);
}

static struct strbuf record_of(const struct leg_text *text)
{
    struct strbuf record = STRBUF_INIT;
    leg_text_write(text, 0, &record);
    return record;
}

struct prepared {
    struct strbuf legs[LEG_COUNT];
};

static void prepare(const struct row *row, struct prepared *pairs)
{
    for (unsigned i = 0; i < PREPARED; i++) {
        char route[32], target[32];
        (void)snprintf(route, sizeof(route), "default/route-%u#0", i % row->routes);
        (void)snprintf(target, sizeof(target), "/orders/%u", i);
        char *live = body_of(row->body_bytes, i, 10), *shadow = body_of(row->body_bytes, i, row->is_same ? 10 : 20);
        struct leg_text text = {.id = i,
                                .route = route,
                                .mirror = "default/shop-v2:80",
                                .backend = "default/shop-v1:80",
                                .target = target,
                                .header = "server: shop",
                                .ms = 1 + i % 50,
                                .body = live,
                                .copies = row->has_control ? 2 : 1};
        pairs[i].legs[LEG_LIVE] = record_of(&text);
        text.leg = LEG_CONTROL;
        text.leg_id = 1;
        pairs[i].legs[LEG_CONTROL] = record_of(&text);
        text.leg = LEG_SHADOW;
        text.body = shadow;
        pairs[i].legs[LEG_SHADOW] = record_of(&text);
        mem_free(live);
        mem_free(shadow);
    }
}

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double run(const struct row *row, const struct prepared *pairs, unsigned long count)
{
    struct err note;
    struct store *store = store_open(&(struct store_options){.directory = NULL}, &note);
    struct analyze *analyze = analyze_new(&(struct analyze_options){
        .store = store, .memory_bytes = 192u << 20, .pair_deadline_ms = 60000, .is_full_by_default = true});
    uint64_t now_ns = 1000000000, wall_ns = 1790000000000000000ull;
    (void)analyze_tick(analyze, now_ns, wall_ns);
    double begin = cpu_s();
    for (unsigned long i = 0; i < count; i++) {
        const struct prepared *pair = &pairs[i % PREPARED];
        (void)analyze_record(analyze, 0, strbuf_str(&pair->legs[LEG_LIVE]));
        (void)analyze_record(analyze, 0, strbuf_str(&pair->legs[LEG_SHADOW]));
        if (row->has_control)
            (void)analyze_record(analyze, 0, strbuf_str(&pair->legs[LEG_CONTROL]));
        if (i % 10000 == 0) {
            now_ns += 100000000;
            wall_ns += 100000000;
            (void)analyze_tick(analyze, now_ns, wall_ns);
        }
    }
    double taken = cpu_s() - begin;
    analyze_free(analyze);
    store_close(store);
    return taken;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    struct prepared *pairs = mem_alloc(PREPARED * sizeof(struct prepared));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prepare(&rows[i], pairs);
        double taken = run(&rows[i], pairs, count);
        printf("%-34s %10.0f pairs a second, %6.2f us each\n", rows[i].name, (double)count / taken,
               taken * 1e6 / (double)count);
        for (size_t pair = 0; pair < PREPARED; pair++) {
            for (size_t leg = 0; leg < LEG_COUNT; leg++)
                strbuf_deinit(&pairs[pair].legs[leg]);
        }
    }
    mem_free(pairs);
    return 0;
}
