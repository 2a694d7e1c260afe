/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/hostname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* NULL: they have nothing in common. */
static void test_more_specific_of_both_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *listener, *route, *both;
    } cases[] = {
        {"", "", ""},
        {"", "example.com", "example.com"},
        {"", "*.example.com", "*.example.com"},
        {"example.com", "", "example.com"},
        {"*.example.com", "", "*.example.com"},
        {"very.specific.com", "very.specific.com", "very.specific.com"},
        {"very.specific.com", "*.specific.com", "very.specific.com"},
        {"*.wildcard.io", "foo.wildcard.io", "foo.wildcard.io"},
        {"*.wildcard.io", "foo.bar.wildcard.io", "foo.bar.wildcard.io"},
        {"*.example.com", "*.foo.example.com", "*.foo.example.com"},
        {"*.foo.example.com", "*.example.com", "*.foo.example.com"},
        {"abc.foo.example.com", "*.example.com", "abc.foo.example.com"},
        /* A wildcard stands for at least one label, and for whole labels. */
        {"*.wildcard.io", "wildcard.io", NULL},
        {"wildcard.io", "*.wildcard.io", NULL},
        {"*.wildcard.io", "badwildcard.io", NULL},
        {"*.wildcard.io", "*.badwildcard.io", NULL},
        {"*.anotherwildcard.io", "*.wildcard.io", NULL},
        {"very.specific.com", "non.matching.com", NULL},
        {"a.example.com", "example.com", NULL},
        {"example.com", "example.org", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str both;
        bool has = hostname_intersect(str_from_c(cases[i].listener), str_from_c(cases[i].route), &both);
        if (has != (cases[i].both != NULL) || (has && !str_eq(both, str_from_c(cases[i].both))))
            fail_msg("\"%s\" and \"%s\"", cases[i].listener, cases[i].route);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_specific_of_both_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
