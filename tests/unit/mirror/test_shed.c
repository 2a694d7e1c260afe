/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/shed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ELAPSED_NS 100000000ull

/* Looks until the state changes, at most `limit`; how many it took, 0: it did not change. */
static int looks_until_change(struct shed_judge *judge, uint64_t waited_percent, int limit)
{
    for (int i = 1; i <= limit; i++) {
        if (shed_judge_look(judge, ELAPSED_NS * waited_percent / 100, ELAPSED_NS))
            return i;
    }
    return 0;
}

static void test_sheds_after_three_looks_of_a_saturated_cpu(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    assert_int_equal(looks_until_change(&judge, 30, 100), 3);
    assert_true(judge.is_shedding);
}

static void test_a_single_bad_look_changes_nothing(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    for (int i = 0; i < 50; i++) {
        assert_false(shed_judge_look(&judge, ELAPSED_NS, ELAPSED_NS));
        assert_false(shed_judge_look(&judge, ELAPSED_NS, ELAPSED_NS));
        assert_false(shed_judge_look(&judge, 0, ELAPSED_NS));
    }
}

static void test_copies_go_again_after_ten_calm_looks(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    assert_int_equal(looks_until_change(&judge, 90, 100), 3);
    assert_int_equal(looks_until_change(&judge, 1, 100), 10);
    assert_false(judge.is_shedding);
}

static void test_between_the_two_shares_the_state_stays(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    assert_int_equal(looks_until_change(&judge, 15, 1000), 0);
    assert_int_equal(looks_until_change(&judge, 90, 100), 3);
    assert_int_equal(looks_until_change(&judge, 15, 1000), 0);
    assert_true(judge.is_shedding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sheds_after_three_looks_of_a_saturated_cpu),
        cmocka_unit_test(test_a_single_bad_look_changes_nothing),
        cmocka_unit_test(test_copies_go_again_after_ten_calm_looks),
        cmocka_unit_test(test_between_the_two_shares_the_state_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
