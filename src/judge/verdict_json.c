/* SPDX-License-Identifier: Apache-2.0 */
/* How verdicts are written for programs: DESIGN 6 "Judgement". */
#include "judge/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

const char *const report_status_classes[6] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};

void report_add_time(struct strbuf *out, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    char text[32];
    if (wall_ns == 0 || !gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        strbuf_add_char(out, '-');
    else
        strbuf_add(out, str_from_c(text));
}

/* A JSON number with at most `decimals`, without trailing zeros. */
static void add_number(struct strbuf *out, double value, int decimals)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%.*f", decimals, isfinite(value) && fabs(value) < 1e15 ? value : 0);
    struct str number = {text, (size_t)len};
    while (decimals > 0 && str_ends_with(number, STR("0")))
        number.len--;
    if (str_ends_with(number, STR(".")))
        number.len--;
    strbuf_add(out, str_eq(number, STR("-0")) ? STR("0") : number);
}

static void add_text(struct strbuf *out, const char *name, struct str text)
{
    strbuf_printf(out, "\"%s\": ", name);
    strbuf_add_json(out, text);
}

static void add_statuses(struct strbuf *out, const char *name, const uint64_t counts[6])
{
    bool is_first = true;
    strbuf_printf(out, "\"%s\": {", name);
    for (size_t i = 1; i <= 6; i++) {
        if (counts[i % 6] == 0)
            continue;
        strbuf_printf(out, "%s\"%s\": %" PRIu64, is_first ? "" : ", ", report_status_classes[i % 6], counts[i % 6]);
        is_first = false;
    }
    strbuf_add_char(out, '}');
}

static void add_side(struct strbuf *out, const char *name, const struct latency_side *side)
{
    const struct {
        const char *name;
        double value;
    } quantiles[] = {{"p50", side->p50}, {"p95", side->p95}, {"p99", side->p99}};
    strbuf_printf(out, "\"%s\": {", name);
    for (size_t i = 0; i < 3; i++) {
        strbuf_printf(out, "%s\"%s\": ", i > 0 ? ", " : "", quantiles[i].name);
        if (side->is_there)
            add_number(out, quantiles[i].value, 3);
        else
            strbuf_add(out, STR("null"));
    }
    strbuf_add_char(out, '}');
}

static void add_interval(struct strbuf *out, const char *name, const struct interval *interval)
{
    strbuf_printf(out, "\"%s\": ", name);
    if (!interval->is_there) {
        strbuf_add(out, STR("null"));
        return;
    }
    strbuf_add(out, STR("{\"value\": "));
    add_number(out, interval->value, 3);
    strbuf_add(out, STR(", \"low\": "));
    add_number(out, interval->low, 3);
    strbuf_add(out, STR(", \"high\": "));
    add_number(out, interval->high, 3);
    strbuf_add_char(out, '}');
}

static void add_latency(struct strbuf *out, const struct verdict *verdict)
{
    strbuf_add(out, STR("\"latency_ms\": {"));
    add_side(out, "live", &verdict->live);
    strbuf_add(out, STR(", "));
    add_side(out, "shadow", &verdict->shadow);
    strbuf_add(out, STR(", \"delta\": {"));
    add_interval(out, "p50", &verdict->delta_p50);
    strbuf_add(out, STR(", "));
    add_interval(out, "p99", &verdict->delta_p99);
    strbuf_add(out, STR("}}"));
}

static void add_blind(struct strbuf *out, const struct verdict *verdict)
{
    strbuf_add(out, STR("\"blind\": ["));
    for (size_t i = 0; i < verdict->blind_count; i++) {
        const struct blind_field *blind = &verdict->blind[i];
        strbuf_add(out, i > 0 ? STR(", {") : STR("{"));
        add_text(out, "field", blind->field);
        strbuf_add(out, STR(", \"rate\": "));
        add_number(out, blind->rate, 4);
        strbuf_add(out, STR(", "));
        add_text(out, "endpoint", blind->endpoint);
        strbuf_printf(out, ", \"proposed\": %s}", blind->is_proposed ? "true" : "false");
    }
    strbuf_add_char(out, ']');
}

