/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <xxhash.h>

#define MAP_CAPACITY_MIN 8

/* 0: not drawn yet. */
static _Atomic uint64_t map_seed;

static uint64_t draw_seed(void)
{
    uint64_t drawn = 0;
    while (drawn == 0) {
        ssize_t len = getrandom(&drawn, sizeof(drawn), 0);
        ASSERT(len == sizeof(drawn) || (len < 0 && errno == EINTR));
    }
    uint64_t seed = 0;
    return atomic_compare_exchange_strong(&map_seed, &seed, drawn) ? drawn : seed;
}

static uint64_t hash_of(struct str key)
{
    uint64_t seed = atomic_load_explicit(&map_seed, memory_order_relaxed);
    if (__builtin_expect(seed == 0, 0))
        seed = draw_seed();
    return XXH3_64bits_withSeed(key.len > 0 ? key.ptr : "", key.len, seed);
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_deinit(struct map *map)
{
    for (size_t i = 0; i < map->count; i++)
        mem_free((char *)map->entries[i].key.ptr);
    mem_free(map->entries);
    mem_free(map->index);
    map_init(map);
}

/* `index` has the place in `entries` plus one, or 0. Removed entries keep their place until the next rebuild, so that
 * what was put behind them is still found. */
static struct map_entry *find_entry(const struct map *map, struct str key, uint64_t hash)
{
    if (map->live == 0)
        return NULL;
    for (size_t slot = hash & map->index_mask; map->index[slot] != 0; slot = (slot + 1) & map->index_mask) {
        struct map_entry *entry = &map->entries[map->index[slot] - 1];
        if (entry->hash == hash && entry->value && str_eq(entry->key, key))
            return entry;
    }
    return NULL;
}

void *map_find(const struct map *map, struct str key)
{
    if (map->live == 0)
        return NULL;
    struct map_entry *entry = find_entry(map, key, hash_of(key));
    return entry ? entry->value : NULL;
}

static void index_entry(struct map *map, size_t place)
{
    size_t slot = map->entries[place].hash & map->index_mask;
    while (map->index[slot] != 0)
        slot = (slot + 1) & map->index_mask;
    map->index[slot] = (uint32_t)(place + 1);
}

/* Drops removed entries and makes room for as many again as there are. */
static void rebuild(struct map *map)
{
    size_t capacity = MAP_CAPACITY_MIN;
    while (capacity < map->live * 2)
        capacity *= 2;
    ASSERT(capacity <= UINT32_MAX / 2);

    struct map_entry *entries = mem_alloc_raw(capacity * sizeof(*entries));
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (map->entries[i].value)
            entries[count++] = map->entries[i];
    }
    mem_free(map->entries);
    mem_free(map->index);
    map->entries = entries;
    map->count = count;
    map->capacity = capacity;
    map->index = mem_alloc(capacity * 2 * sizeof(*map->index));
    map->index_mask = capacity * 2 - 1;
    for (size_t i = 0; i < count; i++)
        index_entry(map, i);
}

void *map_add(struct map *map, struct str key, void *value)
{
    ASSERT(value);
    uint64_t hash = hash_of(key);
    struct map_entry *entry = find_entry(map, key, hash);
    if (entry) {
        void *before = entry->value;
        entry->value = value;
        return before;
    }
    if (map->count == map->capacity)
        rebuild(map);
    struct str copy = {mem_dup(key.ptr, key.len), key.len};
    map->entries[map->count] = (struct map_entry){copy, value, hash};
    index_entry(map, map->count);
    map->count++;
    map->live++;
    return NULL;
}

void *map_remove(struct map *map, struct str key)
{
    struct map_entry *entry = find_entry(map, key, hash_of(key));
    if (!entry)
        return NULL;
    void *value = entry->value;
    /* `key` may be the entry's own; it is not used from here on. */
    mem_free((char *)entry->key.ptr);
    entry->key = STR_NONE;
    entry->value = NULL;
    map->live--;
    return value;
}
