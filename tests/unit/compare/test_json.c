/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct row {
    const char *live, *other, *expected;
};

static void check_rows(const struct row *rows, size_t count, const struct compare_rules *rules)
{
    for (size_t i = 0; i < count; i++) {
        struct pair pair = {.rules = rules,
                            .type = "application/json",
                            .live = str_from_c(rows[i].live),
                            .other = str_from_c(rows[i].other)};
        pair_check(&pair, rows[i].expected);
    }
}
#define CHECK(rows, rules) check_rows(rows, sizeof(rows) / sizeof(rows[0]), rules)

static void test_documents_are_the_same_by_what_they_say(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", ""},
        {"{\"a\":1}", " {\t\"a\" : 1\r\n}\n", ""},
        {"[1,10,0,-0.0,100]", "[1.0,1e1,-0,0e9,1.00E+2]", ""},
        {"[123456789012345678901234567890]", "[123456789012345678901234567890.0]", ""},
        {"[0.001,12.5]", "[1e-3,0.125e2]", ""},
        {"[1e400]", "[10e399]", ""},
        {"\"\\u00e9\\n\\/\"", "\"\xc3\xa9\\u000a/\"", ""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", ""},
        {"{\"\\u0061\":1}", "{\"a\":1}", ""},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", ""},
        {"{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":2}", ""},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":7,\"a\":2}", ""},
        {"{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":null}", "{\"d\":null,\"b\":{\"c\":[1,2]},\"a\":1}", ""},
        {"[]", " []", ""},
        {"{}", "{ }", ""},
        {"[[],{},[{}]]", "[ [], {}, [ {} ] ]", ""},
        {"[{\"a\":1,\"b\":2},3]", "[{\"b\":2,\"a\":1.0},3e0]", ""},
    };
    CHECK(rows, NULL);
}

static void test_values_differ_at_their_field(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"a\":1}", "{\"a\":2}", "body.$.a value 1|2"},
        {"1", "2 ", "body.$ value 1|2"},
        {"{\"a\":{\"b\":\"x\"}}", "{\"a\":{\"b\":\"y\"}}", "body.$.a.b value \"x\"|\"y\""},
        {"{\"a\":12}", "{\"a\":\"12\"}", "body.$.a type 12|\"12\""},
        {"{\"a\":null}", "{\"a\":{}}", "body.$.a type null|{}"},
        {"{\"a\":true}", "{\"a\":false}", "body.$.a value true|false"},
        {"{\"a\":true}", "{\"a\":0}", "body.$.a type true|0"},
        {"[]", "{}", "body.$ type []|{}"},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", "body.$.b missing 2|"},
        {"{\"a\":1}", "{\"a\":1,\"b\":[2]}", "body.$.b extra |[2]"},
        {"{\"b\":1,\"a\":2}", "{\"a\":3,\"b\":1}", "body.$.a value 2|3"},
        {"{\"odd name\":1}", "{\"odd name\":2}", "body.$['odd name'] value 1|2"},
        {"{\"it's\\n\":1}", "{\"it's\\u000a\":2}", "body.$['it\\'s\\n'] value 1|2"},
        {"{\"7\":{\"\":1}}", "{\"7\":{\"\":2}}", "body.$.7[''] value 1|2"},
        {"{\"\xc3\xa9\":1}", "{\"\\u00e9\":2}", "body.$.\xc3\xa9 value 1|2"},
        {"123456789012345678901234567890", "123456789012345678901234567891",
         "body.$ value 123456789012345678901234567890|123456789012345678901234567891"},
        {"[1e99999999999999999999]", "[1e99999999999999999998]",
         "body.$[*] value 1e99999999999999999999|1e99999999999999999998"},
        {"0.1", "0.10000000000000000001", "body.$ value 0.1|0.10000000000000000001"},
        {"10", "-10", "body.$ value 10|-10"},
        {"{\"a\":\"x\\u0000y\"}", "{\"a\":\"x\"}", "body.$.a value \"x\\u0000y\"|\"x\""},
    };
    CHECK(rows, NULL);
}

