/* SPDX-License-Identifier: Apache-2.0 */
/* For the comment of a pull request. */
#include "judge/report.h"

#include <inttypes.h>

#define FINDINGS 20

/* What peers wrote must not become markup: GitHub Flavored Markdown 2.4, backslash escapes, and no line ends. */
static void add_escaped(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if ((unsigned char)byte < 0x20) {
            strbuf_add_char(out, ' ');
            continue;
        }
        if (strchr("\\`*_{}[]<>|#~&!@", byte))
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, byte);
    }
}

static void add_row(struct strbuf *out, const char *name, struct strbuf *value)
{
    strbuf_printf(out, "| %s | ", name);
    add_escaped(out, strbuf_str(value));
    strbuf_add(out, STR(" |\n"));
    strbuf_deinit(value);
}

static void add_figures(struct strbuf *out, const struct verdict *verdict)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add(out, STR("\n| | |\n|---|---|\n"));
    strbuf_printf(&text, "%" PRIu64 " of %" PRIu64 " copies; %" PRIu64 " failed by the shadow, %" PRIu64 " lost",
                  verdict->pairs, verdict->attempted, verdict->shadow_failed, verdict->lost);
    add_row(out, "pairs", &text);
    strbuf_add(&text, STR("live "));
    report_add_statuses(&text, verdict->live_status);
    strbuf_add(&text, STR("; shadow "));
    report_add_statuses(&text, verdict->shadow_status);
    strbuf_printf(&text, "; %" PRIu64 " differ", verdict->mismatched);
    add_row(out, "status", &text);
    strbuf_printf(&text, "%" PRIu64 " compared, %" PRIu64 " same, %" PRIu64 " noise, %" PRIu64 " different",
                  verdict->bodies_compared, verdict->bodies_same, verdict->bodies_noise, verdict->bodies_different);
    add_row(out, "bodies", &text);
    report_add_interval(&text, &verdict->delta_p50);
    add_row(out, "added p50", &text);
    report_add_interval(&text, &verdict->delta_p99);
    add_row(out, "added p99", &text);
}

static void add_findings(struct strbuf *out, const struct verdict *verdict)
{
    if (verdict->finding_count == 0)
        return;
    strbuf_printf(out, "\n<details><summary>%zu findings</summary>\n\n", verdict->finding_count);
    for (size_t i = 0; i < verdict->finding_count && i < FINDINGS; i++) {
        strbuf_printf(out, "- %s: ", finding_severity_name(verdict->findings[i].severity));
        add_escaped(out, verdict->findings[i].summary);
        strbuf_add_char(out, '\n');
    }
    if (verdict->finding_count > FINDINGS)
        strbuf_printf(out, "- and %zu more\n", verdict->finding_count - FINDINGS);
    strbuf_add(out, STR("\n</details>\n"));
}

void report_markdown(const struct report_source *source, struct strbuf *out)
{
    if (source->count == 0)
        strbuf_add(out, STR("### Umbra: INSUFFICIENT\n\nThere is nothing to judge yet: no pair has been taken.\n"));
    for (size_t i = 0; i < source->count; i++) {
        const struct verdict *verdict = &source->verdicts[i];
        strbuf_printf(out, "%s### Umbra: %s for ", i > 0 ? "\n" : "", verdict_name(verdict->kind));
        add_escaped(out, verdict->key.route);
        strbuf_add(out, STR(" → "));
        add_escaped(out, verdict->key.mirror);
        strbuf_add(out, STR("\n\n"));
        for (size_t r = 0; r < verdict->reason_count; r++) {
            strbuf_add(out, STR("- "));
            add_escaped(out, verdict->reasons[r]);
            strbuf_add_char(out, '\n');
        }
        add_figures(out, verdict);
        add_findings(out, verdict);
    }
    for (size_t i = 0; i < source->unreached_count; i++) {
        strbuf_add(out, STR("\n**Not reached:** "));
        add_escaped(out, str_from_c(source->unreached[i]));
        strbuf_add_char(out, '\n');
    }
}
