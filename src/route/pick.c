/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

__extension__ typedef unsigned __int128 wide;

uint32_t route_pick_backend(const struct plan *plan, const struct plan_route *route, uint32_t draw)
{
    uint32_t first = route->backends.first, count = route->backends.count;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += PLAN_WEIGHTED(plan, first + i)->weight;

    uint64_t point = (uint64_t)(((wide)total * draw) >> 32);
    for (uint32_t i = 0; i < count; i++) {
        const struct plan_weighted *weighted = PLAN_WEIGHTED(plan, first + i);
        if (point < weighted->weight)
            return first + i;
        point -= weighted->weight;
    }
    return PLAN_NONE;
}
