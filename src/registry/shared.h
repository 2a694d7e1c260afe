/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of the registry's shared memory, for the files of this folder only. Everything in it may be written by a
 * gateway that was subverted, so counts, offsets and slots are bounded at every use.
 * Lifetime: the mapping. Thread: any process. */
#pragma once

#include "registry/registry.h"

#include <pthread.h>

#define REGISTRY_MAGIC 0x7367655261726d55ull /* "UmraRegs" read as bytes */
#define REGISTRY_LAYOUT 6
/* Labels of at most 760 bytes and mostly below 100; pages are only used when they are written. */
#define REGISTRY_TEXT_BYTES (64u * 1024 * 1024)
#define REGISTRY_ENTRIES 32768
/* Half full at most, so that probes stay short. */
#define REGISTRY_SLOTS (2 * REGISTRY_ENTRIES)

_Static_assert(REGISTRY_ROUTES == REGISTRY_ENTRIES && REGISTRY_MIRRORS == REGISTRY_ENTRIES,
               "one index layout for both");

/* Identity of an entry; offsets into text. Written before the entry is published. */
struct registry_key {
    _Atomic uint64_t hash;
    _Atomic uint32_t route_off, route_len;
    _Atomic uint32_t name_off, name_len; /* backend or mirror */
};

/* Entry i belongs to key i. The last entry is the "other" one and has no key. */
struct registry_index {
    _Atomic uint32_t count; /* published entries */
    _Atomic uint32_t is_other_used;
    _Atomic uint32_t slots[REGISTRY_SLOTS]; /* entry + 1, or 0: free; linear probing */
    struct registry_key keys[REGISTRY_ENTRIES];
};

#define REGISTRY_OTHER (REGISTRY_ENTRIES - 1)

/* One method of a route × backend, at the place that its hash says or one of those behind it. Taken by whoever writes the hash first, and
 * never given back; the method stands there when its length does. */
struct registry_call {
    _Alignas(64) _Atomic uint64_t hash; /* 0: free */
    _Atomic uint32_t route;             /* of routes */
    _Atomic uint32_t method_len;
    counter status[REGISTRY_GRPC_STATUSES];
    char method[REGISTRY_METHOD_MAX];
};

struct registry_shared {
    /* constant after registry_new */
    uint64_t magic;
    uint64_t size;
    uint32_t layout;
    uint32_t route_size, mirror_size;
    uint64_t seed; /* of label hashes */

    pthread_mutex_t adding; /* robust, process-shared: guards text_used and the publishing of entries */
    _Atomic uint32_t text_used;

    struct registry_totals totals;
    struct registry_gateway gateways[REGISTRY_GATEWAYS];
    struct registry_index route_index, mirror_index;
    struct registry_route routes[REGISTRY_ROUTES];
    struct registry_mirror mirrors[REGISTRY_MIRRORS];
    _Atomic uint64_t
        calls_taken[REGISTRY_CALLS / 64]; /* a bit for each: who looks at all of them touches no page of the others */
    struct registry_call calls[REGISTRY_CALLS];
    char text[REGISTRY_TEXT_BYTES];
};

struct registry {
    struct registry_shared *shared;
    bool is_readonly;
};

struct registry_identity {
    struct str route, name;
};

/* The entry with this identity, added if it is new; REGISTRY_OTHER when there is no room. */
uint32_t registry_index_find_or_add(struct registry_shared *shared, struct registry_index *index,
                                    const struct registry_identity *identity);
/* Likewise, and REGISTRY_OTHER when it is not there. */
uint32_t registry_index_find(struct registry_shared *shared, struct registry_index *index,
                             const struct registry_identity *identity);
/* The identity and number of the n-th entry for iteration; false at the end. */
bool registry_index_at(struct registry_shared *shared, struct registry_index *index, size_t n,
                       struct registry_identity *identity, uint32_t *entry);
