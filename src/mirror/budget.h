/* SPDX-License-Identifier: Apache-2.0 */
/* The one budget of all mirror state of a gateway: copies and their heads, body chunks held for shadows, what waits in their
 * connections, the kernel's buffers of shadow sockets, and records being made. A chunk is charged once, at its cost, when a mirror first holds it. A mirror may
 * hold at most as much as is still free, so that one stalled mirror can't starve the others.
 * Lifetime: the worker's; the sums are in the registry. Thread: the worker's (the sums are shared). */
#pragma once

#include "base/chunk.h"
#include "registry/registry.h"

struct budget {
    struct registry_gateway *gateway;
    struct registry_totals *totals;
    unsigned slot;
    uint32_t max_connections; /* to all shadows of the gateway at once; 0: no limit but each mirror's */
};

void budget_init(struct budget *budget, struct registry *registry, unsigned slot);
/* One more connection to a shadow; false when descriptors would become short for clients and live. */
bool budget_take_connection(struct budget *budget) __attribute__((warn_unused_result));
void budget_give_connection(struct budget *budget);
/* What is held for all mirrors of the gateway. */
static inline int64_t budget_used(const struct budget *budget)
{
    return atomic_load_explicit(&budget->gateway->budget_used, memory_order_relaxed);
}
/* Charges plain bytes to the budget and to the mirror; false: refused, nothing was charged. */
bool budget_take(struct budget *budget, struct registry_mirror *mirror, size_t bytes)
    __attribute__((warn_unused_result));
void budget_give(struct budget *budget, struct registry_mirror *mirror, size_t bytes);
/* For records, which no mirror holds alone: together at most as much as is still free, so never more than half of the budget. 
 * `user` is the struct budget: these are callbacks of a capture_sink. */
bool budget_take_for_records(void *user, size_t bytes) __attribute__((warn_unused_result));
void budget_give_for_records(void *user, size_t bytes);
/* A mirror is about to hold the chunk: charged to the budget by the first holder, and to the mirror in any case. */
bool budget_hold(struct budget *budget, struct registry_mirror *mirror, struct chunk *chunk)
    __attribute__((warn_unused_result));
/* It lets go; before chunk_unref. */
void budget_unhold(struct budget *budget, struct registry_mirror *mirror, struct chunk *chunk);
