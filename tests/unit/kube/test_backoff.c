/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_waiting_doubles_from_200_ms_to_30_s(void **state)
{
    static const uint32_t whole[] = {200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    (void)state;
    for (int run = 0; run < 1000; run++) {
        struct backoff backoff = {0};
        for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
            assert_in_range(backoff_next_ms(&backoff, 0), whole[i] / 2, whole[i]);
        backoff_reset(&backoff);
        assert_in_range(backoff_next_ms(&backoff, 0), 100, 200);
    }
    struct backoff long_ago = {UINT32_MAX - 1};
    assert_in_range(backoff_next_ms(&long_ago, 0), 15000, 30000);
}

static void test_those_who_wait_are_spread(void **state)
{
    uint32_t least = UINT32_MAX, most = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint32_t wait = backoff_next_ms(&(struct backoff){7}, 0);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_true(most - least > 6000);
}

static void test_what_the_server_asks_for_is_kept_to(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_in_range(backoff_next_ms(&(struct backoff){0}, 7000), 7000, 7100);
        assert_in_range(backoff_next_ms(&(struct backoff){20}, 7000), 15000, 30000);
        assert_in_range(backoff_next_ms(&(struct backoff){0}, 3600000), 60000, 60100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_doubles_from_200_ms_to_30_s),
        cmocka_unit_test(test_those_who_wait_are_spread),
        cmocka_unit_test(test_what_the_server_asks_for_is_kept_to),
    };
    return cmocka_run_group_tests_name("kube/backoff", tests, NULL, NULL);
}
