/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from bytes to a pointer, for identities and names (XXH3, seeded per process, so that peers can't aim at
 * a bucket). Keys are copied. Iteration order is insertion order as long as nothing was removed.
 * Lifetime: map_deinit. Thread: the owner's. */
#pragma once

#include "base/str.h"

struct map_entry {
    struct str key;
    void *value; /* NULL: a removed entry */
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* in insertion order; skip those with value NULL */
    size_t count;              /* slots of `entries` in use, removed ones included */
    size_t live;               /* entries that are not removed */
    size_t capacity;
    uint32_t *index;
    size_t index_mask;
};

void map_init(struct map *map);
void map_deinit(struct map *map);
/* The value, or NULL. */
void *map_find(const struct map *map, struct str key);
/* Adds or replaces; `value` must not be NULL. Returns the value that was there before, or NULL. */
void *map_add(struct map *map, struct str key, void *value);
/* Returns the removed value, or NULL. */
void *map_remove(struct map *map, struct str key);
