/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/rates.h"

#include "fixture.h"

#define S 1000000000ull

static void test_rates_are_deltas_per_second(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct rates *rates = rates_new();
    struct registry_mirror *mirror = registry_mirror(registry, ROUTE, SHADOW);
    struct registry_route *route = registry_route(registry, ROUTE, LIVE);
    struct registry_gateway *gateway = fixture_gateway(registry, 42);
    counter_add(&mirror->sent, 1000);
    rates_sample(rates, registry, 10 * S);
    assert_true(rates_mirror(rates, 0).sent == 0);
    assert_true(rates_gateway_cpu(rates, 0) < 0);
    counter_add(&mirror->sent, 50);
    counter_add(&mirror->bytes_sent, 4000);
    counter_add(&mirror->dropped[DROPPED_BUDGET], 2);
    gateway->cpu_ns += S;
    for (int i = 0; i < 6; i++)
        registry_duration_add(&route->duration, 1000);
    rates_sample(rates, registry, 12 * S);
    assert_true(rates_mirror(rates, 0).sent == 25);
    assert_true(rates_mirror(rates, 0).bytes_sent == 2000);
    assert_true(rates_mirror(rates, 0).dropped[DROPPED_BUDGET] == 1);
    assert_true(rates_route(rates, 0).requests == 3);
    assert_true(rates_gateway_cpu(rates, 0) == 0.5);
    rates_sample(rates, registry, 13 * S);
    assert_true(rates_mirror(rates, 0).sent == 0);
    rates_free(rates);
    registry_close(registry);
}

static void test_a_sample_too_early_changes_nothing(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct rates *rates = rates_new();
    struct registry_mirror *mirror = registry_mirror(registry, ROUTE, SHADOW);
    rates_sample(rates, registry, 1 * S);
    counter_add(&mirror->sent, 7);
    rates_sample(rates, registry, 2 * S);
    rates_sample(rates, registry, 2 * S + 1000);
    assert_true(rates_mirror(rates, 0).sent == 7);
    rates_free(rates);
    registry_close(registry);
}

static void test_another_gateway_in_the_slot_starts_anew(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct rates *rates = rates_new();
    struct registry_gateway *gateway = fixture_gateway(registry, 42);
    rates_sample(rates, registry, 1 * S);
    gateway->pid = 43;
    gateway->cpu_ns = 9 * S;
    rates_sample(rates, registry, 2 * S);
    assert_true(rates_gateway_cpu(rates, 0) < 0);
    rates_free(rates);
    registry_close(registry);
}

static void test_what_is_unknown_is_zero(void **state)
{
    (void)state;
    struct rates *rates = rates_new();
    assert_true(rates_mirror(NULL, 0).sent == 0);
    assert_true(rates_mirror(rates, 5).sent == 0);
    assert_true(rates_route(NULL, 0).requests == 0);
    assert_true(rates_gateway_cpu(NULL, 0) < 0);
    rates_free(rates);
    rates_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_are_deltas_per_second),
        cmocka_unit_test(test_a_sample_too_early_changes_nothing),
        cmocka_unit_test(test_another_gateway_in_the_slot_starts_anew),
        cmocka_unit_test(test_what_is_unknown_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
