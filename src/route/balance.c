/* SPDX-License-Identifier: Apache-2.0 */
#include "route/balance.h"

/* 32 random bits to an index below count. */
static size_t scale(uint32_t draw, size_t count)
{
    return (size_t)(((uint64_t)draw * count) >> 32);
}

static size_t pick_cheapest(size_t count, size_t first, balance_cost_fn *cost, void *user)
{
    size_t best = first;
    uint64_t lowest = UINT64_MAX;
    for (size_t k = 0; k < count && k < BALANCE_SCAN; k++) {
        size_t at = (first + k) % count;
        uint64_t present = cost(user, at);
        if (present < lowest) {
            lowest = present;
            best = at;
        }
    }
    return best;
}

size_t balance_pick(size_t count, uint64_t draw, balance_cost_fn *cost, void *user)
{
    if (count < 2)
        return 0;
    size_t one = scale((uint32_t)draw, count), other = scale((uint32_t)(draw >> 32), count - 1);
    if (other >= one)
        other++;
    uint64_t cost_of_one = cost(user, one), cost_of_other = cost(user, other);
    if (cost_of_one >= BALANCE_AVOID && cost_of_other >= BALANCE_AVOID)
        return pick_cheapest(count, one, cost, user);
    return cost_of_other < cost_of_one ? other : one;
}
