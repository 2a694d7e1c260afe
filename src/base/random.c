/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include "base/assert.h"

#include <sys/random.h>

void random_init(struct random *random)
{
    ASSERT(getrandom(random->state, sizeof random->state, 0) == sizeof random->state);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}