static void test_arrays_are_compared_in_order(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[1,2,3]", "[1,5,3]", "body.$[*] value 2|5"},
        {"[1,2,3]", "[3,1,2]", "body.$ order [1,2,3]|[3,1,2]"},
        {"{\"l\":[1,2,3,4]}", "{\"l\":[1,3,4]}", "body.$.l length 4|3; body.$.l[*] missing 2|"},
        {"{\"l\":[2,3]}", "{\"l\":[1,2,3]}", "body.$.l length 2|3; body.$.l[*] extra |1"},
        {"[1,2,3,4,5,6]", "[1,9,3,4,6]", "body.$ length 6|5; body.$[*] value 2|9"},
        {"[{\"id\":1,\"p\":2},{\"id\":2,\"p\":3}]", "[{\"id\":1,\"p\":2},{\"id\":2,\"p\":4}]", "body.$[*].p value 3|4"},
        /* Each field once, with the first values. */
        {"[{\"p\":1},{\"p\":2},{\"p\":3}]", "[{\"p\":4},{\"p\":5},{\"p\":6}]", "body.$[*].p value 1|4"},
        {"[{\"id\":1},{\"id\":2},{\"id\":3}]", "[{\"id\":2},{\"id\":3}]",
         "body.$ length 3|2; body.$[*] missing {\"id\":1}|"},
        {"[[1,2],[3,4]]", "[[1,2],[4,3]]", "body.$[*] order [3,4]|[4,3]"},
        {"[1,2,3,4]", "[2,1,3,5]", "body.$ order [1,2,3,4]|[2,1,3,5]; body.$[*] value 4|5"},
        {"[1,1,2]", "[1,2,2]", "body.$[*] value 1|2"},
        {"[]", "[1]", "body.$ length 0|1; body.$[*] extra |1"},
        {"[{\"a\":1.0,\"b\":2},7]", "[7,{\"b\":2,\"a\":1}]",
         "body.$ order [{\"a\":1.0,\"b\":2},7]|[7,{\"b\":2,\"a\":1}]"},
        {"[1]", "[\"1\"]", "body.$[*] type 1|\"1\""},
    };
    CHECK(rows, NULL);
}

static void test_declared_sets_and_keys_have_no_order(void **state)
{
    (void)state;
    const struct compare_array arrays[] = {
        {STR("$.tags"), ARRAY_SET, STR_NONE},
        {STR("$.items"), ARRAY_KEYED, STR("id")},
        {STR("$.deep[*].tags"), ARRAY_SET, STR_NONE},
    };
    struct compare_rules *rules = compare_rules_new(&(struct compare_spec){.arrays = arrays, .array_count = 3});
    static const struct row rows[] = {
        {"{\"tags\":[1,2,3]}", "{\"tags\":[3,1,2]}", ""},
        {"{\"tags\":[1,2,2]}", "{\"tags\":[2,1,1]}", "body.$.tags[*] value 2|1"},
        {"{\"tags\":[1,2]}", "{\"tags\":[2]}", "body.$.tags length 2|1; body.$.tags[*] missing 1|"},
        {"{\"tags\":[{\"a\":1},{\"a\":2}]}", "{\"tags\":[{\"a\":3},{\"a\":1}]}", "body.$.tags[*].a value 2|3"},
        {"{\"items\":[{\"id\":1,\"p\":5},{\"id\":2,\"p\":6}]}", "{\"items\":[{\"id\":2,\"p\":7},{\"p\":5,\"id\":1}]}",
         "body.$.items[*].p value 6|7"},
        {"{\"items\":[{\"id\":1},{\"id\":2}]}", "{\"items\":[{\"id\":3},{\"id\":1}]}",
         "body.$.items[*] missing {\"id\":2}|"},
        {"{\"deep\":[{\"tags\":[1,2]},{\"tags\":[3,4]}]}", "{\"deep\":[{\"tags\":[2,1]},{\"tags\":[4,3]}]}", ""},
        {"{\"other\":[1,2]}", "{\"other\":[2,1]}", "body.$.other order [1,2]|[2,1]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pair pair = {.rules = rules,
                            .type = "application/json",
                            .live = str_from_c(rows[i].live),
                            .other = str_from_c(rows[i].other)};
        assert_string_equal(pair_differences(&pair, NULL, NULL), rows[i].expected);
    }
    compare_rules_free(rules);
}

