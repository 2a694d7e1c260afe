/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include "base/arena.h"
#include "check.h"

static void test_methods_are_case_sensitive(void **state)
{
    static const struct {
        const char *name;
        enum http_method method;
    } rows[] = {
        {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},       {"POST", METHOD_POST},    {"PUT", METHOD_PUT},
        {"DELETE", METHOD_DELETE},   {"OPTIONS", METHOD_OPTIONS}, {"PATCH", METHOD_PATCH},  {"TRACE", METHOD_TRACE},
        {"CONNECT", METHOD_CONNECT}, {"get", METHOD_OTHER},       {"", METHOD_OTHER},       {"GETS", METHOD_OTHER},
        {"FOO", METHOD_OTHER},       {"LINKS", METHOD_OTHER},     {"UNLINK", METHOD_OTHER}, {"CONNECX", METHOD_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(method_from_str(str_from_c(rows[i].name)), rows[i].method);
}

static void test_idempotent_methods_are_those_of_rfc_9110(void **state)
{
    (void)state;
    for (enum http_method method = METHOD_OTHER; method < METHOD_COUNT; method++) {
        bool is_writing_again_harmful = method == METHOD_OTHER || method == METHOD_POST || method == METHOD_PATCH ||
                                        method == METHOD_CONNECT;
        assert_int_equal(method_is_idempotent(method), !is_writing_again_harmful);
    }
}

static void test_find_gives_the_first_of_a_name(void **state)
{
    struct head head;
    (void)state;
    assert_int_equal(
        parse_request(STR("GET / HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two: 2\r\nCookie: c\r\n\r\n"), &head),
        REFUSAL_NONE);
    check_str(head_find_name(&head, STR("X-TWO"))->value, "1", "by name");
    check_str(head_find(&head, FIELD_COOKIE)->value, "c", "by id");
    assert_null(head_find(&head, FIELD_DATE));
    assert_null(head_find_name(&head, STR("X-Tw")));
}

static void test_copy_outlives_the_bytes_it_was_read_from(void **state)
{
    char bytes[] = "GET http://b.example/p/q?x=1 HTTP/1.1\r\nHost: a.example\r\nX-Empty:\r\n\r\n";
    struct arena arena;
    struct head head, copy;
    (void)state;
    arena_init(&arena, NULL, 0);
    assert_int_equal(parse_request((struct str){bytes, sizeof(bytes) - 1}, &head), REFUSAL_NONE);
    char upgrade[] = "websocket";
    head.upgrade = (struct str){upgrade, sizeof(upgrade) - 1};
    head_copy(&copy, &head, &arena, 1);
    memset(upgrade, '!', sizeof(upgrade));
    memset(bytes, '!', sizeof(bytes));
    head_add(&copy, FIELD_VIA, STR("Via"), STR("1.1 umbra"));

    check_str(copy.method, "GET", "method");
    check_str(copy.target, "http://b.example/p/q?x=1", "target");
    check_str(copy.path, "/p/q", "path");
    check_str(copy.query, "x=1", "query");
    check_str(copy.upgrade, "websocket", "upgrade");
    check_str(copy.authority, "b.example", "authority");
    assert_int_equal(copy.field_count, 3);
    check_str(copy.fields[0].value, "a.example", "Host");
    check_str(copy.fields[1].name, "X-Empty", "name");
    check_str(copy.fields[1].value, "", "empty value");
    check_str(head_find(&copy, FIELD_VIA)->value, "1.1 umbra", "added");
    assert_int_equal(head.field_count, 2);
    arena_deinit(&arena);
}

static void test_copy_keeps_the_difference_of_no_query_and_an_empty_one(void **state)
{
    static const struct {
        const char *bytes;
        bool has_query;
    } rows[] = {
        {"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", false},
        {"GET /a? HTTP/1.1\r\nHost: a\r\n\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct head head, copy;
        arena_init(&arena, NULL, 0);
        assert_int_equal(parse_request(str_from_c(rows[i].bytes), &head), REFUSAL_NONE);
        head_copy(&copy, &head, &arena, 0);
        assert_int_equal(copy.query.ptr != NULL, rows[i].has_query);
        check_str(copy.authority, "a", "authority");
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_are_case_sensitive),
        cmocka_unit_test(test_idempotent_methods_are_those_of_rfc_9110),
        cmocka_unit_test(test_find_gives_the_first_of_a_name),
        cmocka_unit_test(test_copy_outlives_the_bytes_it_was_read_from),
        cmocka_unit_test(test_copy_keeps_the_difference_of_no_query_and_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
