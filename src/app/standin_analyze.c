/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for src/analyze until that is there: counts records. */
#include "analyze/analyze.h"

#include "base/mem.h"

#include <stdlib.h>

struct analyze {
    uint64_t records, damaged;
};

struct analyze *analyze_new(const struct analyze_options *options)
{
    (void)options;
    return mem_alloc(sizeof(struct analyze));
}
void analyze_free(struct analyze *analyze)
{
    mem_free(analyze);
}
void analyze_set_plan(struct analyze *analyze, const struct plan *plan)
{
    (void)analyze, (void)plan;
}
enum analyze_result analyze_record(struct analyze *analyze, unsigned worker, struct str record)
{
    (void)worker, (void)record;
    analyze->records++;
    return ANALYZE_OK;
}
bool analyze_tick(struct analyze *analyze, uint64_t now_ns, uint64_t wall_ns)
{
    (void)analyze, (void)now_ns, (void)wall_ns;
    return true;
}
void analyze_ask(struct analyze *analyze, struct str path, struct str query, uint64_t wall_ns,
                 struct analyze_answer *answer)
{
    (void)wall_ns;
    answer->status = 200;
    answer->content_type = "application/json";
    strbuf_printf(&answer->body, "{\"verdicts\":[],\"records\":%llu,\"path\":\"%.*s\",\"query\":\"%.*s\"}\n",
                  (unsigned long long)analyze->records, STR_ARG(path), STR_ARG(query));
    if (str_eq(query, STR("big")))
        for (int i = 0; i < 100000; i++)
            strbuf_add(&answer->body, STR("0123456789abcdef0123456789abcdef\n"));
    if (str_eq(query, STR("stuck")))
        for (;;)
            ;
}
void analyze_metrics(struct analyze *analyze, struct strbuf *out)
{
    strbuf_printf(out, "# TYPE umbra_analyst_records_total counter\numbra_analyst_records_total %llu\n",
                  (unsigned long long)analyze->records);
}
bool analyze_events(struct analyze *analyze, uint64_t *last, struct strbuf *out)
{
    (void)analyze;
    if (*last)
        return false;
    *last = 1;
    strbuf_add(out, STR("id: 1\nevent: finding\ndata: {}\n\n"));
    return true;
}
