/* SPDX-License-Identifier: Apache-2.0 */
#include "read_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct node *find_path(const struct node *node, const char *keys)
{
    struct str rest = str_from_c(keys), key;
    uint64_t index;
    while (keys[0] && str_next(&rest, ' ', &key)) {
        if (node->kind == NODE_MAP) {
            node = node_find(node, key);
        } else {
            assert_true(str_to_u64(key, &index));
            for (node = node->first; index > 0; index--)
                node = node->next;
        }
        assert_non_null(node);
    }
    return node;
}

static const struct str route = STR_INIT("kind: HTTPRoute\n"
                                         "metadata:\n"
                                         "  name: shop\n"
                                         "  namespace: web\n"
                                         "  annotations: {umbra.dev/label: x, \"\": y, 'a\"b': z}\n"
                                         "spec:\n"
                                         "  rules:\n"
                                         "  - matches: [{}, {path: {value: /}}]\n"
                                         "  my-field_1: [[1, 2]]\n");

static void test_path_leads_from_the_resource_to_the_node(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *path;
    } cases[] = {
        {"", ""},
        {"kind", "kind"},
        {"spec rules 0 matches 1 path value", "spec.rules[0].matches[1].path.value"},
        {"spec my-field_1 0 1", "spec.my-field_1[0][1]"},
        {"metadata annotations umbra.dev/label", "metadata.annotations[\"umbra.dev/label\"]"},
        {"metadata annotations a\"b", "metadata.annotations[\"a\\\"b\"]"},
    };
    struct read_text read;
    read_text_init(&read, route);
    assert_string_equal(read_text_problems(&read), "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf path = STRBUF_INIT;
        strbuf_add(&path, STR(""));
        node_path(&path, find_path(read.documents[0].root, cases[i].keys));
        if (!str_eq(strbuf_str(&path), str_from_c(cases[i].path)))
            fail_msg("case %zu: %.*s", i, STR_ARG(strbuf_str(&path)));
        strbuf_deinit(&path);
    }
    read_text_deinit(&read);
}

