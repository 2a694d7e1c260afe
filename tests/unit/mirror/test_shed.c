/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/shed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ELAPSED_NS 100000000ull
#define CALM 30
#define BUSY 100

static void look(struct shed_judge *judge, unsigned ran_percent, unsigned waited_percent)
{
    shed_judge_look(judge, ELAPSED_NS * ran_percent / 100, ELAPSED_NS * waited_percent / 100, ELAPSED_NS);
}

/* How many of SHED_ALL copies are left out now. */
static unsigned shed_of_all(struct shed_judge *judge)
{
    unsigned shed = 0;
    for (unsigned i = 0; i < SHED_ALL; i++)
        shed += shed_judge_next(judge);
    return shed;
}

static void test_sheds_after_three_looks_of_a_saturated_cpu(void **state)
{
    (void)state;
    static const struct {
        unsigned ran, waited;
    } cases[] = {{BUSY, 0}, {95, 0}, {50, 50}, {30, 30}, {0, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shed_judge judge = {0};
        for (int looks = 0; looks < 3; looks++) {
            assert_int_equal(shed_of_all(&judge), 0);
            look(&judge, cases[i].ran, cases[i].waited);
        }
        assert_int_equal(shed_of_all(&judge), SHED_ALL - SHED_ALL / 4);
        for (int looks = 0; looks < 4; looks++)
            look(&judge, cases[i].ran, cases[i].waited);
        assert_int_equal(shed_of_all(&judge), SHED_ALL);
    }
}

static void test_a_single_bad_look_changes_nothing(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    for (int i = 0; i < 50; i++) {
        look(&judge, BUSY, 0);
        look(&judge, 10, 90);
        look(&judge, CALM, 0);
        assert_int_equal(shed_of_all(&judge), 0);
    }
}

static void test_copies_come_back_little_by_little(void **state)
{
    (void)state;
    struct shed_judge judge = {.shed = SHED_ALL};
    for (unsigned i = 1; i <= 16; i++) {
        look(&judge, CALM, 1);
        assert_int_equal(shed_of_all(&judge), SHED_ALL - i * SHED_ALL / 16);
    }
    look(&judge, CALM, 1);
    assert_int_equal(judge.shed, 0);
}

static void test_between_the_two_copies_come_back_slowly(void **state)
{
    (void)state;
    struct shed_judge judge = {.shed = SHED_ALL};
    for (unsigned i = 1; i <= SHED_ALL / 2; i++) {
        look(&judge, 85, 0);
        assert_int_equal(judge.shed, SHED_ALL - 2 * i + 1);
        look(&judge, CALM, 15);
        assert_int_equal(judge.shed, SHED_ALL - 2 * i);
    }
}

/* A load that needs 60 % of a CPU without copies, and 120 % with all of them. */
static void test_a_load_that_copies_would_saturate_keeps_those_that_fit(void **state)
{
    (void)state;
    struct shed_judge judge = {0};
    unsigned going = 0, saturated = 0;
    for (int i = 0; i < 1000; i++) {
        unsigned needed = 60 + 60 * (SHED_ALL - judge.shed) / SHED_ALL;
        look(&judge, needed < 100 ? needed : 100, 0);
        going += i >= 100 ? SHED_ALL - judge.shed : 0;
        saturated += i >= 100 && needed > 94;
    }
    assert_in_range(going / 900, SHED_ALL / 4, SHED_ALL / 2);
    assert_true(saturated < 900 / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sheds_after_three_looks_of_a_saturated_cpu),
        cmocka_unit_test(test_a_single_bad_look_changes_nothing),
        cmocka_unit_test(test_copies_come_back_little_by_little),
        cmocka_unit_test(test_between_the_two_copies_come_back_slowly),
        cmocka_unit_test(test_a_load_that_copies_would_saturate_keeps_those_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
