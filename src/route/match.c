/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

__extension__ typedef unsigned __int128 wide;

uint32_t route_match(const struct plan *plan, uint32_t listener, const struct head *request, struct str path)
{
    /* The quick start has one route for everything; rules that look at the request come with manifests. */
    (void)request;
    (void)path;
    return listener < plan->listeners.count ? PLAN_LISTENER(plan, listener)->route : UINT32_MAX;
}

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
            return weighted->backend;
        point -= weighted->weight;
    }
    return UINT32_MAX;
}
