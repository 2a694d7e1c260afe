/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/skim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_value(const char *text)
{
    struct str value;
    size_t at = 0;
    return skim_value(str_from_c(text), &at, &value) && at == str_from_c(text).len;
}

static void test_values_are_told_from_what_is_none(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "12E3",
        "\"\"",
        "\"a\\n\\u00e9\\ud83d\\ude00\"",
        "\"\xc3\xa9\"",
        "[]",
        "{}",
        "[1,2,[3]]",
        "{\"a\":{},\"b\":[{}]}",
        " \n[ 1 , { \"a\" : [ ] } ]",
    };
    static const char *const bad[] = {
        "",          " ",        "nul",       "tru e",      "01",      "1.",        ".5",          "-",
        "+1",        "1e",       "\"",        "\"\n\"",     "\"\\x\"", "\"\\u12\"", "\"\\ud83d\"", "\"\xc3\"",
        "\"\xff\"",  "[",        "[1",        "[1,",        "[1,]",    "[,1]",      "{",           "{\"a\"",
        "{\"a\":",   "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}",   "{1:1}",     "{\"a\" 1}",   "[1}",
        "{\"a\":1]", "]",        "}",         "[1 2]",      "'a'",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(is_value(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(is_value(bad[i]));
}

static void test_depth_is_bounded(void **state)
{
    char text[2 * SKIM_DEPTH + 4];
    (void)state;
    for (size_t depth = 1; depth <= SKIM_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        assert_int_equal(is_value(text), depth <= SKIM_DEPTH);
    }
}

static void test_members_are_found_where_they_are(void **state)
{
    const struct str object = STR(" { \"a\" : 1 , \"b\":{\"c\":[1,{\"a\":2}]},\"d\":\"x\" } ");
    struct skim skim;
    struct str name, value;
    (void)state;
    skim_open(&skim, object);
    assert_true(skim_next(&skim, &name, &value));
    assert_true(str_eq(name, STR("a")) && str_eq(value, STR("1")));
    assert_true(skim_next(&skim, &name, &value));
    assert_true(str_eq(name, STR("b")) && str_eq(value, STR("{\"c\":[1,{\"a\":2}]}")));
    assert_true(object.ptr[skim.begin] == '"' && object.ptr[skim.begin + 1] == 'b');
    assert_true(skim_next(&skim, &name, &value));
    assert_false(skim_is_whole(&skim));
    assert_false(skim_next(&skim, &name, &value));
    assert_true(skim_is_whole(&skim));
    assert_true(str_eq(skim_find(object, STR("d")), STR("\"x\"")));
    assert_true(str_eq(skim_find_text(object, STR("d")), STR("x")));
    assert_null(skim_find(object, STR("c")).ptr);
    assert_null(skim_find_text(object, STR("a")).ptr);
}

static void test_broken_objects_are_never_whole(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{\"a\":1", "{\"a\":1}x", "{\"a\":1,}", "{\"a\":1 2}", "{,\"a\":1}", "{\"a\":1}{}", "null"};
    struct skim skim;
    struct str name, value;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        skim_open(&skim, str_from_c(texts[i]));
        while (skim_next(&skim, &name, &value))
            ;
        assert_false(skim_is_whole(&skim));
    }
}

static void test_texts_are_read_as_people_mean_them(void **state)
{
    static const struct {
        const char *value, *text;
        size_t most;
    } cases[] = {
        {"\"a \\\"b\\\" \\\\ \\/ \\n\\t\\u00e9\\ud83d\\ude00\"", "a \"b\" \\ / \n\t\xc3\xa9\xf0\x9f\x98\x80", 100},
        {"\"abcdef\"", "abc", 3},
        {"5", "", 100},
        {"\"\"", "", 100},
        {"\"<\\u003c\"", "<<", 100},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct strbuf out = STRBUF_INIT;
        skim_read(&out, str_from_c(cases[i].value), cases[i].most);
        assert_string_equal(out.ptr ? out.ptr : "", cases[i].text);
        strbuf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_told_from_what_is_none),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_members_are_found_where_they_are),
        cmocka_unit_test(test_broken_objects_are_never_whole),
        cmocka_unit_test(test_texts_are_read_as_people_mean_them),
    };
    return cmocka_run_group_tests_name("kube/skim", tests, NULL, NULL);
}