static void test_ignored_paths_leave_whole_subtrees_out(void **state)
{
    (void)state;
    const struct str paths[] = {STR("$.id"), STR("$.items[*].at"), STR("$..trace"), STR("$.first[0]"),
                                STR("$['a b'].*")};
    struct compare_rules *rules = compare_rules_new(
        &(struct compare_spec){.ignored_paths = paths, .ignored_path_count = 5});
    static const struct row rows[] = {
        {"{\"id\":1,\"a\":1}", "{\"id\":{\"x\":[2]},\"a\":1}", ""},
        {"{\"a\":1}", "{\"id\":2,\"a\":1}", ""},
        {"{\"items\":[{\"at\":1,\"v\":1},{\"at\":2,\"v\":2}]}", "{\"items\":[{\"at\":3,\"v\":2},{\"at\":4,\"v\":1}]}",
         "body.$.items order [{\"at\":1,\"v\":1},{\"at\":2,\"v\":2}]|[{\"at\":3,\"v\":2},{\"at\":4,\"v\":1}]"},
        {"{\"items\":[{\"at\":1,\"v\":1},{\"at\":2,\"v\":2}]}", "{\"items\":[{\"at\":3,\"v\":1},{\"at\":4,\"v\":3}]}",
         "body.$.items[*].v value 2|3"},
        {"{\"x\":{\"y\":[{\"trace\":1}]},\"trace\":2}", "{\"x\":{\"y\":[{\"trace\":3}]}}", ""},
        {"{\"first\":[1,2]}", "{\"first\":[3,4]}", "body.$.first[*] value 2|4"},
        {"{\"a b\":{\"c\":1}}", "{\"a b\":{\"d\":1}}", ""},
        {"{\"ids\":1}", "{\"ids\":2}", "body.$.ids value 1|2"},
    };
    CHECK(rows, rules);
    compare_rules_free(rules);
    const struct str root = STR("$");
    rules = compare_rules_new(&(struct compare_spec){.ignored_paths = &root, .ignored_path_count = 1});
    static const struct row all[] = {{"{\"a\":1}", "[2]", ""}};
    CHECK(all, rules);
    compare_rules_free(rules);
}

static void test_what_is_no_json_is_compared_as_it_is(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "{\"a\":1",
        "{\"a\" 1}",
        "[1,]",
        "{,}",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[1e]",
        "\"\t\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\xc0\x80\"",
        "[1] 2",
        "",
        "nul",
        "tru",
        "{\"a\":}",
        "{1:2}",
        "\"",
        "[\"\\u12\"]",
        "-",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "]",
        "\xef\xbb\xbf{}",
        "[NaN]",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct compare_counts counts;
        enum body_verdict body;
        struct pair pair = {.type = "application/json", .live = str_from_c(broken[i]), .other = STR("{}")};
        const char *found = pair_differences(&pair, &body, &counts);
        assert_int_equal(strncmp(found, "body value ", 11), 0);
        assert_int_equal(body, BODY_DIFFERENT);
        assert_int_equal(counts.invalid, 1);
    }
}

static void test_depth_and_values_are_bounded(void **state)
{
    (void)state;
    struct strbuf deep = STRBUF_INIT;
    for (int i = 0; i < 1000000; i++)
        strbuf_add_char(&deep, '[');
    struct compare_counts counts;
    struct pair pair = {.type = "application/json", .live = strbuf_str(&deep), .other = STR("[1]")};
    assert_string_not_equal(pair_differences(&pair, NULL, &counts), "");
    assert_int_equal(counts.too_deep, 1);
    strbuf_deinit(&deep);
    pair = (struct pair){.type = "application/json", .live = STR("[1,2,3,4]"), .other = STR("[1,2]")};
    pair.limits = compare_limits_default;
    pair.limits.values = 4;
    assert_int_equal(strncmp(pair_differences(&pair, NULL, &counts), "body value", 10), 0);
    assert_int_equal(counts.too_many_values, 1);
    pair = (struct pair){.type = "application/json", .live = STR("[[[[1]]]]"), .other = STR("[[[[2]]]]")};
    pair.limits = compare_limits_default;
    pair.limits.depth = 4;
    pair_check(&pair, "body.$[*][*][*][*] value 1|2");
    pair.limits.depth = 3;
    assert_int_equal(strncmp(pair_differences(&pair, NULL, &counts), "body value", 10), 0);
}

static void test_only_so_many_differences_are_named(void **state)
{
    (void)state;
    struct strbuf live = STRBUF_INIT, other = STRBUF_INIT;
    for (int i = 0; i < 100; i++) {
        strbuf_printf(&live, "%c\"k%d\":1", i ? ',' : '{', i);
        strbuf_printf(&other, "%c\"k%d\":2", i ? ',' : '{', i);
    }
    strbuf_add_char(&live, '}');
    strbuf_add_char(&other, '}');
    struct pair pair = {.type = "application/json", .live = strbuf_str(&live), .other = strbuf_str(&other)};
    const char *found = pair_differences(&pair, NULL, NULL);
    assert_non_null(strstr(found, "body.$.k63 value 1|2; and 36"));
    strbuf_deinit(&live);
    strbuf_deinit(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents_are_the_same_by_what_they_say),
        cmocka_unit_test(test_values_differ_at_their_field),
        cmocka_unit_test(test_arrays_are_compared_in_order),
        cmocka_unit_test(test_declared_sets_and_keys_have_no_order),
        cmocka_unit_test(test_ignored_paths_leave_whole_subtrees_out),
        cmocka_unit_test(test_what_is_no_json_is_compared_as_it_is),
        cmocka_unit_test(test_depth_and_values_are_bounded),
        cmocka_unit_test(test_only_so_many_differences_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
