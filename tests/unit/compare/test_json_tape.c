/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "compare/comparer.h"
#include "json_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DEPTH 12
#define MOST 4000
#define DOCUMENTS 4000

/* ---- random documents ---- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static unsigned draw(uint64_t *state, unsigned below)
{
    return (unsigned)(next_random(state) >> 20) % below;
}

static void add_blanks(struct strbuf *out, uint64_t *state)
{
    static const char *const blanks[] = {" ", "\n", "\t ", "\r\n    "};
    if (draw(state, 12) == 0)
        strbuf_add(out, str_from_c(blanks[draw(state, 4)]));
}

static void add_string(struct strbuf *out, uint64_t *state)
{
    static const char *const pieces[] = {"a",
                                         "name",
                                         "\\n",
                                         "\\\"",
                                         "\xc3\xa9",
                                         "\\u00e9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "\\ud83d\\ude00",
                                         "0123456789",
                                         " and so on, ",
                                         "{\\\\}[],:"};
    unsigned count = draw(state, 8) == 0 ? draw(state, 20) : draw(state, 3);
    strbuf_add_char(out, '"');
    for (unsigned i = 0; i < count; i++)
        strbuf_add(out, str_from_c(pieces[draw(state, sizeof(pieces) / sizeof(pieces[0]))]));
    strbuf_add_char(out, '"');
}

static void add_value(struct strbuf *out, uint64_t *state, unsigned depth)
{
    static const char *const scalars[] = {"0",    "-1",    "12345678", "1.50", "1e3", "-0.25E-2",
                                          "true", "false", "null",     "[]",   "{ }"};
    unsigned kind = draw(state, depth > 0 ? 6 : 3), count = draw(state, 5);
    add_blanks(out, state);
    if (kind == 0 || kind == 1) {
        strbuf_add(out, str_from_c(scalars[draw(state, sizeof(scalars) / sizeof(scalars[0]))]));
    } else if (kind == 2) {
        add_string(out, state);
    } else {
        bool is_object = kind > 3;
        strbuf_add_char(out, is_object ? '{' : '[');
        for (unsigned i = 0; i < count; i++) {
            if (i > 0)
                strbuf_add_char(out, ',');
            if (is_object) {
                add_blanks(out, state);
                add_string(out, state);
                add_blanks(out, state);
                strbuf_add_char(out, ':');
            }
            add_value(out, state, depth - 1);
        }
        strbuf_add_char(out, is_object ? '}' : ']');
    }
    add_blanks(out, state);
}

/* Some places of it are changed, cut out or doubled; at any byte, or at one that matters. */
static void add_changed(struct strbuf *out, struct str text, uint64_t *state)
{
    static const char *const pieces[] = {
        "1", "22", "\"x\"", ",", "]", "}", "[", "{\"a\":", "\\", "\"", " ", "\xff", "null", "3,4", "\"b\":2,"};
    unsigned changes = draw(state, 4), done = 0;
    size_t at = 0;
    while (changes > 0 && text.len > 0) {
        size_t place = at + draw(state, (unsigned)(text.len - at) + 1), skip = draw(state, 3) == 0 ? draw(state, 9) : 0;
        while (draw(state, 4) > 0 && place < text.len && !strchr("[{,:0123456789", text.ptr[place]))
            place++;
        strbuf_add(out, str_slice(text, at, place));
        if (draw(state, 2) == 0 && place < text.len && text.ptr[place] >= '0' && text.ptr[place] <= '8') {
            strbuf_add_char(out, (char)(text.ptr[place++] + 1));
        } else if (draw(state, 3) == 0) {
            strbuf_add(out, str_from_c(pieces[draw(state, sizeof(pieces) / sizeof(pieces[0]))]));
        }
        at = place + skip < text.len ? place + skip : text.len;
        changes--;
        done++;
    }
    strbuf_add(out, str_slice(text, at, text.len));
}

/* ---- tapes ---- */

