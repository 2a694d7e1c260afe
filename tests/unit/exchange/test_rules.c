/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rules.h"

#include "rules_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct registry *open_registry(void)
{
    struct err err;
    int fd;
    struct registry *registry = registry_new(&fd, &err);
    assert_non_null(registry);
    close(fd);
    return registry;
}

static struct rules *make_rules(const struct plan *plan, const struct endpoints *endpoints, struct registry *registry,
                                unsigned slot)
{
    struct err err;
    struct rules *rules = rules_new(plan, endpoints, registry, slot, &err);
    assert_non_null(rules);
    return rules;
}

static void test_rules_join_a_plan_with_addresses_and_series(void **state)
{
    (void)state;
    struct registry *registry = open_registry();
    struct rules *rules = make_rules(fixture_plan(), fixture_endpoints(8080, 2), registry, 0);
    assert_int_equal(rules->addresses[0].count, 2);
    assert_int_equal(rules->addresses[0].list[1].port, 8081);
    assert_int_equal(rules->addresses[1].count, 0);
    assert_ptr_equal(rules->series[1], registry_route(registry, STR("shop"), STR("next:80")));
    assert_ptr_equal(rules->own_series[0], registry_route(registry, STR("shop"), STR("")));
    assert_ptr_equal(rules->series[2], rules->own_series[0]);
    uint32_t of_route = PLAN_ROUTE(rules->plan, 0)->mirrors.first;
    uint32_t of_backend = PLAN_WEIGHTED(rules->plan, 1)->mirrors.first;
    assert_ptr_equal(rules->mirrors[of_route], registry_mirror(registry, STR("shop"), STR("shadow:80")));
    assert_ptr_equal(rules->mirrors[of_backend], registry_mirror(registry, STR("shop"), STR("shadow:80~2")));
    assert_true(rules->mirror_identities[of_route] != rules->mirror_identities[of_backend]);
    rules_unref(rules);
    registry_close(registry);
}

static void test_rules_know_what_mirrors_call_their_marker(void **state)
{
    (void)state;
    struct registry *registry = open_registry();
    struct rules *rules = make_rules(fixture_plan(), NULL, registry, 0);
    assert_int_equal(rules->marker_header_count, 1);
    assert_true(str_eq(rules->marker_headers[0], STR("X-Copy-Of")));
    rules_unref(rules);
    registry_close(registry);
}

static void test_rules_without_endpoints_have_no_address(void **state)
{
    (void)state;
    struct registry *registry = open_registry();
    struct rules *rules = make_rules(fixture_plan(), NULL, registry, 0);
    assert_int_equal(rules->addresses[0].count, 0);
    rules_unref(rules);
    registry_close(registry);
}

static void test_other_endpoints_keep_what_was_made_of_the_plan(void **state)
{
    (void)state;
    struct registry *registry = open_registry();
    struct rules *old = make_rules(fixture_plan(), fixture_endpoints(8080, 2), registry, 3);
    struct rules *new = rules_with_endpoints(old, fixture_endpoints(9090, 1));
    assert_ptr_equal(new->plan, old->plan);
    assert_ptr_equal(new->series, old->series);
    assert_ptr_equal(new->own_series, old->own_series);
    assert_ptr_equal(new->no_route, old->no_route);
    assert_ptr_equal(new->mirrors, old->mirrors);
    assert_ptr_equal(new->mirror_identities, old->mirror_identities);
    assert_ptr_equal(new->registry, registry);
    assert_int_equal(new->gateway_slot, 3);
    assert_int_equal(new->addresses[0].count, 1);
    assert_int_equal(new->addresses[0].list[0].port, 9090);
    assert_int_equal(old->addresses[0].count, 2);
    assert_int_equal(old->addresses[0].list[0].port, 8080);
    rules_unref(old);
    rules_unref(new);
    registry_close(registry);
}

static void test_the_last_rules_of_a_plan_keep_it_whoever_goes_first(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct registry *registry = open_registry();
        struct rules *rules[2];
        rules[0] = make_rules(fixture_plan(), NULL, registry, 0);
        rules[1] = rules_with_endpoints(rules[0], fixture_endpoints(8080, 1));
        rules_unref(rules[first]);
        struct rules *left = rules[1 - first];
        assert_int_equal(left->plan->generation, 1);
        assert_non_null(left->series[0]);
        assert_int_equal(left->addresses[0].count, 1 - first);
        rules_unref(left);
        registry_close(registry);
    }
}

static void test_plan_with_a_wrong_regular_expression_is_not_followed(void **state)
{
    (void)state;
    struct registry *registry = open_registry();
    struct err err = {{0}};
    const struct plan *plan = fixture_plan_with_regex(STR("/a/(b"));
    assert_null(rules_new(plan, fixture_endpoints(8080, 1), registry, 0, &err));
    assert_non_null(strstr(err.text, "\"/a/(b\" is wrong"));
    assert_null(rules_new(fixture_plan_with_regex(STR("(")), NULL, registry, 0, &err));
    registry_close(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_with_a_wrong_regular_expression_is_not_followed),
        cmocka_unit_test(test_rules_join_a_plan_with_addresses_and_series),
        cmocka_unit_test(test_rules_know_what_mirrors_call_their_marker),
        cmocka_unit_test(test_rules_without_endpoints_have_no_address),
        cmocka_unit_test(test_other_endpoints_keep_what_was_made_of_the_plan),
        cmocka_unit_test(test_the_last_rules_of_a_plan_keep_it_whoever_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
