/* SPDX-License-Identifier: Apache-2.0 */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *next_name(size_t index, const void *user)
{
    (void)user;
    static const char *const names[] = {"hostnames", "hostname", "port",
                                        "a-name-that-is-longer-than-any-that-is-compared", NULL};
    return names[index];
}

static void test_nearest_word_is_a_slip_away(void **state)
{
    (void)state;
    static const struct {
        const char *word, *nearest;
    } cases[] = {

        {"hostnmae", "hostname"},
        {"hostnamess", "hostnames"},
        {"host", "hostnames"},
        {"prot", "port"},
        {"p", NULL},
        {"weight", NULL},
        {"", NULL},
        {"a-name-that-is-longer-than-any-that-is-compared", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = nearest_word(str_from_c(cases[i].word), next_name, NULL);
        bool is_right = cases[i].nearest ? nearest && strcmp(nearest, cases[i].nearest) == 0 : !nearest;
        if (!is_right)
            fail_msg("case %zu: %s", i, nearest ? nearest : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_word_is_a_slip_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
