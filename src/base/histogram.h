/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed duration buckets for the registry and the metrics page: bounds from 0.5 ms to 60 s, the same for all series
 * so that Prometheus can add them up. The counts live wherever the caller keeps them (shared memory, atomics).
 * Lifetime: none. Thread: any. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 18 /* the last one is +Inf */

/* Upper bounds in nanoseconds, inclusive; [HISTOGRAM_BUCKETS - 1] is UINT64_MAX. */
extern const uint64_t histogram_bounds_ns[HISTOGRAM_BUCKETS];

/* The bucket that a duration falls into. */
size_t histogram_bucket(uint64_t duration_ns);
