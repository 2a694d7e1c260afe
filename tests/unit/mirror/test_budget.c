/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void test_what_is_taken_is_given_back(void **state)
{
    struct fixture *f = *state;
    set_limit(f, 1000);
    assert_true(budget_take(&f->budget, f->one, 300));
    assert_int_equal(used(f), 300);
    assert_int_equal(held(f->one), 300);
    budget_give(&f->budget, f->one, 300);
    assert_int_equal(used(f), 0);
    assert_int_equal(held(f->one), 0);
}

static void test_budget_refuses_when_full_and_charges_nothing(void **state)
{
    struct fixture *f = *state;
    set_limit(f, 1000);
    assert_false(budget_take(&f->budget, f->one, 1001));
    assert_int_equal(used(f), 0);
    assert_int_equal(held(f->one), 0);
    set_limit(f, 0);
    assert_false(budget_take(&f->budget, f->one, 1));
    assert_true(budget_take(&f->budget, f->one, 0));
}

static void test_what_is_set_aside_is_not_to_be_had(void **state)
{
    struct fixture *f = *state;
    set_limit(f, 1000);
    atomic_store(&f->budget.totals->budget_aside, 600);
    assert_false(budget_take(&f->budget, f->one, 201));
    assert_true(budget_take(&f->budget, f->one, 200));
    assert_int_equal(used(f), 200);
    budget_give(&f->budget, f->one, 200);
    atomic_store(&f->budget.totals->budget_aside, 2000);
    assert_false(budget_take(&f->budget, f->one, 1));
}

/* At most as much as is still free: with a limit of 1000 one alone gets half, the next half of what that leaves. */
static void test_a_mirror_holds_at_most_what_is_still_free(void **state)
{
    struct fixture *f = *state;
    set_limit(f, 1000);
    assert_true(budget_take(&f->budget, f->one, 500));
    assert_false(budget_take(&f->budget, f->one, 1));
    assert_true(budget_take(&f->budget, f->two, 250));
    assert_false(budget_take(&f->budget, f->two, 1));
    budget_give(&f->budget, f->one, 500);
    assert_true(budget_take(&f->budget, f->two, 250));
}

static void test_records_take_at_most_what_is_still_free(void **state)
{
    struct fixture *f = *state;
    set_limit(f, 1000);
    assert_true(budget_take(&f->budget, f->one, 200));
    assert_true(budget_take_for_records(&f->budget, 400));
    assert_int_equal(used(f), 600);
    assert_false(budget_take_for_records(&f->budget, 1));
    assert_int_equal(used(f), 600);
    assert_true(budget_take(&f->budget, f->two, 200)); /* mirrors find room beside them */
    budget_give_for_records(&f->budget, 400);
    assert_int_equal(used(f), 400);
    assert_int_equal(held(f->one) + held(f->two), 400);
    budget_give(&f->budget, f->one, 200);
    budget_give(&f->budget, f->two, 200);
    assert_true(budget_take_for_records(&f->budget, 500)); /* alone: half */
    assert_false(budget_take_for_records(&f->budget, 1));
    budget_give_for_records(&f->budget, 500);
    assert_int_equal(used(f), 0);
    set_limit(f, 0);
    assert_false(budget_take_for_records(&f->budget, 1));
}

static void test_a_chunk_is_charged_once_to_the_budget_and_to_each_holder(void **state)
{
    struct fixture *f = *state;
    struct chunk *chunk = chunk_new(10000);
    int64_t cost = (int64_t)chunk_cost(chunk);
    set_limit(f, 1000000);
    assert_true(budget_hold(&f->budget, f->one, chunk));
    assert_true(budget_hold(&f->budget, f->two, chunk));
    assert_true(budget_hold(&f->budget, f->one, chunk));
    assert_int_equal(used(f), cost);
    assert_int_equal(held(f->one), 2 * cost);
    assert_int_equal(held(f->two), cost);
    budget_unhold(&f->budget, f->one, chunk);
    budget_unhold(&f->budget, f->one, chunk);
    assert_int_equal(used(f), cost);
    budget_unhold(&f->budget, f->two, chunk);
    assert_int_equal(used(f), 0);
    assert_int_equal(held(f->one) + held(f->two), 0);
    assert_true(budget_hold(&f->budget, f->two, chunk)); /* held again, charged again */
    assert_int_equal(used(f), cost);
    budget_unhold(&f->budget, f->two, chunk);
    assert_int_equal(used(f), 0);
    chunk_unref(chunk);
}

static void test_a_chunk_that_does_not_fit_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct chunk *chunk = chunk_new(10000);
    set_limit(f, 10000);
    assert_false(budget_hold(&f->budget, f->one, chunk));
    assert_int_equal(chunk->holders, 0);
    assert_int_equal(used(f), 0);
    chunk_unref(chunk);
}

/* Any order of takes and gives of two mirrors ends at 0 and never exceeds the limit. */
static void test_a_random_life_is_exact(void **state)
{
    struct fixture *f = *state;
    struct registry_mirror *mirrors[2] = {f->one, f->two};
    size_t taken[2][64] = {{0}}, limit = 100000;
    uint64_t seed = 7;
    set_limit(f, limit);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ull + 1;
        unsigned who = (seed >> 33) & 1, slot = (seed >> 34) % 64;
        size_t *place = &taken[who][slot];
        if (*place) {
            budget_give(&f->budget, mirrors[who], *place);
            *place = 0;
        } else if (budget_take(&f->budget, mirrors[who], 1 + (seed >> 40) % 5000)) {
            *place = 1 + (seed >> 40) % 5000;
        }
        assert_true(used(f) >= 0 && used(f) <= (int64_t)limit);
        assert_int_equal(used(f), held(f->one) + held(f->two));
    }
    for (unsigned who = 0; who < 2; who++) {
        for (unsigned slot = 0; slot < 64; slot++)
            budget_give(&f->budget, mirrors[who], taken[who][slot]);
    }
    assert_int_equal(used(f), 0);
    assert_int_equal(atomic_load(&f->one->gateway_held_bytes[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_taken_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget_refuses_when_full_and_charges_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_set_aside_is_not_to_be_had, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_mirror_holds_at_most_what_is_still_free, setup, teardown),
        cmocka_unit_test_setup_teardown(test_records_take_at_most_what_is_still_free, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_chunk_is_charged_once_to_the_budget_and_to_each_holder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_chunk_that_does_not_fit_is_not_held, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_random_life_is_exact, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
