/* SPDX-License-Identifier: Apache-2.0 */
/* Which route takes a request: a pure function of plan, listener and request head. Thread: any. */
#pragma once

#include "http/head.h"
#include "plan/layout.h"

/* Index of the route, or UINT32_MAX (404). `path` is the normalised path (url_normalise_path). */
uint32_t route_match(const struct plan *plan, uint32_t listener, const struct head *request, struct str path);

/* Chooses among weighted backends with 32 random bits; UINT32_MAX when all weights are 0 or there are none. */
uint32_t route_pick_backend(const struct plan *plan, const struct plan_route *route, uint32_t draw);
