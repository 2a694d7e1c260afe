/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_latency.h"

#define STEPS 16 /* buckets of one doubling */
#define STEP_BITS 4

size_t demo_latency_bucket(uint64_t ns)
{
    uint64_t us = ns / 1000;
    if (us < STEPS)
        return (size_t)us;
    size_t octave = 63 - (size_t)__builtin_clzll(us) - STEP_BITS;
    size_t bucket = (octave + 1) * STEPS + (size_t)(us >> octave) % STEPS;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The lowest duration of a bucket. */
static double bucket_us(size_t bucket)
{
    if (bucket < STEPS)
        return (double)bucket;
    size_t octave = bucket / STEPS - 1;
    return (double)((uint64_t)(STEPS + bucket % STEPS) << octave);
}

double latency_quantile_ms(const uint64_t counts[LATENCY_BUCKETS], double quantile)
{
    uint64_t total = 0, below = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        total += counts[i];
    if (!total)
        return -1;
    double rank = quantile * (double)total;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (counts[i] && (double)(below + counts[i]) >= rank) {
            double share = (rank - (double)below) / (double)counts[i];
            return (bucket_us(i) + share * (bucket_us(i + 1) - bucket_us(i))) / 1000;
        }
        below += counts[i];
    }
    return bucket_us(LATENCY_BUCKETS) / 1000;
}
