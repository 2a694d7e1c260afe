/* SPDX-License-Identifier: Apache-2.0 */
/* For a terminal of 100 columns: the verdict, why, and the figures behind it, on one screen. */
#include "judge/report.h"

#include <inttypes.h>

#define COLUMNS 100
#define FINDINGS 6
#define BLIND 3

/* Wrapped at blanks; lines after the first begin with `indent` blanks. What has no blank is cut hard. */
static void add_wrapped(struct strbuf *out, struct str first, size_t indent, struct str text)
{
    strbuf_add(out, first);
    size_t column = first.len;
    while (text.len > 0) {
        size_t end = str_find_char(text, ' ');
        struct str word = str_slice(text, 0, end);
        text = str_slice(text, end + 1, text.len);
        bool is_start = column <= indent;
        if (!is_start && column + 1 + word.len > COLUMNS) {
            strbuf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
            is_start = true;
        }
        if (!is_start) {
            strbuf_add_char(out, ' ');
            column++;
        }
        while (column + word.len > COLUMNS) {
            size_t room = COLUMNS - column;
            while (room > 0 && ((unsigned char)word.ptr[room] & 0xC0) == 0x80)
                room--;
            strbuf_add(out, str_slice(word, 0, room));
            strbuf_printf(out, "\n%*s", (int)indent, "");
            word = str_slice(word, room, word.len);
            column = indent;
        }
        strbuf_add(out, word);
        column += word.len;
    }
    strbuf_add_char(out, '\n');
}

static void add_line(struct strbuf *out, const char *name, struct strbuf *text)
{
    struct strbuf head = STRBUF_INIT;
    strbuf_printf(&head, "  %-9s", name);
    add_wrapped(out, strbuf_str(&head), 11, strbuf_str(text));
    strbuf_deinit(&head);
    strbuf_deinit(text);
}

static void add_latency(struct strbuf *out, const struct verdict *verdict)
{
    struct strbuf text = STRBUF_INIT;
    if (verdict->live.is_there)
        strbuf_printf(&text, "live p50 %.2f p99 %.2f ms, shadow p50 %.2f p99 %.2f ms; ", verdict->live.p50,
                      verdict->live.p99, verdict->shadow.p50, verdict->shadow.p99);
    strbuf_add(&text, STR("p50 "));
    report_add_interval(&text, &verdict->delta_p50);
    strbuf_add(&text, STR(", p99 "));
    report_add_interval(&text, &verdict->delta_p99);
    add_line(out, "latency", &text);
}

static void add_figures(struct strbuf *out, const struct verdict *verdict)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text,
                  "%" PRIu64 " attempted, %" PRIu64 " pairs, %" PRIu64 " failed by the shadow, %" PRIu64
                  " lost, %" PRIu64 " unpaired",
                  verdict->attempted, verdict->pairs, verdict->shadow_failed, verdict->lost, verdict->unpaired);
    add_line(out, "copies", &text);
    strbuf_add(&text, STR("live "));
    report_add_statuses(&text, verdict->live_status);
    strbuf_add(&text, STR("; shadow "));
    report_add_statuses(&text, verdict->shadow_status);
    strbuf_printf(&text, "; %" PRIu64 " differ", verdict->mismatched);
    add_line(out, "status", &text);
    strbuf_printf(&text,
                  "%" PRIu64 " compared: %" PRIu64 " same, %" PRIu64 " noise, %" PRIu64
                  " different; headers different in %" PRIu64,
                  verdict->bodies_compared, verdict->bodies_same, verdict->bodies_noise, verdict->bodies_different,
                  verdict->headers_different);
    add_line(out, "bodies", &text);
    add_latency(out, verdict);
}

static void add_findings(struct strbuf *out, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->finding_count && i < FINDINGS; i++) {
        const struct finding *finding = &verdict->findings[i];
        struct strbuf text = STRBUF_INIT;
        strbuf_printf(&text, "%s  %.*s  %.*s  %" PRIu64 " times (%.3g %%)", finding_severity_name(finding->severity),
                      STR_ARG(finding->endpoint), STR_ARG(finding->field), finding->count, finding->rate * 100);
        add_line(out, i == 0 ? "findings" : "", &text);
    }
    if (verdict->finding_count > FINDINGS) {
        struct strbuf text = STRBUF_INIT;
        strbuf_printf(&text, "and %zu more: GET /api/findings", verdict->finding_count - FINDINGS);
        add_line(out, "", &text);
    }
}

static void add_blind(struct strbuf *out, const struct verdict *verdict)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < verdict->blind_count && i < BLIND; i++)
        strbuf_printf(&text, "%s%.*s %.*s (%.3g %%)", i > 0 ? ", " : "", STR_ARG(verdict->blind[i].endpoint),
                      STR_ARG(verdict->blind[i].field), verdict->blind[i].rate * 100);
    if (verdict->blind_count > BLIND)
        strbuf_printf(&text, " and %zu more", verdict->blind_count - BLIND);
    if (verdict->blind_count > 0)
        add_line(out, "blind to", &text);
    else
        strbuf_deinit(&text);
}

static void add_verdict(struct strbuf *out, const struct verdict *verdict)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_printf(&text, "%.*s -> %.*s", STR_ARG(verdict->key.route), STR_ARG(verdict->key.mirror));
    struct strbuf head = STRBUF_INIT;
    strbuf_printf(&head, "%s  ", verdict_name(verdict->kind));
    add_wrapped(out, strbuf_str(&head), 6, strbuf_str(&text));
    strbuf_deinit(&head);
    strbuf_clear(&text);
    for (size_t i = 0; i < verdict->reason_count; i++)
        add_wrapped(out, STR("  - "), 4, verdict->reasons[i]);
    report_add_time(&text, verdict->since_ns);
    strbuf_add(&text, STR(" to "));
    report_add_time(&text, verdict->until_ns);
    if (verdict->key.live_revision.len > 0 || verdict->key.shadow_revision.len > 0)
        strbuf_printf(&text, ", live %.*s, shadow %.*s", STR_ARG(verdict->key.live_revision),
                      STR_ARG(verdict->key.shadow_revision));
    add_line(out, "judged", &text);
    add_figures(out, verdict);
    add_findings(out, verdict);
    add_blind(out, verdict);
}

void report_text(const struct report_source *source, struct strbuf *out)
{
    if (source->count == 0)
        strbuf_add(out, STR("INSUFFICIENT  There is nothing to judge yet: no pair has been taken.\n"));
    for (size_t i = 0; i < source->count; i++) {
        if (i > 0)
            strbuf_add_char(out, '\n');
        add_verdict(out, &source->verdicts[i]);
    }
    for (size_t i = 0; i < source->unreached_count; i++)
        add_wrapped(out, STR("not reached  "), 13, str_from_c(source->unreached[i]));
}
