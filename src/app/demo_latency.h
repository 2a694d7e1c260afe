/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as the demo's screen needs them: finer than the buckets of the metrics page, 16 to each doubling from 1 µs to a minute, so
 * that a quantile is right to about 4 %. Lifetime: the caller's arrays. Thread: any; pure functions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LATENCY_BUCKETS 432

size_t demo_latency_bucket(uint64_t ns);
/* The value below which the share `quantile` of all counts lies, in milliseconds; negative when nothing was counted. */
double latency_quantile_ms(const uint64_t counts[LATENCY_BUCKETS], double quantile);
