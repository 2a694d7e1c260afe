/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rules.h"

#include "base/mem.h"
#include "plan/check.h"

#include <xxhash.h>

static void resolve_routes(struct rules *rules)
{
    const struct plan *plan = rules->plan;
    rules->series = mem_alloc((plan->weighted.count + 1) * sizeof *rules->series);
    rules->own_series = mem_alloc((plan->routes.count + 1) * sizeof *rules->own_series);
    rules->no_route = registry_route(rules->registry, STR(""), STR(""));
    rules->mirrors = mem_alloc((plan->mirrors.count + 1) * sizeof(struct registry_mirror *));
    rules->mirror_identities = mem_alloc((plan->mirrors.count + 1) * sizeof *rules->mirror_identities);
    for (uint32_t i = 0; i < plan->routes.count; i++) {
        const struct plan_route *route = PLAN_ROUTE(plan, i);
        struct str label = plan_text(plan, route->label);
        rules->own_series[i] = registry_route(rules->registry, label, STR(""));
        for (uint32_t k = 0; k < route->backends.count; k++) {
            uint32_t at = route->backends.first + k;
            const struct plan_backend *backend = PLAN_BACKEND(plan, PLAN_WEIGHTED(plan, at)->backend);
            rules->series[at] = registry_route(rules->registry, label, plan_text(plan, backend->label));
        }
        for (uint32_t k = 0; k < route->mirrors.count; k++) {
            uint32_t at = route->mirrors.first + k;
            struct str mirror = plan_text(plan, PLAN_MIRROR(plan, at)->label);
            rules->mirrors[at] = registry_mirror(rules->registry, label, mirror);
            uint64_t seed = XXH3_64bits(label.ptr, label.len);
            rules->mirror_identities[at] = XXH3_64bits_withSeed(mirror.ptr, mirror.len, seed);
        }
    }
}

static void join_addresses(struct rules *rules)
{
    const struct plan *plan = rules->plan;
    rules->addresses = mem_alloc((plan->backends.count + 1) * sizeof *rules->addresses);
    for (uint32_t i = 0; rules->endpoints && i < plan->backends.count; i++) {
        struct rules_addresses *addresses = &rules->addresses[i];
        addresses->list = endpoints_find(rules->endpoints, plan_text(plan, PLAN_BACKEND(plan, i)->label),
                                         &addresses->count);
    }
}

struct rules *rules_new(const struct plan *plan, const struct endpoints *endpoints, struct registry *registry,
                        unsigned gateway_slot)
{
    struct rules *rules = mem_alloc(sizeof *rules);
    atomic_init(&rules->refs, 1);
    rules->plan = plan;
    rules->endpoints = endpoints;
    rules->registry = registry;
    rules->gateway_slot = gateway_slot;
    resolve_routes(rules);
    join_addresses(rules);
    return rules;
}

struct rules *rules_ref(struct rules *rules)
{
    atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    return rules;
}

void rules_unref(struct rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) != 1)
        return;
    plan_unmap(rules->plan);
    if (rules->endpoints)
        endpoints_unmap(rules->endpoints);
    mem_free(rules->series);
    mem_free(rules->own_series);
    mem_free(rules->mirrors);
    mem_free(rules->mirror_identities);
    mem_free(rules->addresses);
    mem_free(rules);
}
