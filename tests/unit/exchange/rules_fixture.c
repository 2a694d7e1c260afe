/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_fixture.h"

#include "plan/build.h"
#include "plan/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

const struct plan *fixture_plan_with_regex(struct str pattern)
{
    struct err err;
    struct rule_backend backends[] = {
        {.label = STR("live:80")},
        {.label = STR("next:80")},
        {.label = STR("shadow:80")},
    };
    struct rule_mirror mirror;
    rule_mirror_init(&mirror);
    mirror.label = STR("shadow:80");
    mirror.backend = 2;
    struct rule_mirror mirror_of_next = mirror;
    mirror_of_next.label = STR("shadow:80~2");
    mirror_of_next.marker_header = STR("X-Copy-Of");
    struct rule_weighted weighted[] = {
        {.backend = 0, .weight = 1},
        {.backend = 1, .weight = 1, .mirrors = &mirror_of_next, .mirror_count = 1},
        {.backend = SIZE_MAX, .weight = 0},
    };
    struct rule_route route = {
        .label = STR("shop"), .backends = weighted, .backend_count = 3, .mirrors = &mirror, .mirror_count = 1};
    struct rule_match match = {.path_kind = PATH_MATCH_REGEX, .path = pattern};
    route.matches = &match;
    route.match_count = 1;
    struct rule_set rules = {
        .generation = 1, .routes = &route, .route_count = 1, .backends = backends, .backend_count = 3};
    int fd = plan_build(&rules, &err);
    const struct plan *plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!plan)
        fail_msg("%s", err.text);
    close(fd);
    return plan;
}

const struct plan *fixture_plan(void)
{
    return fixture_plan_with_regex(STR(".*"));
}

const struct endpoints *fixture_endpoints(uint16_t port, size_t count)
{
    struct err err;
    struct address addresses[4];
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++)
        addresses[i] = (struct address){.family = ADDRESS_IPV4, .port = (uint16_t)(port + i), .ip = {127, 0, 0, 1}};
    struct endpoints_builder *builder = endpoints_builder_new(1);
    endpoints_builder_add(builder, STR("live:80"), addresses, count);
    int fd = endpoints_builder_seal(builder, &err);
    endpoints_builder_free(builder);
    const struct endpoints *endpoints = fd < 0 ? NULL : endpoints_map(fd, &err);
    if (!endpoints)
        fail_msg("%s", err.text);
    close(fd);
    return endpoints;
}
