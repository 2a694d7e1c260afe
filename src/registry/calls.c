/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/shared.h"

#include <xxhash.h>

#define PROBES_MAX 64

static uint32_t route_number(const struct registry_shared *shared, const struct registry_route *route)
{
    return (uint32_t)(route - shared->routes);
}

static uint64_t hash_call(const struct registry_shared *shared, uint32_t route, struct str method)
{
    return XXH3_64bits_withSeed(method.ptr, method.len, shared->seed + route) | 1; /* 0 is free */
}

/* What can be a label without filling pages with anything that a peer likes. */
static bool is_method(struct str method)
{
    for (size_t i = 0; i < method.len; i++) {
        if (method.ptr[i] <= ' ' || method.ptr[i] >= 0x7f)
            return false;
    }
    return method.len > 0 && method.len <= REGISTRY_METHOD_MAX;
}

/* Takes a free slot for a new method; false when the route has as many as it may, or somebody else was faster. */
static bool take_slot(struct registry_shared *shared, struct registry_call *slot, uint64_t hash,
                      struct registry_route *route, struct str method)
{
    uint64_t is_free = 0;
    if (atomic_fetch_add_explicit(&route->methods, 1, memory_order_relaxed) >= REGISTRY_METHODS ||
        !atomic_compare_exchange_strong_explicit(&slot->hash, &is_free, hash, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        atomic_fetch_sub_explicit(&route->methods, 1, memory_order_relaxed);
        return false;
    }
    memcpy(slot->method, method.ptr, method.len);
    atomic_store_explicit(&slot->route, route_number(shared, route), memory_order_relaxed);
    atomic_store_explicit(&slot->method_len, (uint32_t)method.len, memory_order_release);
    size_t index = (size_t)(slot - shared->calls);
    atomic_fetch_or_explicit(&shared->calls_taken[index / 64], 1ull << index % 64, memory_order_release);
    return true;
}

static counter *find_counters(struct registry_shared *shared, struct registry_route *route, struct str method,
                              bool may_add)
{
    uint64_t hash = hash_call(shared, route_number(shared, route), method);
    for (uint32_t probe = 0; probe < PROBES_MAX; probe++) {
        struct registry_call *slot = &shared->calls[(hash + probe) % REGISTRY_CALLS];
        uint64_t there = atomic_load_explicit(&slot->hash, memory_order_relaxed);
        if (there == 0 && (!may_add || take_slot(shared, slot, hash, route, method)))
            return may_add ? slot->status : route->other_methods;
        there = atomic_load_explicit(&slot->hash, memory_order_relaxed);
        if (there == hash)
            return slot->status;
        if (there == 0)
            break; /* the route has its methods */
    }
    return route->other_methods;
}

void registry_count_call(struct registry *registry, struct registry_route *route, struct str method, unsigned status,
                         bool may_add)
{
    counter *counters = is_method(method) ? find_counters(registry->shared, route, method, may_add)
                                          : route->other_methods;
    counter_add(&counters[status < REGISTRY_GRPC_STATUSES ? status : REGISTRY_GRPC_STATUSES - 1], 1);
}

static bool find_labels(struct registry_shared *shared, uint32_t route, struct registry_call_name *name)
{
    struct registry_identity identity = {STR("other"), STR("other")};
    uint32_t entry;
    if (route != REGISTRY_OTHER && !registry_index_at(shared, &shared->route_index, route, &identity, &entry))
        return false;
    name->route = identity.route;
    name->backend = identity.name;
    return true;
}

bool registry_call_at(struct registry *registry, size_t index, struct registry_call_name *name, counter **statuses)
{
    struct registry_shared *shared = registry->shared;
    *name = (struct registry_call_name){0};
    if (index >= REGISTRY_CALLS)
        return false;
    struct registry_call *slot = &shared->calls[index];
    *statuses = slot->status;
    if (!(atomic_load_explicit(&shared->calls_taken[index / 64], memory_order_acquire) >> index % 64 & 1))
        return true;
    uint32_t len = atomic_load_explicit(&slot->method_len, memory_order_acquire);
    uint32_t route = atomic_load_explicit(&slot->route, memory_order_relaxed);
    if (len > 0 && len <= REGISTRY_METHOD_MAX && find_labels(shared, route, name))
        name->method = (struct str){slot->method, len};
    return true;
}
