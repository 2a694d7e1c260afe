/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of a plan's look-up tables: plan_build fills the tables by them, route_match looks up by them. Thread: any. */
#pragma once

#include "plan/layout.h"

#include <xxhash.h>

/* Of a key among the children of a parent (PLAN_PARENT). */
static inline uint32_t plan_name_hash(uint32_t parent, struct str key)
{
    return (uint32_t)XXH3_64bits_withSeed(key.len > 0 ? key.ptr : "", key.len, parent);
}

/* Of the values that a group looks at, one after the other (the method first, then its keys), beginning with 0. */
static inline uint64_t plan_values_hash(uint64_t before, struct str value)
{
    return XXH3_64bits_withSeed(value.len > 0 ? value.ptr : "", value.len, before + 1);
}

static inline uint64_t plan_bucket_hash(uint32_t group, uint64_t values)
{
    return values + group * 0x9e3779b97f4a7c15ull;
}