static void check_tape(const struct json *json, const struct json_reference *reference, struct str text)
{
    if (json->count != reference->count)
        fail_msg("%u values, not %u: %.*s", json->count, reference->count, STR_ARG(text));
    for (uint32_t i = 0; i < json->count; i++) {
        const struct json_value *is = &json->values[i], *should = &reference->values[i];
        if (is->at != should->at || is->size != should->size || is->next != should->next || is->kind != should->kind ||
            is->is_escaped != should->is_escaped || is->twins != TWINS_UNKNOWN)
            fail_msg("value %u is not what it should be: %.*s", i, STR_ARG(text));
    }
}

static void check_same(const struct json *json, const struct json *model)
{
    for (uint32_t i = 0; i < json->count; i++) {
        if (!json->values[i].is_same)
            continue;
        assert_true(model && i < model->count);
        if (json->values[i].next != model->values[i].next || !str_eq(json_text(json, i), json_text(model, i)))
            fail_msg("value %u is not the same: %.*s|%.*s", i, STR_ARG(json_text(json, 0)),
                     STR_ARG(json_text(model, 0)));
    }
}

/* In memory of its own, so that a sanitizer sees what is read behind the end. */
static struct str exact_copy(struct str text)
{
    char *bytes = mem_alloc_raw(text.len + (text.len == 0));
    memcpy(bytes, text.ptr ? text.ptr : "", text.len);
    return (struct str){bytes, text.len};
}

struct readers {
    struct json live, plain, like;
    struct json_reference reference;
};

static void readers_init(struct readers *readers)
{
    *readers = (struct readers){0};
    json_init(&readers->live, DEPTH);
    json_init(&readers->plain, DEPTH);
    json_init(&readers->like, DEPTH);
}

static void readers_deinit(struct readers *readers)
{
    json_deinit(&readers->live);
    json_deinit(&readers->plain);
    json_deinit(&readers->like);
    json_reference_deinit(&readers->reference);
}

/* True: both are JSON. */
static bool check_texts(struct readers *readers, struct str live, struct str other, size_t most)
{
    enum json_result expected = json_reference_read(&readers->reference, live, DEPTH, MOST);
    enum json_result result = json_parse(&readers->live, live, MOST);
    if (result != expected)
        fail_msg("%d, not %d: %.*s", result, expected, STR_ARG(live));
    if (result != JSON_OK)
        return false;
    check_tape(&readers->live, &readers->reference, live);
    expected = json_reference_read(&readers->reference, other, DEPTH, most);
    enum json_result plain = json_parse(&readers->plain, other, most);
    enum json_result like = json_parse_like(&readers->like, other, most, &readers->live);
    if (plain != expected || like != expected)
        fail_msg("%d and %d, not %d: %.*s|%.*s", plain, like, expected, STR_ARG(live), STR_ARG(other));
    if (expected != JSON_OK)
        return false;
    check_tape(&readers->plain, &readers->reference, other);
    check_tape(&readers->like, &readers->reference, other);
    check_same(&readers->plain, NULL);
    check_same(&readers->like, &readers->live);
    return true;
}

static void test_texts_are_read_as_byte_by_byte(void **state)
{
    (void)state;
    struct readers readers;
    uint64_t seed = 88172645463325252u;
    unsigned good = 0;
    readers_init(&readers);
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        struct strbuf text = STRBUF_INIT, changed = STRBUF_INIT;
        add_value(&text, &seed, 1 + draw(&seed, 6));
        add_changed(&changed, strbuf_str(&text), &seed);
        struct str live = exact_copy(strbuf_str(&text)), other = exact_copy(strbuf_str(&changed));
        good += check_texts(&readers, live, other, MOST);
        good += check_texts(&readers, other, live, MOST);
        (void)check_texts(&readers, live, other, draw(&seed, 12));
        mem_free((char *)live.ptr);
        mem_free((char *)other.ptr);
        strbuf_deinit(&text);
        strbuf_deinit(&changed);
    }
    readers_deinit(&readers);
    assert_true(good > DOCUMENTS / 4);
}

