/* SPDX-License-Identifier: Apache-2.0 */
/* Fast random numbers for sampling, balancing and request ids; not for keys. xoshiro256** (Blackman and Vigna, 2018), seeded from the
 * kernel. Lifetime: a value. Thread: the owner's. */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random);
uint64_t random_next(struct random *random);
