/* SPDX-License-Identifier: Apache-2.0 */
/* The head that a shadow gets: live's, and the differences that the README lists, which are the rows of one table in
 * copy_head.c. Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "base/random.h"
#include "exchange/exchange.h"

struct copy_marking {
    const struct plan *plan;
    const struct plan_mirror *mirror; /* of the plan */
    uint64_t unix_s;
    const unsigned char *key; /* MARKER_KEY_BYTES */
    struct random *random;
};

/* Nothing of it points into the plan or at the exchange. */
void copy_head_make(struct head *copy, const struct exchange *exchange, struct arena *arena,
                    const struct copy_marking *marking);

/* The differences, for the documentation: name and what happens to it. */
struct copy_difference {
    const char *name, *help;
};
extern const size_t copy_difference_count;
const struct copy_difference *copy_difference(size_t index);
