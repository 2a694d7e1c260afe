/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)

/* 15 s is where a shadow's timeout stands by default. */
const uint64_t histogram_bounds_ns[HISTOGRAM_BUCKETS] = {
    500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
    500 * MS, 1 * S,  2500 * MS, 5 * S,  10 * S,  15 * S,  30 * S,  60 * S,   UINT64_MAX,
};

size_t histogram_bucket(uint64_t duration_ns)
{
    /* From below: most durations are short. */
    size_t bucket = 0;
    while (duration_ns > histogram_bounds_ns[bucket])
        bucket++;
    return bucket;
}