static void test_what_is_the_same_is_taken_over(void **state)
{
    (void)state;
    static const struct {
        const char *live, *other;
        unsigned same;
    } rows[] = {
        {"[1,2,3]", "[1,2,3] ", 4},
        {"12", "12", 0}, /* more digits could follow */
        {"{\"a\":1,\"b\":[1,2],\"c\":3,\"d\":4}", "{\"a\":7,\"b\":[1,2],\"c\":3,\"d\":4}", 8},
        {"[[1,2],[3,[4]],5,6]", "[[1,2],[3,[\"four\"]],5,6]", 6},
        {"[1,2,3,4]", "[1,[],3,4]", 2},
        {"[1,2,3,4]", "[1,[2],3,4]", 0},
        {"[1,2,3,4]", "[1,3,4]", 0},
        {"[[1],[2],3,4]", "[[1,2],3,4,5]", 0},
    };
    struct readers readers;
    readers_init(&readers);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned same = 0;
        assert_true(check_texts(&readers, str_from_c(rows[i].live), str_from_c(rows[i].other), MOST));
        for (uint32_t j = 0; j < readers.like.count; j++)
            same += readers.like.values[j].is_same;
        if (same != rows[i].same)
            fail_msg("%s: %u, not %u", rows[i].other, same, rows[i].same);
    }
    readers_deinit(&readers);
}

/* ---- what is found ---- */

static void compare_tapes(struct comparer *comparer, struct strbuf *found)
{
    report_begin(&comparer->report, COMPARE_MOST);
    compare_json(comparer, NULL);
    for (size_t i = 0; i < comparer->report.count; i++) {
        const struct difference *difference = &comparer->report.list[i];
        strbuf_printf(found, "%.*s %s %.*s|%.*s\n", STR_ARG(difference->field), difference_kind_name(difference->kind),
                      STR_ARG(difference->live), STR_ARG(difference->other));
    }
    strbuf_printf(found, "%zu", comparer->report.unnamed);
    scratch_trim(&comparer->scratch);
}

static void test_the_same_is_found_with_and_without_a_model(void **state)
{
    (void)state;
    struct comparer *comparer = comparer_new(&compare_limits_default);
    struct json *live = &comparer->json[SIDE_LIVE], *other = &comparer->json[SIDE_OTHER];
    uint64_t seed = 362436069u;
    unsigned compared = 0;
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        struct strbuf text = STRBUF_INIT, changed = STRBUF_INIT, plain = STRBUF_INIT, like = STRBUF_INIT;
        add_value(&text, &seed, 2 + draw(&seed, 4));
        add_changed(&changed, strbuf_str(&text), &seed);
        if (json_parse(live, strbuf_str(&text), MOST) == JSON_OK &&
            json_parse(other, strbuf_str(&changed), MOST) == JSON_OK) {
            compare_tapes(comparer, &plain);
            assert_int_equal(json_parse(live, strbuf_str(&text), MOST), JSON_OK);
            assert_int_equal(json_parse_like(other, strbuf_str(&changed), MOST, live), JSON_OK);
            compare_tapes(comparer, &like);
            if (!str_eq(strbuf_str(&plain), strbuf_str(&like)))
                fail_msg("%.*s\nnot\n%.*s\nof %.*s|%.*s", STR_ARG(strbuf_str(&like)), STR_ARG(strbuf_str(&plain)),
                         STR_ARG(strbuf_str(&text)), STR_ARG(strbuf_str(&changed)));
            compared++;
        }
        strbuf_deinit(&text);
        strbuf_deinit(&changed);
        strbuf_deinit(&plain);
        strbuf_deinit(&like);
    }
    comparer_free(comparer);
    assert_true(compared > DOCUMENTS / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_read_as_byte_by_byte),
        cmocka_unit_test(test_what_is_the_same_is_taken_over),
        cmocka_unit_test(test_the_same_is_found_with_and_without_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
