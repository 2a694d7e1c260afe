/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_verdicts.h"

#include "admin/text.h"

#include <ctype.h>

#define SAY_AGAIN_NS 3000000000ull
#define SAID_INDENT 7 /* the clock's */

const char *demo_shadow_name(size_t shadow)
{
    return shadow == 0 ? "shadow" : "clean";
}

void demo_judged_numbers(const struct demo_judged *judged, struct strbuf *page)
{
    strbuf_printf(page, "%s %s", text_count(judged->pairs).ptr, judged->pairs == 1 ? "pair" : "pairs");
    if (judged->failed)
        strbuf_printf(page, "; %s of copies failed", text_share(judged->failed, judged->attempted).ptr);
}

/* ---- in few lines ---- */

/* As much as fits, up to a blank where there is one. */
static struct str take_line(struct str *rest, size_t width)
{
    size_t len = rest->len;
    if (len > width) {
        len = width;
        while (len > 0 && rest->ptr[len] != ' ')
            len--;
        if (len == 0)
            len = width;
    }
    struct str line = str_slice(*rest, 0, len);
    *rest = str_trim(str_slice(*rest, len, rest->len));
    return line;
}

size_t demo_sentence(const char *sentence, size_t rows, size_t indent, size_t width, struct strbuf *page)
{
    struct str rest = str_from_c(sentence);
    size_t used = 0;
    for (; used < rows && rest.len; used++) {
        struct str line = used + 1 < rows ? take_line(&rest, width) : rest;
        strbuf_printf(page, "%*s", (int)indent, "");
        text_add_cell(page, line, (int)width);
        strbuf_add_char(page, '\n');
        if (used + 1 == rows)
            rest = STR("");
    }
    return used;
}

size_t demo_judged_reasons(const struct demo_judged *judged, size_t rows, size_t indent, size_t width,
                           struct strbuf *page)
{
    size_t used = 0;
    for (size_t i = 0; i < judged->reason_count && used < rows; i++) {
        size_t left = rows - used, others = judged->reason_count - i - 1;
        bool is_wide = left >= 2 && (left > others + 1 || rows == 2);
        used += demo_sentence(judged->reasons[i], is_wide ? 2 : 1, indent, width, page);
    }
    return used;
}

/* ---- as they come ---- */

static bool is_of_number(char c)
{
    return isdigit((unsigned char)c) || c == '.' || c == ',' || c == '+' || c == '-';
}

static bool is_alike(const char *a, const char *b)
{
    do {
        while (is_of_number(*a))
            a++;
        while (is_of_number(*b))
            b++;
        if (*a != *b)
            return false;
    } while (*a++ && *b++);
    return true;
}

/* The same verdict for the same reasons, in any order. */
static bool is_same(const struct demo_judged *a, const struct demo_judged *b)
{
    if (a->kind != b->kind || a->reason_count != b->reason_count)
        return false;
    for (size_t i = 0; i < a->reason_count; i++) {
        size_t k = 0;
        while (k < b->reason_count && !is_alike(a->reasons[i], b->reasons[k]))
            k++;
        if (k == b->reason_count)
            return false;
    }
    return true;
}

static void add_verdict(const struct demo_verdicts *verdicts, size_t shadow, size_t indent, struct strbuf *page)
{
    const struct demo_judged *judged = &verdicts->judgement->shadows[shadow];
    strbuf_printf(page, "%s %.*s  ", demo_shadow_name(shadow), STR_ARG(verdicts->labels[shadow]));
    if (!judged->is_there) {
        strbuf_add(page, STR("no verdict: nothing was compared\n"));
        return;
    }
    strbuf_printf(page, "%s  ", verdict_name(judged->kind));
    demo_judged_numbers(judged, page);
    strbuf_add_char(page, '\n');
    for (size_t i = 0; i < judged->reason_count; i++) {
        strbuf_printf(page, "%*s", (int)indent, "");
        text_add_clean(page, str_from_c(judged->reasons[i]));
        strbuf_add_char(page, '\n');
    }
}

static bool is_worth_saying(const struct demo_judged *judged, const struct demo_judged *last, uint64_t ago_ns)
{
    if (!judged->is_there || !last->is_there)
        return judged->is_there;
    if (demo_judged_is_settled(judged) && !demo_judged_is_settled(last))
        return true;
    bool is_changed = judged->kind != last->kind || (demo_judged_is_settled(judged) && !is_same(judged, last));
    return is_changed && ago_ns >= SAY_AGAIN_NS;
}

void demo_verdicts_say(const struct demo_verdicts *verdicts, struct demo_said *said, uint64_t now_ns, struct str clock,
                       struct strbuf *page)
{
    const struct demo_judgement *judgement = verdicts->judgement;
    if (strcmp(judgement->trouble, said->trouble) != 0) {
        memcpy(said->trouble, judgement->trouble, sizeof(said->trouble));
        if (judgement->trouble[0])
            strbuf_printf(page, "%.*s  no verdicts now: %s\n", STR_ARG(clock), judgement->trouble);
    }
    for (size_t i = 0; i < DEMO_SHADOWS; i++) {
        if (!is_worth_saying(&judgement->shadows[i], &said->last[i], now_ns - said->at_ns[i]))
            continue;
        strbuf_printf(page, "%.*s  ", STR_ARG(clock));
        add_verdict(verdicts, i, SAID_INDENT + 2, page);
        said->last[i] = judgement->shadows[i];
        said->at_ns[i] = now_ns;
    }
}

/* ---- at the end ---- */

void demo_verdicts_add(const struct demo_verdicts *verdicts, struct strbuf *page)
{
    for (size_t i = 0; i < DEMO_SHADOWS; i++) {
        strbuf_add(page, STR("  "));
        add_verdict(verdicts, i, 4, page);
    }
}

void demo_faults_add(const struct demo_judgement *judgement, size_t indent, size_t width, struct strbuf *page)
{
    for (size_t i = 0; i < SHOP_FAULTS; i++) {
        const char *found = judgement->shadows[0].found[i];
        struct str words = str_from_c(found[0] ? found : "not found yet");
        strbuf_printf(page, "%*s", i == 0 ? 0 : (int)indent, "");
        text_add_cell(page, str_from_c(shop_planted_faults[i].words), DEMO_FAULT_WIDTH);
        if (width)
            text_add_cell(page, words, (int)width - DEMO_FAULT_WIDTH);
        else
            text_add_clean(page, words);
        strbuf_add_char(page, '\n');
    }
}
