/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/ahead.h"

struct plan_ahead ahead_of_match(const struct draft *draft, uint32_t match)
{
    const struct plan_match *at = draft_at(draft, ARRAY_MATCHES, match);
    const struct plan_route *route = draft_at(draft, ARRAY_ROUTES, at->route);
    return (struct plan_ahead){match, at->route, route->backends.first};
}

struct plan_ahead ahead_of_node(const struct draft *draft, uint32_t index)
{
    const struct plan_node *node = draft_at(draft, ARRAY_NODES, index);
    struct plan_range groups = node->exact.count > 0 ? node->exact : node->prefixes;
    if (groups.count == 0)
        return (struct plan_ahead){0};
    if (groups.count == PLAN_SOLE)
        return ahead_of_match(draft, groups.first);
    return ahead_of_match(draft, ((const struct plan_group *)draft_at(draft, ARRAY_GROUPS, groups.first))->best);
}
