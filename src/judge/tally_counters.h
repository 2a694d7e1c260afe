/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a tally by name: what writes, reads and documents them. For src/judge alone. Lifetime: static. Thread: any. */
#pragma once

#include "judge/tally_layout.h"

struct tally_counter {
    const char *name;
    size_t offset; /* of a uint64_t in its struct */
    const char *help;
};
struct tally_limit {
    const char *name;
    size_t offset; /* of a double, or of a uint64_t when is_count */
    bool is_count;
    const char *help;
};

/* In order of their names, as they are written; each ends with a row without a name. */
extern const struct tally_counter tally_counters[], endpoint_counters[], field_counters[];
extern const struct tally_limit tally_limits[];

static inline uint64_t *tally_counter_at(void *thing, const struct tally_counter *counter)
{
    return (uint64_t *)((char *)thing + counter->offset);
}

static inline uint64_t tally_counter_value(const void *thing, const struct tally_counter *counter)
{
    return *(const uint64_t *)((const char *)thing + counter->offset);
}
