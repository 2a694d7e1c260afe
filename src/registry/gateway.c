/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"
#include "registry/shared.h"

unsigned registry_gateway_take(struct registry *registry, int32_t pid)
{
    ASSERT(pid > 0);
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        int32_t nobody = 0;
        /* Acquire: what the reaper of the slot's last owner cleared is cleared for the new one. */
        if (atomic_compare_exchange_strong_explicit(&registry->shared->gateways[slot].pid, &nobody, pid,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return slot;
    }
    return REGISTRY_GATEWAYS;
}

struct registry_gateway *registry_gateway_get(struct registry *registry, unsigned slot)
{
    ASSERT(slot < REGISTRY_GATEWAYS);
    return &registry->shared->gateways[slot];
}

static bool is_alone(struct registry_shared *shared, unsigned slot)
{
    for (unsigned i = 0; i < REGISTRY_GATEWAYS; i++) {
        if (i != slot && atomic_load_explicit(&shared->gateways[i].pid, memory_order_acquire) != 0)
            return false;
    }
    return true;
}

static uint64_t sum(counter *counters, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += counter_get(&counters[i]);
    return total;
}

/* Takes what a gateway held; what it can't have held (it died between two steps) is nothing. */
static int64_t take_back(_Atomic int64_t *held)
{
    int64_t n = atomic_exchange_explicit(held, 0, memory_order_relaxed);
    return n > 0 ? n : 0;
}

/* Nothing is moving: what one gateway left half counted is made whole, so that both equations and all limits are exact. */
static void settle(struct registry_mirror *mirror)
{
    for (unsigned i = 0; i < REGISTRY_GATEWAYS; i++) {
        atomic_store_explicit(&mirror->queued[i], 0, memory_order_relaxed);
        atomic_store_explicit(&mirror->in_flight[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&mirror->occupied, 0, memory_order_relaxed);
    atomic_store_explicit(&mirror->connections, 0, memory_order_relaxed);
    atomic_store_explicit(&mirror->held_bytes, 0, memory_order_relaxed);

    uint64_t sent = counter_get(&mirror->sent);
    uint64_t ended = sum(mirror->completed, REGISTRY_CODES) + sum(mirror->failed, FAILED_COUNT);
    if (sent > ended) {
        counter_add(&mirror->failed[FAILED_RESET], sent - ended);
    } else if (ended > sent) {
        counter_add(&mirror->sent, ended - sent);
        sent = ended;
    }
    uint64_t matched = counter_get(&mirror->matched);
    uint64_t decided = counter_get(&mirror->sampled_out) + sum(mirror->filtered, FILTERED_COUNT) +
                       sum(mirror->dropped, DROPPED_COUNT) + sent;
    if (matched > decided)
        counter_add(&mirror->dropped[DROPPED_SHUTDOWN], matched - decided);
    else
        counter_add(&mirror->matched, decided - matched);
}

static void reap_mirror(struct registry_mirror *mirror, unsigned slot)
{
    int64_t queued = take_back(&mirror->queued[slot]);
    int64_t in_flight = take_back(&mirror->in_flight[slot]);
    counter_add(&mirror->dropped[DROPPED_SHUTDOWN], (uint64_t)queued);
    counter_add(&mirror->failed[FAILED_RESET], (uint64_t)in_flight);
    gauge_add(&mirror->occupied, -(queued + in_flight));
    gauge_add(&mirror->connections, -take_back(&mirror->gateway_connections[slot]));
    gauge_add(&mirror->held_bytes, -take_back(&mirror->gateway_held_bytes[slot]));

    /* The probe may have died with the gateway; open again, its time has come already, so the next copy probes. */
    uint32_t half_open = BREAKER_HALF_OPEN;
    atomic_compare_exchange_strong_explicit(&mirror->breaker, &half_open, BREAKER_OPEN, memory_order_relaxed,
                                            memory_order_relaxed);
}

static void clear(struct registry_gateway *gateway)
{
    atomic_store_explicit(&gateway->is_draining, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->is_ready, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->workers, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->plan_generation, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->connections_client, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->connections_live, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->connections_shadow, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->budget_used, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->budget_records, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->is_shedding, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->accepted, 0, memory_order_relaxed);
    atomic_store_explicit(&gateway->cpu_ns, 0, memory_order_relaxed);
}

void registry_gateway_reap(struct registry *registry, unsigned slot)
{
    struct registry_shared *shared = registry->shared;
    struct registry_route *route;
    struct registry_mirror *mirror;
    struct str label, name;

    ASSERT(slot < REGISTRY_GATEWAYS);
    for (size_t i = 0; registry_route_at(registry, i, &label, &name, &route); i++)
        atomic_store_explicit(&route->in_flight[slot], 0, memory_order_relaxed);
    for (size_t i = 0; registry_mirror_at(registry, i, &label, &name, &mirror); i++) {
        reap_mirror(mirror, slot);
        /* Asked for each mirror, since another gateway may start meanwhile; it copies nothing before it has a plan. */
        if (is_alone(shared, slot))
            settle(mirror);
    }
    clear(&shared->gateways[slot]);
    atomic_store_explicit(&shared->gateways[slot].pid, 0, memory_order_release);
}
