/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rules.h"

#include "base/mem.h"
#include "exchange/rules_tls.h"
#include "plan/check.h"
#include "route/edits.h"

#include <xxhash.h>

struct rules_plan {
    _Atomic uint32_t refs;
    const struct plan *plan;
    struct registry *registry;
    unsigned gateway_slot;
    struct registry_route **series;
    struct registry_route **own_series;
    struct registry_route *no_route;
    struct registry_mirror **mirrors;
    struct str marker_headers[RULES_MARKER_HEADERS];
    size_t marker_header_count;
    uint64_t *mirror_identities;
    struct regexes *regexes;
};

static void resolve_route(struct rules_plan *shared, uint32_t index)
{
    const struct plan *plan = shared->plan;
    const struct plan_route *route = PLAN_ROUTE(plan, index);
    struct str label = plan_text(plan, route->label);
    shared->own_series[index] = registry_route(shared->registry, label, STR(""));
    for (uint32_t k = 0; k < route->backends.count; k++) {
        uint32_t at = route->backends.first + k;
        uint32_t backend = PLAN_WEIGHTED(plan, at)->backend;
        struct str name = backend == PLAN_NONE ? STR("") : plan_text(plan, PLAN_BACKEND(plan, backend)->label);
        shared->series[at] = registry_route(shared->registry, label, name);
    }
}

static void resolve_mirror(struct rules_plan *shared, uint32_t index)
{
    const struct plan *plan = shared->plan;
    const struct plan_mirror *mirror = PLAN_MIRROR(plan, index);
    struct str route = plan_text(plan, PLAN_ROUTE(plan, mirror->route)->label);
    struct str label = plan_text(plan, mirror->label);
    shared->mirrors[index] = registry_mirror(shared->registry, route, label);
    uint64_t seed = XXH3_64bits(route.ptr, route.len);
    shared->mirror_identities[index] = XXH3_64bits_withSeed(label.ptr, label.len, seed);
}

static void note_marker_header(struct rules_plan *shared, struct str name)
{
    if (!edits_is_safe(name, STR(""))) /* X-Umbra-Shadow, and what no marker is called */
        return;
    for (size_t i = 0; i < shared->marker_header_count; i++) {
        if (str_eq_nocase(name, shared->marker_headers[i]))
            return;
    }
    if (shared->marker_header_count < RULES_MARKER_HEADERS)
        shared->marker_headers[shared->marker_header_count++] = name;
}

static struct rules_plan *rules_plan_new(const struct plan *plan, struct registry *registry, unsigned gateway_slot)
{
    struct rules_plan *shared = mem_alloc(sizeof *shared);
    atomic_init(&shared->refs, 1);
    shared->plan = plan;
    shared->registry = registry;
    shared->gateway_slot = gateway_slot;
    shared->series = mem_alloc((plan->weighted.count + 1) * sizeof *shared->series);
    shared->own_series = mem_alloc((plan->routes.count + 1) * sizeof *shared->own_series);
    shared->no_route = registry_route(registry, STR(""), STR(""));
    shared->mirrors = mem_alloc((plan->mirrors.count + 1) * sizeof(struct registry_mirror *));
    shared->mirror_identities = mem_alloc((plan->mirrors.count + 1) * sizeof *shared->mirror_identities);
    for (uint32_t i = 0; i < plan->routes.count; i++)
        resolve_route(shared, i);
    for (uint32_t i = 0; i < plan->mirrors.count; i++)
        resolve_mirror(shared, i);
    for (uint32_t i = 0; i < plan->mirrors.count; i++)
        note_marker_header(shared, plan_text(plan, PLAN_MIRROR(plan, i)->marker_header));
    return shared;
}

static void rules_plan_unref(struct rules_plan *shared)
{
    if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) != 1)
        return;
    plan_unmap(shared->plan);
    mem_free(shared->series);
    mem_free(shared->own_series);
    mem_free(shared->mirrors);
    mem_free(shared->mirror_identities);
    regexes_free(shared->regexes);
    mem_free(shared);
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
    rules->peer_sets = mem_alloc((plan->peer_sets.count + 1) * sizeof *rules->peer_sets);
    for (uint32_t i = 0; rules->endpoints && i < plan->peer_sets.count; i++)
        rules->peer_sets[i] = endpoints_find_peers(rules->endpoints, plan_text(plan, PLAN_PEER_SET(plan, i)));
}

/* Takes over the reference to what is shared. */
static struct rules *join(struct rules_plan *shared, const struct endpoints *endpoints)
{
    struct rules *rules = mem_alloc(sizeof *rules);
    atomic_init(&rules->refs, 1);
    rules->shared = shared;
    rules->plan = shared->plan;
    rules->registry = shared->registry;
    rules->gateway_slot = shared->gateway_slot;
    rules->series = shared->series;
    rules->own_series = shared->own_series;
    rules->no_route = shared->no_route;
    rules->mirrors = shared->mirrors;
    rules->mirror_identities = shared->mirror_identities;
    rules->marker_headers = shared->marker_headers;
    rules->marker_header_count = shared->marker_header_count;
    rules->regexes = shared->regexes;
    rules->endpoints = endpoints;
    join_addresses(rules);
    return rules;
}

struct rules *rules_new(const struct plan *plan, const struct endpoints *endpoints, struct registry *registry,
                        unsigned gateway_slot, struct err *err)
{
    struct regexes *regexes = regexes_new(plan, err);
    if (!regexes) {
        plan_unmap(plan);
        if (endpoints)
            endpoints_unmap(endpoints);
        return NULL;
    }
    struct rules_plan *shared = rules_plan_new(plan, registry, gateway_slot);
    shared->regexes = regexes;
    return join(shared, endpoints);
}

struct rules *rules_with_endpoints(const struct rules *rules, const struct endpoints *endpoints)
{
    atomic_fetch_add_explicit(&rules->shared->refs, 1, memory_order_relaxed);
    struct rules *with = join(rules->shared, endpoints);
    with->tls = rules->tls ? rules_tls_ref(rules->tls) : NULL;
    memcpy(with->marker_key, rules->marker_key, sizeof(with->marker_key));
    memcpy(with->other_marker_key, rules->other_marker_key, sizeof(with->other_marker_key));
    return with;
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
    rules_plan_unref(rules->shared);
    if (rules->endpoints)
        endpoints_unmap(rules->endpoints);
    rules_tls_unref(rules->tls);
    mem_free(rules->addresses);
    mem_free(rules->peer_sets);
    mem_free(rules);
}
