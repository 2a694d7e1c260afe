/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/rate.h"

#include "fixture.h"

#define SECOND 1000000000ull
#define NOW (1000 * SECOND)

static uint64_t passed(struct registry_mirror *mirror, uint64_t per_second, uint64_t seconds, uint64_t asked_per_second)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < seconds * asked_per_second; i++)
        count += rate_allows(mirror, per_second, NOW + i * SECOND / asked_per_second);
    return count;
}

static void test_no_rate_is_no_limit(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 1000; i++)
        assert_true(rate_allows(f->one, 0, NOW));
}

static void test_so_many_pass_in_the_long_run(void **state)
{
    static const uint64_t rates[] = {1, 7, 50, 333, 1000};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        atomic_store(&f->one->rate_tat_ns, 0);
        uint64_t count = passed(f->one, rates[i], 20, 5000);
        uint64_t burst = rates[i] / 10 + 2;
        assert_in_range(count, 20 * rates[i], 20 * rates[i] + burst);
    }
}

static void test_fewer_than_the_rate_all_pass(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(passed(f->one, 100, 20, 100), 2000);
}

static void test_a_burst_is_a_tenth_of_a_second(void **state)
{
    struct fixture *f = *state;
    uint64_t count = 0;
    for (int i = 0; i < 1000; i++)
        count += rate_allows(f->one, 100, NOW);
    assert_in_range(count, 10, 12);
    assert_false(rate_allows(f->one, 100, NOW + SECOND / 200));
    assert_true(rate_allows(f->one, 100, NOW + SECOND / 50));
}

static void test_a_quiet_hour_saves_nothing_up(void **state)
{
    struct fixture *f = *state;
    uint64_t count = 0;
    assert_true(rate_allows(f->one, 10, NOW));
    for (int i = 0; i < 1000; i++)
        count += rate_allows(f->one, 10, NOW + 3600 * SECOND);
    assert_in_range(count, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_rate_is_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_so_many_pass_in_the_long_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fewer_than_the_rate_all_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_burst_is_a_tenth_of_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_quiet_hour_saves_nothing_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
