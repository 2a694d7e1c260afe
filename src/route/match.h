/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule takes a request: a function of plan, socket and request head alone. The Gateway API's precedence: the most specific
 * listener by host, the most specific host of its routes, an exact path, a regular expression (longest pattern first), the
 * longest prefix, then method, number of headers, number of parameters, age, name and place. The time does not depend on the number
 * of routes, but on the length of host and path and on how many different sets of headers rules look at under one path.
 * Thread: the scratch is one worker's, the rest is read-only. */
#pragma once

#include "http/head.h"
#include "plan/layout.h"

/* Index of the rule, or PLAN_NONE (404). `path` is the normalised path (url_normalise_path), without the query. */
uint32_t route_match(const struct plan *plan, uint32_t socket, const struct head *request, struct str path);

/* Chooses among weighted backends with 32 random bits: index in plan.weighted; PLAN_NONE when all weights are 0 or there are none. */
uint32_t route_pick_backend(const struct plan *plan, const struct plan_route *route, uint32_t draw);
