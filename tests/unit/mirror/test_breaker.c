/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/breaker.h"

#include "fixture.h"

#define MS 1000000ull
#define NOW (5000000 * MS)

static enum breaker_state state_of(struct fixture *f)
{
    return atomic_load(&f->one->breaker);
}

static void fail_times(struct fixture *f, int times, uint64_t now)
{
    for (int i = 0; i < times; i++)
        breaker_failure(f->one, now, 0, 0);
}

static void test_five_failures_in_a_row_open_it(void **state)
{
    struct fixture *f = *state;
    fail_times(f, 4, NOW);
    assert_true(breaker_allows(f->one, NOW));
    breaker_success(f->one);
    fail_times(f, 4, NOW);
    assert_int_equal(state_of(f), BREAKER_CLOSED);
    fail_times(f, 1, NOW);
    assert_int_equal(state_of(f), BREAKER_OPEN);
    assert_false(breaker_allows(f->one, NOW));
    assert_false(breaker_allows(f->one, NOW + 999 * MS));
}

static void test_one_probe_goes_when_its_time_has_come(void **state)
{
    struct fixture *f = *state;
    fail_times(f, 5, NOW);
    assert_true(breaker_allows(f->one, NOW + 1000 * MS));
    assert_int_equal(state_of(f), BREAKER_HALF_OPEN);
    assert_false(breaker_allows(f->one, NOW + 1000 * MS));
    assert_false(breaker_allows(f->one, NOW + 1999 * MS));
    assert_true(breaker_allows(f->one, NOW + 2000 * MS)); /* the first one was lost */
}

static void test_a_probe_s_success_closes_it_and_forgets(void **state)
{
    struct fixture *f = *state;
    fail_times(f, 5, NOW);
    assert_true(breaker_allows(f->one, NOW + 1000 * MS));
    breaker_success(f->one);
    assert_int_equal(state_of(f), BREAKER_CLOSED);
    fail_times(f, 5, NOW);
    assert_int_equal(atomic_load(&f->one->breaker_backoff_ms), 1000);
}

static void test_a_probe_s_failure_doubles_the_wait_up_to_thirty_seconds(void **state)
{
    static const uint32_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    struct fixture *f = *state;
    uint64_t now = NOW;
    fail_times(f, 5, now);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_int_equal(atomic_load(&f->one->breaker_backoff_ms), waits[i]);
        assert_false(breaker_allows(f->one, now + waits[i] * MS - 1));
        now += waits[i] * MS;
        assert_true(breaker_allows(f->one, now));
        fail_times(f, 1, now);
        assert_int_equal(state_of(f), BREAKER_OPEN);
    }
}

static void test_jitter_is_at_most_a_quarter(void **state)
{
    struct fixture *f = *state;
    for (uint64_t draw = 0; draw < 1000; draw++) {
        atomic_store(&f->one->breaker, BREAKER_CLOSED);
        atomic_store(&f->one->breaker_backoff_ms, 0);
        atomic_store(&f->one->breaker_failures, 4);
        breaker_failure(f->one, NOW, 0, draw * 0x9e3779b97f4a7c15ull);
        uint64_t wait = counter_get(&f->one->breaker_until_ns) - NOW;
        assert_in_range(wait, 1000 * MS, 1250 * MS - 1);
    }
}

static void test_retry_after_opens_at_once_and_is_bounded(void **state)
{
    struct fixture *f = *state;
    breaker_failure(f->one, NOW, 7000, 0);
    assert_int_equal(state_of(f), BREAKER_OPEN);
    assert_false(breaker_allows(f->one, NOW + 6999 * MS));
    assert_true(breaker_allows(f->one, NOW + 7000 * MS));
    breaker_failure(f->one, NOW, 3600000, 0);
    assert_true(breaker_allows(f->one, NOW + 30000 * MS));
}

static void test_failures_while_it_is_open_do_not_lengthen_it(void **state)
{
    struct fixture *f = *state;
    fail_times(f, 5, NOW);
    fail_times(f, 50, NOW + 900 * MS);
    assert_true(breaker_allows(f->one, NOW + 1000 * MS));
}

static void test_mirrors_have_breakers_of_their_own(void **state)
{
    struct fixture *f = *state;
    fail_times(f, 5, NOW);
    assert_true(breaker_allows(f->two, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_five_failures_in_a_row_open_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_probe_goes_when_its_time_has_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_probe_s_success_closes_it_and_forgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_probe_s_failure_doubles_the_wait_up_to_thirty_seconds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_jitter_is_at_most_a_quarter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retry_after_opens_at_once_and_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_while_it_is_open_do_not_lengthen_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mirrors_have_breakers_of_their_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
