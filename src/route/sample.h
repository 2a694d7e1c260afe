/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling decisions, pure functions. Even: of every D requests exactly N, at random places (a keyed permutation of
 * each block of D, so no two mirrors choose alike). Random: an independent draw. Hash: the same key is always in or always out, on every
 * replica and after a restart, and the 5 % set lies inside the 10 % set. Thread: any. */
#pragma once

#include "base/str.h"

/* `sequence` counts the requests that reached the sampler; `identity` is a hash of the mirror's identity. */
bool sample_even(uint64_t sequence, uint32_t numerator, uint32_t denominator, uint64_t identity);
/* `draw` is 64 random bits. */
bool sample_random(uint64_t draw, uint32_t numerator, uint32_t denominator);
/* XXH3-64 of key seeded by salt; mirrors that share salt and key choose alike. */
bool sample_hash(struct str key, struct str salt, uint32_t numerator, uint32_t denominator);
