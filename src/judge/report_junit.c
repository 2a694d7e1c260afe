/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit XML as CI systems read it: a test case per route and mirror. */
#include "base/utf8.h"
#include "judge/report.h"

/* Escaped for text and attributes; what XML 1.0 (section 2.2) has no place for becomes U+FFFD. */
static void add_escaped(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len;) {
        unsigned char byte = (unsigned char)text.ptr[i];
        size_t len = utf8_len(str_slice(text, i, text.len));
        struct str character = str_slice(text, i, i + len);
        i += len > 0 ? len : 1;
        if (len == 0 || (byte < 0x20 && byte != '\t' && byte != '\n') || str_eq(character, STR("\xef\xbf\xbe")) ||
            str_eq(character, STR("\xef\xbf\xbf")))
            strbuf_add(out, STR(UTF8_REPLACEMENT));
        else if (byte == '<')
            strbuf_add(out, STR("&lt;"));
        else if (byte == '>')
            strbuf_add(out, STR("&gt;"));
        else if (byte == '&')
            strbuf_add(out, STR("&amp;"));
        else if (byte == '"')
            strbuf_add(out, STR("&quot;"));
        else if (byte == '\n')
            strbuf_add(out, STR("&#10;"));
        else
            strbuf_add(out, character);
    }
}

static void add_outcome(struct strbuf *out, const struct verdict *verdict)
{
    static const char *const elements[] = {
        [VERDICT_PASS] = NULL, [VERDICT_FAIL] = "failure", [VERDICT_INSUFFICIENT] = "skipped"};
    const char *element = elements[verdict->kind];
    if (element) {
        strbuf_printf(out, "    <%s message=\"", element);
        add_escaped(out, verdict->reason_count > 0 ? verdict->reasons[0] : STR(""));
        strbuf_add(out, STR("\">"));
        for (size_t i = 0; i < verdict->reason_count; i++) {
            add_escaped(out, verdict->reasons[i]);
            strbuf_add_char(out, '\n');
        }
        strbuf_printf(out, "</%s>\n", element);
        return;
    }
    strbuf_add(out, STR("    <system-out>"));
    for (size_t i = 0; i < verdict->reason_count; i++) {
        add_escaped(out, verdict->reasons[i]);
        strbuf_add_char(out, '\n');
    }
    strbuf_add(out, STR("</system-out>\n"));
}

void report_junit(const struct report_source *source, struct strbuf *out)
{
    size_t counts[VERDICT_KIND_COUNT] = {0};
    for (size_t i = 0; i < source->count; i++)
        counts[source->verdicts[i].kind]++;
    strbuf_printf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"umbra\" tests=\"%zu\" failures=\"%zu\" "
        "skipped=\"%zu\" errors=\"%zu\">\n",
        source->count + source->unreached_count, counts[VERDICT_FAIL], counts[VERDICT_INSUFFICIENT],
        source->unreached_count);
    for (size_t i = 0; i < source->count; i++) {
        strbuf_add(out, STR("  <testcase classname=\""));
        add_escaped(out, source->verdicts[i].key.route);
        strbuf_add(out, STR("\" name=\""));
        add_escaped(out, source->verdicts[i].key.mirror);
        strbuf_add(out, STR("\">\n"));
        add_outcome(out, &source->verdicts[i]);
        strbuf_add(out, STR("  </testcase>\n"));
    }
    for (size_t i = 0; i < source->unreached_count; i++) {
        strbuf_add(out, STR("  <testcase classname=\"umbra\" name=\"admin port\">\n    <error message=\""));
        add_escaped(out, str_from_c(source->unreached[i]));
        strbuf_add(out, STR("\"/>\n  </testcase>\n"));
    }
    strbuf_add(out, STR("</testsuite>\n"));
}
