/* SPDX-License-Identifier: Apache-2.0 */
#include "route/sample.h"

#include <xxhash.h>

__extension__ typedef unsigned __int128 wide;

/* floor(fraction × range), where `fraction` is read as a binary fraction in [0, 1). */
static uint32_t scale(uint64_t fraction, uint32_t range)
{
    return (uint32_t)(((wide)fraction * range) >> 64);
}

#define GOLDEN 0x9e3779b97f4a7c15ull /* 2^64 / golden ratio: the increment of SplitMix64 */

/* The finaliser of SplitMix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

/* Up to here one draw per place before the asked one is as cheap as a permutation, and better spread. */
#define SMALL_BLOCK 16

/* Selection sampling (Knuth, TAOCP 3.4.2, algorithm S): each place is taken with the chance that what is still to take
 * has among the places that are left, so every set of `numerator` places is equally likely. */
static bool is_selected(uint32_t place, uint32_t numerator, uint32_t denominator, uint64_t key)
{
    uint32_t left = numerator;
    for (uint32_t i = 0;; i++) {
        key = key * 6364136223846793005ull + 1442695040888963407ull;
        bool is_taken = ((key >> 32) * (denominator - i)) >> 32 < left;
        if (i == place)
            return is_taken;
        left -= is_taken;
    }
}

/* A keyed permutation of the `bits`-bit numbers, 2 to 32 bits: each step (odd multiple, sum, xor with its own upper half)
 * can be undone modulo 2^bits, so no two numbers meet. */
static uint32_t permute(uint32_t x, unsigned bits, const uint32_t keys[4])
{
    uint32_t mask = UINT32_MAX >> (32 - bits);
    unsigned half = (bits + 1) / 2;
    for (unsigned round = 0; round < 4; round++) {
        x = (x * (keys[round] | 1) + (keys[round] >> (32 - bits))) & mask;
        x ^= x >> half;
    }
    return x;
}

/* The place's number after a keyed permutation of the whole block. */
static uint32_t shuffled(uint32_t place, uint32_t denominator, uint64_t key)
{
    uint64_t more = mix(key + GOLDEN);
    const uint32_t keys[4] = {(uint32_t)key, (uint32_t)(key >> 32), (uint32_t)more, (uint32_t)(more >> 32)};
    /* 2^bits is below 2 × denominator, so walking the cycle back into the block takes less than two steps on average. */
    unsigned bits = 32 - (unsigned)__builtin_clz(denominator - 1);
    uint32_t x = place;
    do
        x = permute(x, bits, keys);
    while (x >= denominator);
    /* Turned by a random angle: every place has the same chance, however good the permutation is. */
    uint64_t turned = (uint64_t)x + scale(mix(more + GOLDEN), denominator);
    return (uint32_t)(turned >= denominator ? turned - denominator : turned);
}

bool sample_even(uint64_t sequence, uint32_t numerator, uint32_t denominator, uint64_t identity)
{
    if (numerator == 0 || numerator >= denominator)
        return numerator != 0;

    uint64_t key = mix(identity ^ mix(sequence / denominator + GOLDEN));
    uint32_t place = (uint32_t)(sequence % denominator);
    if (denominator <= SMALL_BLOCK)
        return is_selected(place, numerator, denominator, key);
    return shuffled(place, denominator, key) < numerator;
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
