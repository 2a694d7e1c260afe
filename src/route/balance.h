/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several endpoints gets the next request: least request of two. Two different ones are drawn, and the one with fewer requests
 * in flight has it: as even as looking at all of them, nearly, at a constant price, and without a crowd at whichever looks best.
 * Pure. Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What an endpoint costs: its requests in flight, and this once or more often for a reason to avoid it. */
#define BALANCE_AVOID (1ull << 32)
/* Endpoints looked at when both that were drawn are to be avoided; bounds the work for one request. */
#define BALANCE_SCAN 64

typedef uint64_t balance_cost_fn(void *user, size_t at);

/* An index below `count`, which is at least 1. `draw` is 64 random bits. When both that were drawn are to be avoided, the cheapest of
 * BALANCE_SCAN from a random one on; so an endpoint that is to be avoided is chosen only when all of those are. */
size_t balance_pick(size_t count, uint64_t draw, balance_cost_fn *cost, void *user);
