/* SPDX-License-Identifier: Apache-2.0 */
/* Rates per second and CPU shares: what the counters of the registry rose by between the last two samples. Whoever serves
 * the admin port samples once a second; costs a few dozen bytes per route and mirror.
 * Lifetime: rates_new to rates_free. Thread: one. */
#pragma once

#include "registry/registry.h"

struct rates;

/* All per second. */
struct rate_route {
    double requests;
};

struct rate_mirror {
    double matched, sampled_out, sent, completed, failed, bytes_sent, bytes_received;
    double filtered[FILTERED_COUNT], dropped[DROPPED_COUNT];
};

struct rates *rates_new(void);
void rates_free(struct rates *rates);
/* Reads all counters. Samples less than 100 ms after the last one are ignored, so that no rate is made of noise. */
void rates_sample(struct rates *rates, struct registry *registry, uint64_t now_ns);

/* By the index of the registry's iteration; all zero for what was not there at the last two samples or when `rates` is
 * NULL. */
struct rate_route rates_route(const struct rates *rates, size_t index);
struct rate_mirror rates_mirror(const struct rates *rates, size_t index);
/* CPUs that the gateway in this slot uses: 1.0 is one whole CPU. Negative when not known yet. */
double rates_gateway_cpu(const struct rates *rates, unsigned slot);
