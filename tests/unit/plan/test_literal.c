/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/literal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_literal_elements_of_patterns(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/api/v[0-9]+/.*", "/api"},
        {"/api/users/[0-9]+", "/api/users"},
        {"^/api/.*$", "/api"},
        {"/a\\.b/c\\/d/x", "/a.b/c/d"},
        {"/api/(v1|v2)/x", "/api"},
        {"/api/(?:v1|v2)/x", "/api"},
        {"/a/[|(]x|y", ""},
        {"/a/[^]|]x", "/a"},
        {"/a/[]|]x", "/a"},
        {"/a/\\|x", "/a"},
        {"/a/(b\\)|c)/x", "/a"},
        {"/api", ""},
        {"/", ""},
        {"", ""},
        {".*", ""},
        {"api/x", ""},
        {"/api/?", ""},
        {"/a/b/*x", "/a"},
        {"/a/b/+x", "/a"},
        {"/a/b/{2}x", "/a"},
        {"/a/b\\d/x", "/a"},
        {"/a/b$/x", "/a"},
        {"/a/x|/b/x", ""},
        {"(/a/x|/b/x)", ""},
        {"(?i)/a/x", ""},
        {"/a/(?i)x", ""},
        {"/a/(?#)|(x)", ""},
        {"/a/(*PRUNE)x", ""},
        {"/a/\\Qx|y\\E", ""},
        {"/a/[[:alpha:]|(]|x", ""},
        {"/a/x\\", "/a"},
        {"/a/x[", "/a"},
    };
    struct arena arena;
    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str got = literal_elements(str_from_c(cases[i][0]), &arena);
        if (!str_eq(got, str_from_c(cases[i][1])))
            fail_msg("%s: \"%.*s\" instead of \"%s\"", cases[i][0], STR_ARG(got), cases[i][1]);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literal_elements_of_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
