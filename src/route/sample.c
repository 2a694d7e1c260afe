/* SPDX-License-Identifier: Apache-2.0 */
#include "route/sample.h"

#include <xxhash.h>

__extension__ typedef unsigned __int128 wide;

/* floor(fraction × range), where `fraction` is read as a binary fraction in [0, 1). */
static uint32_t scale(uint64_t fraction, uint32_t range)
{
    return (uint32_t)(((wide)fraction * range) >> 64);
}

/* The finaliser of SplitMix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* A keyed permutation of the `bits`-bit numbers: each step (odd multiple, xor with its own upper half, sum) can be undone
 * modulo 2^bits, so no two numbers meet. */
static uint32_t permute(uint32_t x, unsigned bits, uint64_t key)
{
    uint32_t mask = UINT32_MAX >> (32 - bits);
    unsigned half = (bits + 1) / 2;
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);

    x = (x * (low | 1) + high) & mask;
    x ^= x >> half;
    x = (x * (high | 1) + low) & mask;
    x ^= x >> half;
    x = (x * ((low ^ (high << 7)) | 1) + (low >> bits / 2)) & mask;
    x ^= x >> half;
    return x;
}

bool sample_even(uint64_t sequence, uint32_t numerator, uint32_t denominator, uint64_t identity)
{
    if (numerator == 0 || numerator >= denominator)
        return numerator != 0;

    uint64_t block = sequence / denominator;
    uint64_t place = sequence % denominator;
    uint64_t key = mix(identity ^ mix(block + 0x9e3779b97f4a7c15ull));
    uint64_t turn = mix(key + 0x9e3779b97f4a7c15ull);
    /* 2^bits is below 2 × denominator, so walking the cycle back into the block takes less than two steps on average. */
    unsigned bits = 32 - (unsigned)__builtin_clz(denominator - 1);
    uint32_t x = (uint32_t)place;
    do
        x = permute(x, bits, key);
    while (x >= denominator);
    /* Turned by a random angle: every place has exactly the same chance, however small the block. */
    uint64_t turned = (uint64_t)x + scale(turn, denominator);
    return (turned >= denominator ? turned - denominator : turned) < numerator;
}

bool sample_random(uint64_t draw, uint32_t numerator, uint32_t denominator)
{
    return scale(draw, denominator) < numerator;
}

bool sample_hash(struct str key, struct str salt, uint32_t numerator, uint32_t denominator)
{
    uint64_t seed = XXH3_64bits(salt.len ? salt.ptr : "", salt.len);
    return scale(XXH3_64bits_withSeed(key.len ? key.ptr : "", key.len, seed), denominator) < numerator;
}
