/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/flags.h"

/* What is made of the input. */
struct flags_tables {
    struct arena *arena;
    struct rule_backend *backends;
    size_t backend_count;
};

static size_t add_backend(struct flags_tables *tables, const struct flags_target *target)
{
    for (size_t i = 0; i < tables->backend_count; i++) {
        if (str_eq(tables->backends[i].label, target->label))
            return i;
    }
    struct rule_host *host = arena_alloc(tables->arena, sizeof(*host));
    *host = (struct rule_host){.host = target->host, .port = target->port};
    tables->backends[tables->backend_count] = (struct rule_backend){target->label, host, 1};
    return tables->backend_count++;
}

static void set_mirror(struct rule_mirror *mirror, const struct flags_input *input, const struct flags_target *shadow)
{
    rule_mirror_init(mirror);
    mirror->label = shadow->label;
    mirror->sampling = input->sampling;
    mirror->numerator = shadow->numerator;
    mirror->denominator = shadow->denominator;
    mirror->key = input->key;
    mirror->key_name = input->key_name;
    mirror->method_mask = input->method_mask;
}

/* How many of the first `count` shadows go where this one goes. */
static unsigned count_same(const struct flags_target *shadows, size_t count, struct str label)
{
    unsigned same = 0;
    for (size_t i = 0; i < count; i++)
        same += str_eq(shadows[i].label, label);
    return same;
}

static struct rule_mirror *add_mirrors(struct flags_tables *tables, const struct flags_input *input)
{
    struct rule_mirror *mirrors = arena_alloc(tables->arena, (1 + input->shadow_count) * sizeof(*mirrors));
    for (size_t i = 0; i < input->shadow_count; i++) {
        const struct flags_target *shadow = &input->shadows[i];
        set_mirror(&mirrors[i], input, shadow);
        mirrors[i].backend = add_backend(tables, shadow);
        unsigned same = count_same(input->shadows, i, shadow->label);
        if (same > 0)
            mirrors[i].label = arena_printf(tables->arena, "%.*s~%u", STR_ARG(shadow->label), same + 1);
    }
    return mirrors;
}

struct rule_set flags_rules(const struct flags_input *input, uint64_t generation, struct arena *arena)
{
    static const struct rule_match everything = {.path_kind = PATH_MATCH_PREFIX, .path = STR_INIT("/")};
    static const struct rule_binding all_hosts = {.listener = 0};
    struct flags_tables tables = {.arena = arena};
    tables.backends = arena_alloc(arena, (1 + input->shadow_count) * sizeof(*tables.backends));
    struct rule_weighted *live = arena_alloc(arena, sizeof(*live));
    struct rule_route *route = arena_alloc(arena, sizeof(*route));
    struct address *socket = arena_alloc(arena, sizeof(*socket));
    struct rule_listener *listener = arena_alloc(arena, sizeof(*listener));
    *live = (struct rule_weighted){.backend = add_backend(&tables, &input->live), .weight = 1};
    *route = (struct rule_route){.label = STR(FLAGS_ROUTE),
                                 .bindings = &all_hosts,
                                 .binding_count = 1,
                                 .matches = &everything,
                                 .match_count = 1,
                                 .backends = live,
                                 .backend_count = 1,
                                 .mirrors = add_mirrors(&tables, input),
                                 .mirror_count = input->shadow_count};
    *socket = input->listen;
    *listener = (struct rule_listener){.label = STR(FLAGS_LISTENER), .socket = 0, .port = input->listen.port};
    return (struct rule_set){.generation = generation,
                             .sockets = socket,
                             .socket_count = 1,
                             .listeners = listener,
                             .listener_count = 1,
                             .routes = route,
                             .route_count = 1,
                             .backends = tables.backends,
                             .backend_count = tables.backend_count,
                             .trusted_proxies = input->trusted_proxies,
                             .trusted_proxy_count = input->trusted_proxy_count};
}
