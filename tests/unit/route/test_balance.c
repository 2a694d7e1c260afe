/* SPDX-License-Identifier: Apache-2.0 */
#include "route/balance.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PLACES 100
#define ROUNDS 40000

struct places {
    uint64_t cost[PLACES];
    unsigned asked, chosen[PLACES];
    struct random random;
};

static uint64_t cost_of(void *user, size_t at)
{
    struct places *places = user;
    places->asked++;
    return places->cost[at];
}

static struct places even(void)
{
    return (struct places){.random = {{1, 2, 3, 4}}};
}

static void choose(struct places *places, size_t count, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        size_t at = balance_pick(count, random_next(&places->random), cost_of, places);
        assert_true(at < count);
        places->chosen[at]++;
    }
}

static void test_the_only_one_is_chosen_without_a_look(void **state)
{
    (void)state;
    struct places places = even();
    places.cost[0] = 3 * BALANCE_AVOID;
    choose(&places, 1, 10);
    assert_int_equal(places.chosen[0], 10);
    assert_int_equal(places.asked, 0);
}

static void test_equals_are_chosen_equally_often(void **state)
{
    (void)state;
    for (size_t count = 2; count <= 7; count++) {
        struct places places = even();
        choose(&places, count, ROUNDS);
        for (size_t i = 0; i < count; i++)
            assert_in_range(places.chosen[i], ROUNDS / count * 95 / 100, ROUNDS / count * 105 / 100);
        assert_int_equal(places.asked, 2 * ROUNDS);
    }
}

static void test_of_two_the_less_loaded_is_always_chosen(void **state)
{
    (void)state;
    struct places places = even();
    places.cost[0] = 5;
    places.cost[1] = 4;
    choose(&places, 2, 1000);
    assert_int_equal(places.chosen[1], 1000);
}

static void test_the_most_loaded_of_many_is_never_chosen(void **state)
{
    (void)state;
    struct places places = even();
    places.cost[3] = 1;
    choose(&places, 8, ROUNDS);
    assert_int_equal(places.chosen[3], 0);
}

/* It wins whenever it is drawn: in 2 of 8 cases. */
static void test_the_least_loaded_of_many_is_chosen_when_it_is_drawn(void **state)
{
    (void)state;
    struct places places = even();
    for (size_t i = 0; i < 8; i++)
        places.cost[i] = i == 3 ? 0 : 7;
    choose(&places, 8, ROUNDS);
    assert_in_range(places.chosen[3], ROUNDS / 4 * 95 / 100, ROUNDS / 4 * 105 / 100);
}

static void test_load_follows_speed(void **state)
{
    (void)state;
    struct places places = even();
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t at = balance_pick(4, random_next(&places.random), cost_of, &places);
        places.chosen[at]++;
        places.cost[at]++;
        for (size_t k = 0; k < 4; k++) { /* one ends a request in every third round, the others in each */
            if (places.cost[k] && (k || i % 3 == 0))
                places.cost[k]--;
        }
    }
    assert_true(places.chosen[0] < places.chosen[1] * 3 / 4);
    assert_true(places.chosen[0] > 0);
    assert_true(places.cost[0] < 10);
}

static void test_what_is_to_be_avoided_is_chosen_only_when_all_are(void **state)
{
    (void)state;
    for (size_t good = 0; good < BALANCE_SCAN; good++) {
        struct places places = even();
        for (size_t i = 0; i < BALANCE_SCAN; i++)
            places.cost[i] = i == good ? 1000000 : BALANCE_AVOID;
        choose(&places, BALANCE_SCAN, 50);
        assert_int_equal(places.chosen[good], 50);
    }
}

static void test_the_least_reason_to_avoid_wins_when_all_have_one(void **state)
{
    (void)state;
    struct places places = even();
    for (size_t i = 0; i < 5; i++)
        places.cost[i] = i == 2 ? BALANCE_AVOID + 9 : 2 * BALANCE_AVOID + i;
    choose(&places, 5, 1000);
    assert_int_equal(places.chosen[2], 1000);
}

static void test_all_that_are_equally_bad_have_their_share(void **state)
{
    (void)state;
    struct places places = even();
    for (size_t i = 0; i < 4; i++)
        places.cost[i] = BALANCE_AVOID;
    choose(&places, 4, ROUNDS);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(places.chosen[i], ROUNDS / 4 * 95 / 100, ROUNDS / 4 * 105 / 100);
}

static void test_work_is_bounded_however_many_there_are(void **state)
{
    (void)state;
    struct places places = even();
    for (size_t i = 0; i < PLACES; i++)
        places.cost[i] = BALANCE_AVOID;
    choose(&places, PLACES, 1);
    assert_int_equal(places.asked, 2 + BALANCE_SCAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_only_one_is_chosen_without_a_look),
        cmocka_unit_test(test_equals_are_chosen_equally_often),
        cmocka_unit_test(test_of_two_the_less_loaded_is_always_chosen),
        cmocka_unit_test(test_the_most_loaded_of_many_is_never_chosen),
        cmocka_unit_test(test_the_least_loaded_of_many_is_chosen_when_it_is_drawn),
        cmocka_unit_test(test_load_follows_speed),
        cmocka_unit_test(test_what_is_to_be_avoided_is_chosen_only_when_all_are),
        cmocka_unit_test(test_the_least_reason_to_avoid_wins_when_all_have_one),
        cmocka_unit_test(test_all_that_are_equally_bad_have_their_share),
        cmocka_unit_test(test_work_is_bounded_however_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
