/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/endpoint.h"

#include "route/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static bool may_eject(void *user)
{
    unsigned *asked = user;
    if (asked)
        ++*asked;
    return true;
}

static bool may_not_eject(void *user)
{
    unsigned *asked = user;
    ++*asked;
    return false;
}

static struct lease take(struct endpoint *endpoint, uint64_t now_ns)
{
    struct lease lease;
    endpoint_take(endpoint, &lease, now_ns);
    return lease;
}

/* A request that fails; true when its failure ejects. */
static bool fail_once(struct endpoint *endpoint, uint64_t now_ns)
{
    struct lease lease = take(endpoint, now_ns);
    bool is_news = endpoint_failed(&lease, now_ns, may_eject, NULL);
    endpoint_give(&lease);
    return is_news;
}

static bool reach_not(struct endpoint *endpoint, uint64_t now_ns)
{
    struct lease lease = take(endpoint, now_ns);
    bool is_news = endpoint_unreached(&lease, now_ns);
    endpoint_give(&lease);
    return is_news;
}

static bool is_avoided(const struct endpoint *endpoint, uint64_t now_ns)
{
    return endpoint_cost(endpoint, now_ns) >= BALANCE_AVOID;
}

static void fail_five_times(struct endpoint *endpoint, uint64_t now_ns)
{
    for (unsigned i = 0; i < ENDPOINT_FAILURES; i++)
        assert_int_equal(fail_once(endpoint, now_ns), i == ENDPOINT_FAILURES - 1);
}

static void test_a_lease_costs_until_it_is_given_back(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    struct lease one = take(&endpoint, 0), two = take(&endpoint, 0);
    assert_int_equal(endpoint_cost(&endpoint, 0), 2);
    endpoint_give(&one);
    endpoint_give(&one);
    assert_int_equal(endpoint_cost(&endpoint, 0), 1);
    endpoint_give(&two);
    assert_int_equal(endpoint_cost(&endpoint, 0), 0);
}

static void test_one_failed_connection_ejects_and_pauses_double_to_30_s(void **state)
{
    (void)state;
    static const unsigned pauses_s[] = {1, 2, 4, 8, 16, 30, 30, 30};
    struct endpoint endpoint = {0};
    uint64_t now_ns = 7 * SECOND;
    for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
        assert_true(reach_not(&endpoint, now_ns));
        uint64_t until_ns = now_ns + pauses_s[i] * SECOND;
        assert_true(is_avoided(&endpoint, until_ns - 1));
        assert_int_equal(endpoint_cost(&endpoint, until_ns), 0);
        now_ns = until_ns;
    }
}

static void test_five_failures_eject_and_pauses_double_to_300_s(void **state)
{
    (void)state;
    static const unsigned pauses_s[] = {10, 20, 40, 80, 160, 300, 300};
    struct endpoint endpoint = {0};
    uint64_t now_ns = 7 * SECOND;
    fail_five_times(&endpoint, now_ns);
    for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
        uint64_t until_ns = now_ns + pauses_s[i] * SECOND;
        assert_true(is_avoided(&endpoint, until_ns - 1));
        assert_int_equal(endpoint_cost(&endpoint, until_ns), 0);
        now_ns = until_ns;
        assert_true(fail_once(&endpoint, now_ns)); /* one is enough for a probe */
    }
}

static void test_a_success_begins_the_count_anew(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    for (unsigned i = 0; i < ENDPOINT_FAILURES - 1; i++)
        assert_false(fail_once(&endpoint, 0));
    struct lease lease = take(&endpoint, 0);
    assert_false(endpoint_succeeded(&lease));
    endpoint_give(&lease);
    fail_five_times(&endpoint, 0);
}

static void test_the_probe_s_success_returns_it_and_the_next_pause_is_the_first(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    fail_five_times(&endpoint, 0);
    assert_true(fail_once(&endpoint, 10 * SECOND));
    struct lease probe = take(&endpoint, 30 * SECOND);
    assert_true(is_avoided(&endpoint, 30 * SECOND)); /* by all others */
    assert_true(endpoint_succeeded(&probe));
    endpoint_give(&probe);
    assert_int_equal(endpoint_cost(&endpoint, 30 * SECOND), 0);
    fail_five_times(&endpoint, 30 * SECOND);
    assert_true(is_avoided(&endpoint, 40 * SECOND - 1));
    assert_false(is_avoided(&endpoint, 40 * SECOND));
}

