/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/json_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_paths_of_the_subset_are_taken(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "$",
        "$.a",
        "$._a1.Bc",
        "$.größe",
        "$['x-id']",
        "$['']",
        "$[*]",
        "$[0]",
        "$[123456789]",
        "$.*",
        "$.a.*.b[*]",
        "$..id",
        "$.a..b[0]..c",
        "$['it\\'s']",
        "$['\\\\']",
        "$.1",
        "$[*].3.12[0]..4",
        "$['a]b']",
        "$['\"']",
        "$[*][*]",
        "$.a['b'].c",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t character;
        const char *fault = json_path_fault(str_from_c(paths[i]), &character);
        if (fault)
            fail_msg("%s: character %zu: %s", paths[i], character, fault);
    }
}

static void test_what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t character;
        const char *words;
    } cases[] = {
        {"", 1, "begins with"},
        {"a", 1, "begins with"},
        {".a", 1, "begins with"},
        {"$a", 2, "\".\" is missing"},
        {"$.", 3, "a name is missing"},
        {"$.a.", 5, "a name is missing"},
        {"$.a..", 6, "a name is missing"},
        {"$..", 4, "a name is missing"},
        {"$..*", 4, "behind \"..\" belongs a name"},
        {"$..['a']", 4, "behind \"..\" belongs a name"},
        {"$...a", 4, "['x-id']"},
        {"$.1st", 4, "['1st']"},
        {"$.1-2", 4, "['x-id']"},
        {"$.x-id", 4, "['x-id']"},
        {"$.größe-b", 8, "['x-id']"},
        {"$.a b", 4, "['x-id']"},
        {"$[", 3, "in brackets belongs"},
        {"$[]", 3, "in brackets belongs"},
        {"$[a]", 3, "in brackets belongs"},
        {"$[*", 4, "\"]\" is missing"},
        {"$[0", 4, "\"]\" is missing"},
        {"$['a'", 6, "\"]\" is missing"},
        {"$[\"a\"]", 3, "single quotes"},
        {"$[?(@.a)]", 3, "filters"},
        {"$[-1]", 3, "counted from the first"},
        {"$[1:2]", 4, "slices"},
        {"$[1,2]", 4, "slices"},
        {"$['a','b']", 6, "slices"},
        {"$[01]", 3, "zeros"},
        {"$[1234567890]", 3, "nine digits"},
        {"$['a", 3, "never closed"},
        {"$['a\\']", 3, "never closed"},
        {"$['\\x']", 5, "backslash"},
        {"$['\\n']", 5, "backslash"},
        {"$['\\", 5, "backslash"},
        {"$['a\tb']", 5, "control characters"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t character;
        const char *fault = json_path_fault(str_from_c(cases[i].path), &character);
        if (!fault || character != cases[i].character || !strstr(fault, cases[i].words))
            fail_msg("%s: character %zu: %s", cases[i].path, character, fault ? fault : "nothing is wrong");
    }
}

static void test_bytes_that_are_no_text_are_refused_or_taken_and_never_followed(void **state)
{
    (void)state;
    size_t character;
    assert_non_null(json_path_fault((struct str){"$.a\0b", 5}, &character));
    assert_int_equal(character, 4);
    assert_non_null(json_path_fault((struct str){"$['\0']", 6}, &character));
    assert_null(json_path_fault((struct str){"$.\xff\xfe", 4}, &character));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_the_subset_are_taken),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(test_bytes_that_are_no_text_are_refused_or_taken_and_never_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