static void add_time(struct strbuf *out, const char *name, uint64_t wall_ns)
{
    strbuf_printf(out, "\"%s\": ", name);
    if (wall_ns == 0) {
        strbuf_add(out, STR("null"));
        return;
    }
    strbuf_add_char(out, '"');
    report_add_time(out, wall_ns);
    strbuf_add_char(out, '"');
}

void verdict_json(const struct verdict *verdict, struct strbuf *out)
{
    strbuf_add_char(out, '{');
    add_text(out, "route", verdict->key.route);
    strbuf_add(out, STR(", "));
    add_text(out, "mirror", verdict->key.mirror);
    strbuf_printf(out, ", \"verdict\": \"%s\", \"reasons\": [", verdict_name(verdict->kind));
    for (size_t i = 0; i < verdict->reason_count; i++) {
        strbuf_add(out, i > 0 ? STR(", ") : STR(""));
        strbuf_add_json(out, verdict->reasons[i]);
    }
    strbuf_add(out, STR("], "));
    add_time(out, "since", verdict->since_ns);
    strbuf_add(out, STR(", \"revision\": {"));
    add_text(out, "live", verdict->key.live_revision);
    strbuf_add(out, STR(", "));
    add_text(out, "shadow", verdict->key.shadow_revision);
    strbuf_printf(out, "}, \"pairs\": %" PRIu64 ", \"unpaired\": %" PRIu64 ", ", verdict->pairs, verdict->unpaired);
    strbuf_printf(out,
                  "\"delivery\": {\"attempted\": %" PRIu64 ", \"shadow_failed\": %" PRIu64 ", \"lost\": %" PRIu64 "}, ",
                  verdict->attempted, verdict->shadow_failed, verdict->lost);
    strbuf_add(out, STR("\"status\": {"));
    add_statuses(out, "live", verdict->live_status);
    strbuf_add(out, STR(", "));
    add_statuses(out, "shadow", verdict->shadow_status);
    strbuf_printf(out, ", \"mismatched\": %" PRIu64 ", \"new_errors\": %" PRIu64 "}, ", verdict->mismatched,
                  verdict->new_errors);
    strbuf_printf(out,
                  "\"body\": {\"compared\": %" PRIu64 ", \"same\": %" PRIu64 ", \"noise\": %" PRIu64
                  ", \"different\": %" PRIu64 "}, \"headers\": {\"different\": %" PRIu64 "}, ",
                  verdict->bodies_compared, verdict->bodies_same, verdict->bodies_noise, verdict->bodies_different,
                  verdict->headers_different);
    add_latency(out, verdict);
    strbuf_add(out, STR(", "));
    add_blind(out, verdict);
    strbuf_add_char(out, '}');
}

void finding_json(const struct finding *finding, struct strbuf *out)
{
    strbuf_printf(out, "{\"id\": \"%s\", \"kind\": \"%s\", \"severity\": \"%s\", ", finding->id,
                  finding_kind_name(finding->kind), finding_severity_name(finding->severity));
    const struct {
        const char *name;
        struct str text;
    } texts[] = {{"route", finding->route},
                 {"mirror", finding->mirror},
                 {"endpoint", finding->endpoint},
                 {"field", finding->field}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        add_text(out, texts[i].name, texts[i].text);
        strbuf_add(out, STR(", "));
    }
    strbuf_printf(out, "\"count\": %" PRIu64 ", \"rate\": ", finding->count);
    add_number(out, finding->rate, 6);
    strbuf_add(out, STR(", "));
    add_time(out, "first_seen", finding->first_ns);
    strbuf_add(out, STR(", "));
    add_time(out, "last_seen", finding->last_ns);
    strbuf_add(out, STR(", "));
    add_text(out, "summary", finding->summary);
    strbuf_add_char(out, '}');
}