static void test_a_connection_returns_what_could_not_be_reached_but_not_what_fails(void **state)
{
    (void)state;
    struct endpoint unreachable = {0}, failing = {0};
    assert_true(reach_not(&unreachable, 0));
    struct lease probe = take(&unreachable, SECOND);
    assert_true(endpoint_reached(&probe));
    assert_false(is_avoided(&unreachable, SECOND));
    assert_false(endpoint_failed(&probe, SECOND, may_eject, NULL)); /* its answer is the first of five */
    assert_int_equal(unreachable.failures, 1);
    fail_five_times(&failing, 0);
    probe = take(&failing, 10 * SECOND);
    assert_false(endpoint_reached(&probe));
    assert_true(is_avoided(&failing, 10 * SECOND));
}

static void test_a_probe_that_shows_nothing_leaves_the_next_one_to_probe(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    fail_five_times(&endpoint, 0);
    struct lease probe = take(&endpoint, 10 * SECOND);
    endpoint_give(&probe);
    assert_int_equal(endpoint_cost(&endpoint, 10 * SECOND), 0);
}

static void test_a_probe_that_takes_its_time_is_followed_by_another(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    fail_five_times(&endpoint, 0);
    struct lease first = take(&endpoint, 10 * SECOND);
    assert_true(is_avoided(&endpoint, 20 * SECOND - 1));
    assert_int_equal(endpoint_cost(&endpoint, 20 * SECOND), 0);
    struct lease second = take(&endpoint, 20 * SECOND);
    assert_true(endpoint_succeeded(&second));
    assert_false(endpoint_failed(&first, 20 * SECOND, may_eject, NULL));
    endpoint_give(&first);
    endpoint_give(&second);
    assert_int_equal(endpoint_cost(&endpoint, 20 * SECOND), 0);
}

static void test_what_began_before_an_ejection_changes_nothing(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    struct lease good = take(&endpoint, 0), bad = take(&endpoint, 0), gone = take(&endpoint, 0);
    fail_five_times(&endpoint, 0);
    assert_false(endpoint_succeeded(&good));
    assert_false(endpoint_failed(&bad, SECOND, may_eject, NULL));
    assert_false(endpoint_unreached(&gone, SECOND));
    assert_true(is_avoided(&endpoint, 10 * SECOND - 1));
    assert_false(is_avoided(&endpoint, 10 * SECOND));
}

static void test_those_sent_in_a_panic_may_return_it_but_lengthen_nothing(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    fail_five_times(&endpoint, 0);
    for (unsigned i = 0; i < 3 * ENDPOINT_FAILURES; i++)
        assert_false(fail_once(&endpoint, SECOND));
    assert_false(reach_not(&endpoint, SECOND));
    assert_false(is_avoided(&endpoint, 10 * SECOND));
    struct lease lease = take(&endpoint, 2 * SECOND);
    assert_true(endpoint_succeeded(&lease));
    endpoint_give(&lease);
    assert_false(is_avoided(&endpoint, 2 * SECOND));
}

static void test_leave_to_eject_is_asked_for_once_in_five_failures(void **state)
{
    (void)state;
    struct endpoint endpoint = {0};
    unsigned asked = 0;
    for (unsigned i = 0; i < 3 * ENDPOINT_FAILURES; i++) {
        struct lease lease = take(&endpoint, 0);
        assert_false(endpoint_failed(&lease, 0, may_not_eject, &asked));
        endpoint_give(&lease);
    }
    assert_int_equal(asked, 3);
    assert_false(is_avoided(&endpoint, 0));
}

static void test_what_can_t_be_reached_costs_more_than_what_fails(void **state)
{
    (void)state;
    struct endpoint failing = {0}, unreachable = {0};
    fail_five_times(&failing, 0);
    assert_true(reach_not(&unreachable, 0));
    struct lease lease = take(&failing, 0);
    assert_true(endpoint_cost(&failing, 0) < endpoint_cost(&unreachable, 0));
    endpoint_give(&lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_costs_until_it_is_given_back),
        cmocka_unit_test(test_one_failed_connection_ejects_and_pauses_double_to_30_s),
        cmocka_unit_test(test_five_failures_eject_and_pauses_double_to_300_s),
        cmocka_unit_test(test_a_success_begins_the_count_anew),
        cmocka_unit_test(test_the_probe_s_success_returns_it_and_the_next_pause_is_the_first),
        cmocka_unit_test(test_a_connection_returns_what_could_not_be_reached_but_not_what_fails),
        cmocka_unit_test(test_a_probe_that_shows_nothing_leaves_the_next_one_to_probe),
        cmocka_unit_test(test_a_probe_that_takes_its_time_is_followed_by_another),
        cmocka_unit_test(test_what_began_before_an_ejection_changes_nothing),
        cmocka_unit_test(test_those_sent_in_a_panic_may_return_it_but_lengthen_nothing),
        cmocka_unit_test(test_leave_to_eject_is_asked_for_once_in_five_failures),
        cmocka_unit_test(test_what_can_t_be_reached_costs_more_than_what_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
