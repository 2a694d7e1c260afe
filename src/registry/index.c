/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/shared.h"

#include <errno.h>
#include <xxhash.h>

#define NOT_FOUND UINT32_MAX

static uint32_t load(_Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static uint64_t hash_identity(const struct registry_shared *shared, const struct registry_identity *identity)
{
    uint64_t seed = XXH3_64bits_withSeed(identity->route.len ? identity->route.ptr : "", identity->route.len,
                                         shared->seed);
    return XXH3_64bits_withSeed(identity->name.len ? identity->name.ptr : "", identity->name.len, seed);
}

/* Bounded whatever the key says. */
static struct str text_at(struct registry_shared *shared, _Atomic uint32_t *off_at, _Atomic uint32_t *len_at)
{
    uint32_t off = load(off_at), len = load(len_at);
    if (off > REGISTRY_TEXT_BYTES || len > REGISTRY_TEXT_BYTES - off)
        return STR("");
    return (struct str){shared->text + off, len};
}

static struct registry_identity identity_at(struct registry_shared *shared, struct registry_key *key)
{
    return (struct registry_identity){
        .route = text_at(shared, &key->route_off, &key->route_len),
        .name = text_at(shared, &key->name_off, &key->name_len),
    };
}

/* Lock-free. A slot is stored with release after its key and text, and loaded with acquire here. */
static uint32_t find(struct registry_shared *shared, struct registry_index *index,
                     const struct registry_identity *identity, uint64_t hash)
{
    for (uint32_t probe = 0; probe < REGISTRY_SLOTS; probe++) {
        uint32_t slot = atomic_load_explicit(&index->slots[(hash + probe) % REGISTRY_SLOTS], memory_order_acquire);
        if (slot == 0)
            return NOT_FOUND;
        if (slot > REGISTRY_OTHER)
            continue;
        struct registry_key *key = &index->keys[slot - 1];
        if (atomic_load_explicit(&key->hash, memory_order_relaxed) != hash)
            continue;
        struct registry_identity there = identity_at(shared, key);
        if (str_eq(there.route, identity->route) && str_eq(there.name, identity->name))
            return slot - 1;
    }
    return NOT_FOUND;
}

static void publish_slot(struct registry_index *index, uint64_t hash, uint32_t entry)
{
    for (uint32_t probe = 0; probe < REGISTRY_SLOTS; probe++) {
        _Atomic uint32_t *slot = &index->slots[(hash + probe) % REGISTRY_SLOTS];
        if (load(slot) == 0) {
            atomic_store_explicit(slot, entry + 1, memory_order_release);
            return;
        }
    }
}

/* A process may have died between publishing the count and the slot of its last entry. */
static void repair(struct registry_shared *shared, struct registry_index *index)
{
    uint32_t count = load(&index->count);
    if (count == 0 || count > REGISTRY_OTHER)
        return;
    struct registry_key *key = &index->keys[count - 1];
    struct registry_identity identity = identity_at(shared, key);
    uint64_t hash = atomic_load_explicit(&key->hash, memory_order_relaxed);
    if (find(shared, index, &identity, hash) == NOT_FOUND)
        publish_slot(index, hash, count - 1);
}

static bool lock(struct registry_shared *shared)
{
    int error = pthread_mutex_lock(&shared->adding);
    if (error == EOWNERDEAD) {
        repair(shared, &shared->route_index);
        repair(shared, &shared->mirror_index);
        error = pthread_mutex_consistent(&shared->adding);
    }
    return error == 0;
}

static void add_text(struct registry_shared *shared, struct str text, _Atomic uint32_t *off, _Atomic uint32_t *len)
{
    uint32_t used = load(&shared->text_used);
    if (text.len > 0)
        memcpy(shared->text + used, text.ptr, text.len);
    store(off, used);
    store(len, (uint32_t)text.len);
    store(&shared->text_used, used + (uint32_t)text.len);
}

/* Under the lock. */
static uint32_t add(struct registry_shared *shared, struct registry_index *index,
                    const struct registry_identity *identity, uint64_t hash)
{
    uint32_t entry = load(&index->count), used = load(&shared->text_used);
    if (entry >= REGISTRY_OTHER || used > REGISTRY_TEXT_BYTES || identity->route.len > REGISTRY_TEXT_BYTES - used ||
        identity->name.len > REGISTRY_TEXT_BYTES - used - identity->route.len)
        return NOT_FOUND;

    struct registry_key *key = &index->keys[entry];
    add_text(shared, identity->route, &key->route_off, &key->route_len);
    add_text(shared, identity->name, &key->name_off, &key->name_len);
    atomic_store_explicit(&key->hash, hash, memory_order_relaxed);
    atomic_store_explicit(&index->count, entry + 1, memory_order_release);
    publish_slot(index, hash, entry);
    return entry;
}

uint32_t registry_index_find_or_add(struct registry_shared *shared, struct registry_index *index,
                                    const struct registry_identity *identity)
{
    uint64_t hash = hash_identity(shared, identity);
    uint32_t entry = find(shared, index, identity, hash);
    if (entry != NOT_FOUND)
        return entry;
    if (lock(shared)) {
        entry = find(shared, index, identity, hash);
        if (entry == NOT_FOUND)
            entry = add(shared, index, identity, hash);
        pthread_mutex_unlock(&shared->adding);
    }
    if (entry != NOT_FOUND)
        return entry;
    store(&index->is_other_used, 1);
    return REGISTRY_OTHER;
}

uint32_t registry_index_find(struct registry_shared *shared, struct registry_index *index,
                             const struct registry_identity *identity)
{
    uint32_t entry = find(shared, index, identity, hash_identity(shared, identity));
    return entry == NOT_FOUND ? REGISTRY_OTHER : entry;
}

bool registry_index_at(struct registry_shared *shared, struct registry_index *index, size_t n,
                       struct registry_identity *identity, uint32_t *entry)
{
    uint32_t count = atomic_load_explicit(&index->count, memory_order_acquire);
    if (count > REGISTRY_OTHER)
        count = REGISTRY_OTHER;
    if (n < count) {
        *identity = identity_at(shared, &index->keys[n]);
        *entry = (uint32_t)n;
        return true;
    }
    if (n == count && load(&index->is_other_used)) {
        *identity = (struct registry_identity){STR("other"), STR("other")};
        *entry = REGISTRY_OTHER;
        return true;
    }
    return false;
}
