/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as Prometheus series (text format 0.0.4). */
#include "judge/verdict.h"

#include <inttypes.h>

/* Escaped as label values are: backslash, quote and line feed. */
static void add_value(struct strbuf *out, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\n')
            strbuf_add(out, STR("\\n"));
        else if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            strbuf_printf(out, "\\%c", value.ptr[i]);
        else
            strbuf_add_char(out, value.ptr[i]);
    }
}

static void add_series(struct strbuf *out, const char *name, const struct tally_key *key)
{
    strbuf_printf(out, "%s{route=\"", name);
    add_value(out, key->route);
    strbuf_add(out, STR("\",mirror=\""));
    add_value(out, key->mirror);
    strbuf_add_char(out, '"');
}

static void add_help(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_pairs(struct strbuf *out, const struct verdict *verdict)
{
    uint64_t known = verdict->bodies_compared + verdict->mismatched;
    const struct {
        const char *result;
        uint64_t count;
    } results[] = {
        {"same", verdict->bodies_same},
        {"noise", verdict->bodies_noise},
        {"different", verdict->bodies_different},
        {"mismatched", verdict->mismatched},
        {"not_compared", verdict->pairs > known ? verdict->pairs - known : 0},
    };
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        add_series(out, "umbra_pairs_total", &verdict->key);
        strbuf_printf(out, ",result=\"%s\"} %" PRIu64 "\n", results[i].result, results[i].count);
    }
}

static void add_delta(struct strbuf *out, const struct verdict *verdict, const char *quantile,
                      const struct interval *interval)
{
    const struct {
        const char *bound;
        double value_ms;
    } bounds[] = {{"value", interval->value}, {"low", interval->low}, {"high", interval->high}};
    for (size_t i = 0; interval->is_there && i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        add_series(out, "umbra_latency_delta_seconds", &verdict->key);
        strbuf_printf(out, ",quantile=\"%s\",bound=\"%s\"} %.9g\n", quantile, bounds[i].bound,
                      bounds[i].value_ms / 1000);
    }
}

void verdicts_metrics(const struct verdict *verdicts, size_t count, struct strbuf *out)
{
    add_help(out, "umbra_verdict", "gauge", "1 for the verdict of a mirror that holds now, 0 for the others.");
    for (size_t i = 0; i < count; i++) {
        for (unsigned kind = 0; kind < VERDICT_KIND_COUNT; kind++) {
            add_series(out, "umbra_verdict", &verdicts[i].key);
            strbuf_printf(out, ",verdict=\"%s\"} %d\n", verdict_name((enum verdict_kind)kind),
                          verdicts[i].kind == (enum verdict_kind)kind);
        }
    }
    add_help(
        out, "umbra_pairs_total", "counter",
        "Pairs by what became of them: mismatched by status, else by body. Begins anew with each revision; pairs go "
        "over from noise to different once a field is known to differ.");
    for (size_t i = 0; i < count; i++)
        add_pairs(out, &verdicts[i]);
    add_help(out, "umbra_latency_delta_seconds", "gauge",
             "The shadow's quantile of latency less live's, and the ends of its interval.");
    for (size_t i = 0; i < count; i++) {
        add_delta(out, &verdicts[i], "0.5", &verdicts[i].delta_p50);
        add_delta(out, &verdicts[i], "0.99", &verdicts[i].delta_p99);
    }
}
