/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/budget.h"

void budget_init(struct budget *budget, struct registry *registry, unsigned slot)
{
    budget->gateway = registry_gateway_get(registry, slot);
    budget->totals = registry_totals(registry);
    budget->slot = slot;
    budget->max_connections = 0;
}

bool budget_take_connection(struct budget *budget)
{
    int64_t others = atomic_fetch_add_explicit(&budget->gateway->connections_shadow, 1, memory_order_relaxed);
    if (!budget->max_connections || others < (int64_t)budget->max_connections)
        return true;
    budget_give_connection(budget);
    return false;
}

void budget_give_connection(struct budget *budget)
{
    gauge_add(&budget->gateway->connections_shadow, -1);
}

/* Of what is not set aside. */
static int64_t limit_of(struct budget *budget)
{
    return (int64_t)counter_get(&budget->totals->budget_limit) - (int64_t)counter_get(&budget->totals->budget_aside);
}

/* Taken first and looked at after, so that workers that ask at once can't both get the last bytes. */
static bool take(struct budget *budget, struct registry_mirror *mirror, int64_t used, int64_t held)
{
    int64_t limit = limit_of(budget);
    int64_t all = atomic_fetch_add_explicit(&budget->gateway->budget_used, used, memory_order_relaxed) + used;
    registry_held_bytes_add(mirror, budget->slot, held);
    int64_t mine = atomic_load_explicit(&mirror->held_bytes, memory_order_relaxed);
    int64_t others = all > mine ? all - mine : 0;
    if (mine <= limit - others - mine)
        return true;
    gauge_add(&budget->gateway->budget_used, -used);
    registry_held_bytes_add(mirror, budget->slot, -held);
    return false;
}

bool budget_take(struct budget *budget, struct registry_mirror *mirror, size_t bytes)
{
    return take(budget, mirror, (int64_t)bytes, (int64_t)bytes);
}

void budget_give(struct budget *budget, struct registry_mirror *mirror, size_t bytes)
{
    gauge_add(&budget->gateway->budget_used, -(int64_t)bytes);
    registry_held_bytes_add(mirror, budget->slot, -(int64_t)bytes);
}

bool budget_take_for_records(void *user, size_t bytes)
{
    struct budget *budget = user;
    int64_t limit = limit_of(budget), taken = (int64_t)bytes;
    int64_t all = atomic_fetch_add_explicit(&budget->gateway->budget_used, taken, memory_order_relaxed) + taken;
    int64_t records = atomic_fetch_add_explicit(&budget->gateway->budget_records, taken, memory_order_relaxed) + taken;
    if (records <= limit - all)
        return true;
    budget_give_for_records(budget, bytes);
    return false;
}

void budget_give_for_records(void *user, size_t bytes)
{
    struct budget *budget = user;
    gauge_add(&budget->gateway->budget_used, -(int64_t)bytes);
    gauge_add(&budget->gateway->budget_records, -(int64_t)bytes);
}

bool budget_hold(struct budget *budget, struct registry_mirror *mirror, struct chunk *chunk)
{
    int64_t cost = (int64_t)chunk_cost(chunk);
    if (!take(budget, mirror, chunk->holders ? 0 : cost, cost))
        return false;
    chunk->holders++;
    return true;
}

void budget_unhold(struct budget *budget, struct registry_mirror *mirror, struct chunk *chunk)
{
    int64_t cost = (int64_t)chunk_cost(chunk);
    registry_held_bytes_add(mirror, budget->slot, -cost);
    if (--chunk->holders == 0)
        gauge_add(&budget->gateway->budget_used, -cost);
}
