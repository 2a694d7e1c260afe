/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include "base/arena.h"
#include "check.h"

static void test_paths_are_normalised_as_a_backend_would(void **state)
{
    static const struct {
        const char *path, *normal;
    } rows[] = {
        {"/public/../admin", "/admin"},
        {"/public/%2e%2e/admin", "/admin"},
        {"/public/.%2E/admin", "/admin"},
        {"/public/%2E./admin", "/admin"},
        {"/public/%2e/admin", "/public/admin"},
        {"/a/b/../../admin", "/admin"},
        {"/a/./b/.", "/a/b/"},
        {"/a/b/..", "/a/"},
        {"/a/..", "/"},
        {"/.", "/"},
        {"/./", "/"},
        {"/a/%2e%2e", "/"},
        {"/a//../b", "/a/b"},
        {"//..", "/"},
        {"/a/..//b", "//b"},
        {"/%61dmin", "/admin"},
        {"/%7Euser/%41%5a%30%2D%5f", "/~user/AZ0-_"},
        {"/a%2fb%c3%a9", "/a%2Fb%C3%A9"},
        {"/a%2f..%2fb", "/a%2F..%2Fb"},
        {"/..%2fadmin", "/..%2Fadmin"},
        {"/%252e%252e/admin", "/%252e%252e/admin"},
        {"/%25%32%65", "/%252e"},
        {"/%%32%65/x", "/%%32e/x"},
        {"/%00/a", "/%00/a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct str normal;
        arena_init(&arena, NULL, 0);
        assert_true(url_normalise_path(str_from_c(rows[i].path), &arena, &normal));
        check_str(normal, rows[i].normal, rows[i].path);
        arena_deinit(&arena);
    }
}

static void test_paths_that_are_normal_are_not_copied(void **state)
{
    static const char *const rows[] = {
        "/",         "/a/b", "/a//b/", "//",     "/...", "/a/..b/c.", "/.a",        "/%2F",   "/%C3%A9",
        "/%zz/%4/%", "/%",   "/a%2",   "/%%341", "*",    "",          "/a;b/..;/c", "/%2F..", "/a\\..\\b",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct str path = str_from_c(rows[i]), normal;
        arena_init(&arena, NULL, 0);
        assert_true(url_normalise_path(path, &arena, &normal));
        if (normal.ptr != path.ptr || normal.len != path.len)
            fail_msg("%s became %.*s", rows[i], STR_ARG(normal));
        arena_deinit(&arena);
    }
}

static void test_paths_that_climb_above_the_root_are_refused(void **state)
{
    static const char *const rows[] = {
        "/..",        "/../",
        "/../a",      "/a/../..",
        "/a/../../b", "/%2e%2e",
        "/.%2e/a",    "/a/%2e%2e/%2E%2E/b",
        "/./..",      "/a/b/../../../c",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena arena;
        struct str normal;
        arena_init(&arena, NULL, 0);
        if (url_normalise_path(str_from_c(rows[i]), &arena, &normal))
            fail_msg("%s became %.*s", rows[i], STR_ARG(normal));
        arena_deinit(&arena);
    }
}

static void test_authorities_split_into_host_and_port(void **state)
{
    static const struct {
        const char *authority, *host;
        uint16_t port;
    } rows[] = {
        {"a", "a", 0},
        {"a.example:80", "a.example", 80},
        {"a:", "a", 0},
        {"a:65535", "a", 65535},
        {"a:00080", "a", 80},
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"[::1]", "::1", 0},
        {"[::1]:80", "::1", 80},
        {"[2001:db8::ffff:1.2.3.4]:1", "2001:db8::ffff:1.2.3.4", 1},
        {"a_b-c~d.e!$&'()*+,;=", "a_b-c~d.e!$&'()*+,;=", 0},
        {"caf%C3%A9", "caf%C3%A9", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str host;
        uint16_t port;
        assert_true(url_split_authority(str_from_c(rows[i].authority), &host, &port));
        check_str(host, rows[i].host, rows[i].authority);
        assert_int_equal(port, rows[i].port);
    }
}

static void test_invalid_authorities_are_refused(void **state)
{
    static const struct str rows[] = {
        STR_INIT(""),
        STR_INIT(":80"),
        STR_INIT("a:b"),
        STR_INIT("a:65536"),
        STR_INIT("a:-1"),
        STR_INIT("a:80:80"),
        STR_INIT("u@a"),
        STR_INIT("u:p@a"),
        STR_INIT("a/b"),
        STR_INIT("a?b"),
        STR_INIT("a#b"),
        STR_INIT("a b"),
        STR_INIT("a\\b"),
        STR_INIT("a\0b"),
        STR_INIT("a%"),
        STR_INIT("a%4"),
        STR_INIT("a%zz"),
        STR_INIT("caf\xc3\xa9"),
        STR_INIT("[::1"),
        STR_INIT("::1"),
        STR_INIT("[]"),
        STR_INIT("[::1]a"),
        STR_INIT("[::1]80"),
        STR_INIT("[1.2.3.4]"),
        STR_INIT("[v1.a]"),
        STR_INIT("[a]"),
        STR_INIT("[::1%25lo]"),
        STR_INIT("[::1\0]"),
        STR_INIT("[::1]:x"),
        STR_INIT("a:18446744073709551696"),
        STR_INIT("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (url_authority_is_valid(rows[i]))
            fail_msg("%.*s is valid", STR_ARG(rows[i]));
    }
    assert_false(url_authority_is_valid(STR_NONE));
}

static void test_the_first_parameter_of_a_name_is_found_undecoded(void **state)
{
    static const struct {
        const char *query, *name, *value;
    } rows[] = {
        {"a=1", "a", "1"},     {"a=1&a=2", "a", "1"},     {"b=1&a=2", "a", "2"}, {"a", "a", ""},        {"a=", "a", ""},
        {"a=b=c", "a", "b=c"}, {"&&a=%20+", "a", "%20+"}, {"aa=1", "a", NULL},   {"=1", "a", NULL},     {"", "a", NULL},
        {"b=a", "a", NULL},    {"A=1", "a", NULL},        {"a;b=1", "a", NULL},  {"b&a=1&c", "a", "1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str value;
        bool is_found = url_query_find(str_from_c(rows[i].query), str_from_c(rows[i].name), &value);
        assert_int_equal(is_found, rows[i].value != NULL);
        if (is_found)
            check_str(value, rows[i].value, rows[i].query);
    }
    struct str value;
    assert_false(url_query_find(STR_NONE, STR("a"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_are_normalised_as_a_backend_would),
        cmocka_unit_test(test_paths_that_are_normal_are_not_copied),
        cmocka_unit_test(test_paths_that_climb_above_the_root_are_refused),
        cmocka_unit_test(test_authorities_split_into_host_and_port),
        cmocka_unit_test(test_invalid_authorities_are_refused),
        cmocka_unit_test(test_the_first_parameter_of_a_name_is_found_undecoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