static void test_resource_is_the_item_of_a_list(void **state)
{
    (void)state;
    static const struct {
        const char *text, *keys, *path;
    } cases[] = {
        {"{kind: List, items: [{kind: A}, {kind: B, spec: {x: 1}}]}", "items 1 spec x", "spec.x"},
        {"{kind: HTTPRouteList, items: [{kind: A}]}", "items 0", ""},
        {"{kind: List, items: [{kind: A}]}", "items", "items"},
        {"{kind: List, metadata: {items: [{a: 1}]}}", "metadata items 0 a", "metadata.items[0].a"},
        {"{kind: Other, items: [{kind: A}]}", "items 0 kind", "items[0].kind"},
        {"{items: [{kind: A}]}", "items 0 kind", "items[0].kind"},
        {"[{a: 1}]", "0 a", "[0].a"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct read_text read;
        struct strbuf path = STRBUF_INIT;
        read_text_init(&read, str_from_c(cases[i].text));
        node_path(&path, find_path(read.documents[0].root, cases[i].keys));
        if (!str_eq(strbuf_str(&path), str_from_c(cases[i].path)))
            fail_msg("case %zu: %.*s", i, STR_ARG(strbuf_str(&path)));
        strbuf_deinit(&path);
        read_text_deinit(&read);
    }
}

static void test_problem_of_a_node_says_where_and_of_what(void **state)
{
    (void)state;
    struct read_text read;
    read_text_init(&read, route);
    const struct node *value = find_path(read.documents[0].root, "spec rules 0 matches 1 path value");
    problems_add(&read.problems, SEVERITY_ERROR, STR("UnsupportedValue"), value, "must be %d", 7);
    problems_add_member(&read.problems, SEVERITY_WARNING, STR_NONE, value->parent, "type", "is missing");
    problems_add_member(&read.problems, SEVERITY_NOTE, STR_NONE, read.documents[0].root, "apiVersion", "is missing");
    assert_string_equal(read_text_problems(&read),
                        "f.yaml:8:34: HTTPRoute/shop: spec.rules[0].matches[1].path.value: must be 7\n"
                        "f.yaml:8:26: HTTPRoute/shop: spec.rules[0].matches[1].path.type: is missing\n"
                        "f.yaml:1:1: HTTPRoute/shop: apiVersion: is missing");
    assert_true(str_eq(read.problems.list[0].ns, STR("web")));
    assert_true(str_eq(read.problems.list[0].reason, STR("UnsupportedValue")));
    assert_int_equal(read.problems.errors, 1);
    assert_int_equal(read.problems.warnings, 1);
    read_text_deinit(&read);
}

static void test_problem_of_a_list_item_names_the_item(void **state)
{
    (void)state;
    struct read_text read;
    read_text_init(&read,
                   STR("{kind: List, metadata: {name: no}, items: [{kind: A, metadata: {name: yes-it}, x: 1}]}"));
    problems_add(&read.problems, SEVERITY_ERROR, STR_NONE, find_path(read.documents[0].root, "items 0 x"), "no");
    assert_string_equal(read_text_problems(&read), "f.yaml:1:83: A/yes-it: x: no");
    read_text_deinit(&read);
}

static void test_format_leaves_out_what_is_not_known(void **state)
{
    (void)state;
    static const struct {
        struct problem problem;
        const char *line;
    } cases[] = {
        {{.text = STR_INIT("t")}, "t"},
        {{.file = STR_INIT("a.yaml"), .text = STR_INIT("t")}, "a.yaml: t"},
        {{.file = STR_INIT("a.yaml"), .line = 3, .text = STR_INIT("t")}, "a.yaml:3: t"},
        {{.file = STR_INIT("-"), .line = 3, .column = 4, .text = STR_INIT("t")}, "-:3:4: t"},
        {{.kind = STR_INIT("K"), .text = STR_INIT("t")}, "K: t"},
        {{.name = STR_INIT("n"), .text = STR_INIT("t")}, "n: t"},
        {{.kind = STR_INIT("K"), .name = STR_INIT("n"), .field = STR_INIT("f"), .text = STR_INIT("t")}, "K/n: f: t"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf line = STRBUF_INIT;
        problem_format(&line, &cases[i].problem);
        assert_string_equal(line.ptr, cases[i].line);
        strbuf_deinit(&line);
    }
}

static void test_format_lets_no_control_character_out(void **state)
{
    (void)state;
    const struct problem problem = {
        .name = STR("a\x1b[31m\n"), .field = STR("\xc2\x9b\xc3\xbc\x7f"), .text = STR("\xff\r")};
    struct strbuf line = STRBUF_INIT;
    problem_format(&line, &problem);
    assert_string_equal(line.ptr, "a\\x1b[31m\\x0a: \\x9b\xc3\xbc\\x7f: \\xff\\x0d");
    strbuf_deinit(&line);
}

static void test_problems_above_the_maximum_are_counted(void **state)
{
    (void)state;
    struct problems problems, all;
    problems_init(&problems);
    problems_init(&all);
    for (int i = 0; i < PROBLEMS_MAX + 5; i++)
        problems_add_place(&problems, i % 2 ? SEVERITY_ERROR : SEVERITY_WARNING, STR("f"), 1, 1, "n %d", i);
    assert_int_equal(problems.count, PROBLEMS_MAX);
    assert_int_equal(problems.left_out, 5);
    assert_int_equal(problems.errors + problems.warnings, PROBLEMS_MAX + 5);
    assert_int_equal(problems.errors, PROBLEMS_MAX / 2 + 2);

    problems_add_place(&all, SEVERITY_ERROR, STR("g"), 0, 0, "first");
    problems_add_all(&all, &problems);
    assert_int_equal(all.count, PROBLEMS_MAX);
    assert_int_equal(all.left_out, 6);
    assert_int_equal(all.errors, problems.errors + 1);
    assert_int_equal(all.warnings, problems.warnings);
    problems_deinit(&problems);
    assert_true(str_eq(all.list[0].text, STR("first")));
    assert_true(str_eq(all.list[1].text, STR("n 0")));
    problems_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_leads_from_the_resource_to_the_node),
        cmocka_unit_test(test_resource_is_the_item_of_a_list),
        cmocka_unit_test(test_problem_of_a_node_says_where_and_of_what),
        cmocka_unit_test(test_problem_of_a_list_item_names_the_item),
        cmocka_unit_test(test_format_leaves_out_what_is_not_known),
        cmocka_unit_test(test_format_lets_no_control_character_out),
        cmocka_unit_test(test_problems_above_the_maximum_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
