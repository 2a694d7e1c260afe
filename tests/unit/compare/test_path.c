/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/path.h"

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_a_path_covers_its_place_and_all_below(void **state)
{
    (void)state;
    static const struct {
        const char *path, *rendered;
        bool is_covered, may_be_below;
    } rows[] = {
        {"$.a", "$.a", true, false},
        {"$.a", "$.a.b[*].c", true, false},
        {"$.a", "$.ab", false, false},
        {"$.a", "$", false, true},
        {"$.a.b", "$.a", false, true},
        {"$.a.b", "$.c", false, false},
        {"$", "$.x", true, false},
        {"$", "$", true, false},
        {"$.items[*].id", "$.items[*].id", true, false},
        {"$.items[*].id", "$.items[3].id", true, false},
        {"$.items[3].id", "$.items[*].id", true, false},
        {"$.items[3].id", "$.items[4].id", false, false},
        {"$.items[*]", "$.items", false, true},
        {"$.*", "$.x", true, false},
        {"$.*.id", "$.x.id", true, false},
        {"$..id", "$.a.b[*].id", true, false},
        {"$..id", "$.id", true, false},
        {"$..id", "$.a.b", false, true},
        {"$..a.b", "$.x.a.a.b", true, false},
        {"$['odd name'].x", "$['odd name'].x", true, false},
        {"$[\"it's\"]", "$['it\\'s']", true, false},
        {"$.a", "body.$.a", true, false},
        {"$.a['b']", "$.a.b", true, false},
        {"$[*].3.1", "body[*].3.1", true, false},
        {"$[*].3.1", "body[*].3", false, true},
        {"$..['x y']", "$.q['x y']", true, false},
        {"$.a", "body", false, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str path = str_from_c(rows[i].path), rendered = str_from_c(rows[i].rendered);
        struct path_set *set = path_set_new(&path, 1);
        assert_true(path_is_valid(path));
        if (path_set_find(set, rendered) != (rows[i].is_covered ? 0 : -1) ||
            path_set_may_be_below(set, rendered) != rows[i].may_be_below)
            fail_msg("%s and %s", rows[i].path, rows[i].rendered);
        path_set_free(set);
    }
}

static void test_the_first_path_counts(void **state)
{
    (void)state;
    const struct str paths[] = {STR("$.a.b.c"), STR("$.a"), STR("$.a.b"), STR("nonsense"), STR("$..x")};
    struct path_set *set = path_set_new(paths, 5);
    assert_int_equal(path_set_find(set, STR("$.a")), 1);
    assert_int_equal(path_set_find(set, STR("$.a.b")), 1);
    assert_int_equal(path_set_find(set, STR("$.a.b.c")), 0);
    assert_int_equal(path_set_find(set, STR("$.q.x")), 4);
    assert_int_equal(path_set_find(set, STR("$.q")), -1);
    path_set_free(set);
    set = path_set_new(NULL, 0);
    assert_true(path_set_is_empty(set));
    assert_int_equal(path_set_find(set, STR("$.a")), -1);
    path_set_free(set);
}

static void test_bad_paths_are_told_apart(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "a",  ".a",  "$.",    "$[",    "$[x]", "$['a",
                                      "$['a'", "$a", "$..", "$.a..", "$[-1]", "$[]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (path_is_valid(str_from_c(bad[i])))
            fail_msg("%s", bad[i]);
    }
}

static void test_hundreds_of_paths_are_one_set(void **state)
{
    (void)state;
    struct str paths[300];
    char texts[300][32];
    for (int i = 0; i < 300; i++) {
        struct strbuf text = STRBUF_INIT;
        strbuf_printf(&text, "$.a%d.b.c", i);
        memcpy(texts[i], text.ptr, text.len);
        paths[i] = (struct str){texts[i], text.len};
        strbuf_deinit(&text);
    }
    struct path_set *set = path_set_new(paths, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(path_set_find(set, paths[i]), i);
    assert_int_equal(path_set_find(set, STR("$.a7.b")), -1);
    path_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_covers_its_place_and_all_below),
        cmocka_unit_test(test_the_first_path_counts),
        cmocka_unit_test(test_bad_paths_are_told_apart),
        cmocka_unit_test(test_hundreds_of_paths_are_one_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
