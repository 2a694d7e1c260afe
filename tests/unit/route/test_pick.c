/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

#include "plan/build.h"
#include "plan/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* Two routes, the second with these backends. */
static const struct plan *plan_with(const struct rule_weighted *weighted, size_t count)
{
    struct err err;
    const struct rule_backend backends[] = {{.label = STR("a:1")}, {.label = STR("b:1")}, {.label = STR("c:1")}};
    const struct rule_route routes[] = {{.label = STR("r#0")},
                                        {.label = STR("r#1"), .backends = weighted, .backend_count = count}};
    const struct rule_set rules = {.routes = routes, .route_count = 2, .backends = backends, .backend_count = 3};
    int fd = plan_build(&rules, &err);
    assert_true(fd >= 0);
    const struct plan *plan = plan_map(fd, &err);
    close(fd);
    assert_non_null(plan);
    return plan;
}

static void test_backend_is_picked_by_weight(void **state)
{
    (void)state;
    static const struct rule_weighted weighted[] = {
        {.backend = 2, .weight = 1}, {.backend = 0, .weight = 0}, {.backend = 1, .weight = 3}};
    const struct plan *plan = plan_with(weighted, 3);
    const struct plan_route *route = PLAN_ROUTE(plan, 1);
    assert_int_equal(route_pick_backend(plan, route, 0), 0);
    assert_int_equal(route_pick_backend(plan, route, (1u << 30) - 1), 0);
    assert_int_equal(route_pick_backend(plan, route, 1u << 30), 2);
    assert_int_equal(route_pick_backend(plan, route, UINT32_MAX), 2);
    plan_unmap(plan);
}

static void test_no_backend_is_picked_when_there_is_none_with_weight(void **state)
{
    (void)state;
    static const struct rule_weighted weighted[] = {{.backend = 0, .weight = 0}, {.backend = 1, .weight = 0}};
    const struct plan *plan = plan_with(weighted, 2);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 0), 0), PLAN_NONE);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), 0), PLAN_NONE);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), UINT32_MAX), PLAN_NONE);
    plan_unmap(plan);
}

static void test_huge_weights_do_not_overflow(void **state)
{
    (void)state;
    static const struct rule_weighted weighted[] = {{.backend = 0, .weight = UINT32_MAX},
                                                    {.backend = 1, .weight = UINT32_MAX}};
    const struct plan *plan = plan_with(weighted, 2);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), (1u << 31) - 1), 0);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), 1u << 31), 1);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), UINT32_MAX), 1);
    plan_unmap(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend_is_picked_by_weight),
        cmocka_unit_test(test_no_backend_is_picked_when_there_is_none_with_weight),
        cmocka_unit_test(test_huge_weights_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
