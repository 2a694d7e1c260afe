/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/flags.h"

static size_t add_backend(struct rule_backend *backends, size_t *count, const struct flags_target *target)
{
    for (size_t i = 0; i < *count; i++) {
        if (str_eq(backends[i].label, target->label))
            return i;
    }
    backends[*count] = (struct rule_backend){.label = target->label, .host = target->host, .port = target->port};
    return (*count)++;
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

struct rules flags_rules(const struct flags_input *input, uint64_t generation, struct arena *arena)
{
    struct rule_backend *backends = arena_alloc(arena, (1 + input->shadow_count) * sizeof(*backends));
    struct rule_mirror *mirrors = arena_alloc(arena, (1 + input->shadow_count) * sizeof(*mirrors));
    struct plan_weighted *live = arena_alloc(arena, sizeof(*live));
    struct rule_route *route = arena_alloc(arena, sizeof(*route));
    struct rule_listener *listener = arena_alloc(arena, sizeof(*listener));
    size_t backend_count = 0;
    *live = (struct plan_weighted){.backend = (uint32_t)add_backend(backends, &backend_count, &input->live),
                                   .weight = 1};
    for (size_t i = 0; i < input->shadow_count; i++) {
        const struct flags_target *shadow = &input->shadows[i];
        set_mirror(&mirrors[i], input, shadow);
        mirrors[i].backend = add_backend(backends, &backend_count, shadow);
        unsigned same = count_same(input->shadows, i, shadow->label);
        if (same > 0)
            mirrors[i].label = arena_printf(arena, "%.*s~%u", STR_ARG(shadow->label), same + 1);
    }
    *route = (struct rule_route){.label = STR(FLAGS_ROUTE),
                                 .backends = live,
                                 .backend_count = 1,
                                 .mirrors = mirrors,
                                 .mirror_count = input->shadow_count};
    *listener = (struct rule_listener){.address = input->listen, .route = 0};
    return (struct rules){.generation = generation,
                          .listeners = listener,
                          .listener_count = 1,
                          .routes = route,
                          .route_count = 1,
                          .backends = backends,
                          .backend_count = backend_count,
                          .trusted_proxies = input->trusted_proxies,
                          .trusted_proxy_count = input->trusted_proxy_count};
}
