/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_rules.h"

#include "base/assert.h"
#include "plan/build.h"
#include "plan/endpoints.h"
#include "sim_setup.h"

#include <stdio.h>

struct address sim_live_address(unsigned endpoint)
{
    return (struct address){.family = ADDRESS_IPV4, .port = 80, .ip = {10, 0, 0, (uint8_t)(endpoint + 1)}};
}

struct address sim_shadow_address(unsigned mirror, unsigned endpoint)
{
    return (struct address){
        .family = ADDRESS_IPV4, .port = 80, .ip = {10, 1, (uint8_t)mirror, (uint8_t)(endpoint + 1)}};
}

struct str sim_mirror_label(char *out, unsigned mirror)
{
    int len = snprintf(out, 32, "shadow-%u:80", mirror);
    return (struct str){out, (size_t)len};
}

static unsigned endpoint_count(unsigned wanted)
{
    return wanted == SIM_NONE ? 0 : wanted ? wanted : 1;
}

/* What a play does not say is as MirrorPolicy's defaults have it. */
static void set_mirror(struct rule_mirror *rule, const struct sim_mirror *mirror)
{
    rule_mirror_init(rule);
    if (mirror->like)
        *rule = *mirror->like;
    if (mirror->denominator) {
        rule->numerator = mirror->numerator;
        rule->denominator = mirror->denominator;
    }
    rule->is_suspended = mirror->is_suspended;
    rule->rate_per_second = mirror->rate_per_second;
    if (mirror->method_mask)
        rule->method_mask = mirror->method_mask;
    if (mirror->max_in_flight)
        rule->max_in_flight = mirror->max_in_flight;
    if (mirror->max_connections)
        rule->max_connections = mirror->max_connections;
    if (mirror->window_bytes)
        rule->window_bytes = mirror->window_bytes;
    if (mirror->timeout_ms)
        rule->timeout_ms = mirror->timeout_ms;
    if (mirror->connect_timeout_ms)
        rule->connect_timeout_ms = mirror->connect_timeout_ms;
}

static void set_comparison(struct rule_mirror *rule, const struct sim_mirror *mirror,
                           struct rule_comparison *comparison)
{
    rule->is_control = mirror->is_control;
    rule->comparison = mirror->is_control ? rule[-1].comparison : NULL;
    if (!mirror->is_compared || mirror->is_control)
        return;
    rule_comparison_init(comparison);
    if (mirror->body_bytes)
        comparison->body_bytes = mirror->body_bytes;
    rule->comparison = comparison;
}

static void set_attempts(struct rule_route *route, const struct sim_rules *play)
{
    route->is_grpc = play->is_grpc;
    route->request_timeout_ms = play->request_timeout_ms;
    route->backend_timeout_ms = play->backend_timeout_ms;
    route->retry_attempts = play->retry_attempts;
    route->retry_backoff_ms = play->retry_backoff_ms;
    route->retry_on = play->retry_on;
    route->retry_grpc = play->retry_grpc;
    route->retry_codes = play->retry_codes;
    while (route->retry_code_count < SIM_RETRY_CODES && play->retry_codes[route->retry_code_count])
        route->retry_code_count++;
}

static int build_plan(const struct sim_rules *play, struct str *labels)
{
    struct err err;
    struct rule_backend backends[1 + SIM_MIRRORS] = {
        {.label = STR("live:80"), .protocol = play->live_protocol, .revision = STR("live-1")}};
    struct rule_mirror mirrors[SIM_MIRRORS];
    struct rule_comparison comparisons[SIM_MIRRORS];
    struct rule_weighted weighted = {.backend = 0, .weight = 1};
    struct rule_match match = {.path_kind = PATH_MATCH_PREFIX, .path = STR("/")};
    struct rule_binding all_hosts = {.listener = 0};
    struct rule_route route = {.label = STR(SIM_ROUTE),
                               .bindings = &all_hosts,
                               .binding_count = 1,
                               .matches = &match,
                               .match_count = 1,
                               .backends = &weighted,
                               .backend_count = 1,
                               .mirrors = mirrors,
                               .mirror_count = play->mirrors - play->backend_mirrors};
    struct address socket = {.family = ADDRESS_IPV4, .port = 80, .ip = {192, 0, 2, 80}};
    struct rule_listener listener = {.label = STR("default/play/http"), .port = 80};
    weighted.mirrors = mirrors + route.mirror_count;
    weighted.mirror_count = play->backend_mirrors;
    if (play->path_regex)
        match = (struct rule_match){.path_kind = PATH_MATCH_REGEX, .path = str_from_c(play->path_regex)};
    route.is_in_written_order = play->path_string;
    if (play->path_string)
        match = (struct rule_match){.path_kind = PATH_MATCH_STRING, .path = str_from_c(play->path_string)};
    set_attempts(&route, play);
    if (play->actions)
        route.actions = *play->actions;
    if (play->backend_actions)
        weighted.actions = *play->backend_actions;
    for (unsigned i = 0; i < play->mirrors; i++) {
        backends[1 + i] = (struct rule_backend){
            .label = labels[i], .protocol = play->mirror[i].protocol, .revision = STR("shadow-2")};
        set_mirror(&mirrors[i], &play->mirror[i]);
        set_comparison(&mirrors[i], &play->mirror[i], &comparisons[i]);
        mirrors[i].label = labels[i];
        mirrors[i].backend = 1 + i;
    }
    struct rule_set rules = {.generation = 1,
                             .sockets = &socket,
                             .socket_count = 1,
                             .listeners = &listener,
                             .listener_count = 1,
                             .routes = &route,
                             .route_count = 1,
                             .backends = backends,
                             .backend_count = 1 + play->mirrors};
    int fd = plan_build(&rules, &err);
    ASSERT(fd >= 0);
    return fd;
}

static int build_endpoints(const struct sim_rules *play, const struct str *labels)
{
    struct err err;
    struct address addresses[SIM_ENDPOINTS];
    struct endpoints_builder *builder = endpoints_builder_new(1);
    unsigned count = endpoint_count(play->live_endpoints);
    for (unsigned k = 0; k < count; k++)
        addresses[k] = sim_live_address(k);
    endpoints_builder_add(builder, STR("live:80"), addresses, count);
    for (unsigned i = 0; i < play->mirrors; i++) {
        count = endpoint_count(play->mirror[i].endpoints);
        for (unsigned k = 0; k < count; k++)
            addresses[k] = sim_shadow_address(play->first_mirror + i, k);
        endpoints_builder_add(builder, labels[i], addresses, count);
    }
    int fd = endpoints_builder_seal(builder, &err);
    ASSERT(fd >= 0);
    endpoints_builder_free(builder);
    return fd;
}

void sim_rules_build(const struct sim_rules *rules, int *plan_fd, int *endpoints_fd)
{
    char text[SIM_MIRRORS][32];
    struct str labels[SIM_MIRRORS];
    ASSERT(rules->mirrors <= SIM_MIRRORS);
    for (unsigned i = 0; i < rules->mirrors; i++)
        labels[i] = sim_mirror_label(text[i], rules->first_mirror + i);
    *plan_fd = build_plan(rules, labels);
    *endpoints_fd = build_endpoints(rules, labels);
}
