/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

#include "plan/build.h"
#include "plan/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

/* Two routes with the same weighted backends, each with a listener of its own. */
static const struct plan *plan_with(const struct plan_weighted *weighted, size_t count)
{
    struct err err;
    const struct rule_backend backends[] = {{.label = STR("a:1")}, {.label = STR("b:1")}, {.label = STR("c:1")}};
    const struct rule_route routes[] = {{.label = STR("r#0")},
                                        {.label = STR("r#1"), .backends = weighted, .backend_count = count}};
    struct rule_listener listeners[] = {{.route = 1}, {.route = 0}};
    const struct rules rules = {.listeners = listeners,
                                .listener_count = 2,
                                .routes = routes,
                                .route_count = 2,
                                .backends = backends,
                                .backend_count = 3};
    assert_true(address_parse(STR("127.0.0.1:1"), &listeners[0].address));
    assert_true(address_parse(STR("127.0.0.1:2"), &listeners[1].address));
    int fd = plan_build(&rules, &err);
    assert_true(fd >= 0);
    const struct plan *plan = plan_map(fd, &err);
    close(fd);
    assert_non_null(plan);
    return plan;
}

static void test_route_of_the_listener_takes_every_request(void **state)
{
    (void)state;
    const struct plan *plan = plan_with(NULL, 0);
    const struct head request = {.method_id = METHOD_GET, .method = STR("GET"), .target = STR("/a")};
    assert_int_equal(route_match(plan, 0, &request, STR("/a")), 1);
    assert_int_equal(route_match(plan, 1, &request, STR("/")), 0);
    assert_int_equal(route_match(plan, 2, &request, STR("/")), UINT32_MAX);
    plan_unmap(plan);
}

static void test_backend_is_picked_by_weight(void **state)
{
    (void)state;
    static const struct plan_weighted weighted[] = {{2, 1}, {0, 0}, {1, 3}};
    const struct plan *plan = plan_with(weighted, 3);
    const struct plan_route *route = PLAN_ROUTE(plan, 1);
    assert_int_equal(route_pick_backend(plan, route, 0), 2);
    assert_int_equal(route_pick_backend(plan, route, (1u << 30) - 1), 2);
    assert_int_equal(route_pick_backend(plan, route, 1u << 30), 1);
    assert_int_equal(route_pick_backend(plan, route, UINT32_MAX), 1);
    plan_unmap(plan);
}

static void test_no_backend_is_picked_when_there_is_none_with_weight(void **state)
{
    (void)state;
    static const struct plan_weighted weighted[] = {{0, 0}, {1, 0}};
    const struct plan *plan = plan_with(weighted, 2);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 0), 0), UINT32_MAX);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), 0), UINT32_MAX);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), UINT32_MAX), UINT32_MAX);
    plan_unmap(plan);
}

static void test_huge_weights_do_not_overflow(void **state)
{
    (void)state;
    static const struct plan_weighted weighted[] = {{0, UINT32_MAX}, {1, UINT32_MAX}};
    const struct plan *plan = plan_with(weighted, 2);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), (1u << 31) - 1), 0);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), 1u << 31), 1);
    assert_int_equal(route_pick_backend(plan, PLAN_ROUTE(plan, 1), UINT32_MAX), 1);
    plan_unmap(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_route_of_the_listener_takes_every_request),
        cmocka_unit_test(test_backend_is_picked_by_weight),
        cmocka_unit_test(test_no_backend_is_picked_when_there_is_none_with_weight),
        cmocka_unit_test(test_huge_weights_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
