/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/endpoints.h"

#include "base/arena.h"
#include "base/mem.h"
#include "plan/flat.h"

#include <stdlib.h>

/* One backend or set of peers: its label and where its addresses stand. Sorted by label. */
struct endpoint_set {
    struct plan_str label;
    struct plan_range addresses;
};

struct endpoints {
    struct flat_head head;
    uint64_t generation;
    struct plan_array sets, addresses;
    struct plan_array peer_sets, peers; /* struct endpoint_set, struct endpoint_peer */
    struct plan_array strings;
};
_Static_assert(sizeof(struct endpoint_peer) == 17, "compared as bytes");

struct pending_set {
    struct str label;
    const struct address *addresses;
    size_t count;
};

struct pending_peers {
    struct str name;
    struct endpoint_peer *peers; /* sorted, each once */
    size_t count;
};

struct endpoints_builder {
    uint64_t generation;
    struct arena arena;
    struct pending_set *sets;
    size_t count, capacity;
    struct pending_peers *peer_sets;
    size_t peer_set_count, peer_set_capacity;
};

static const struct endpoint_set *set_in(const struct endpoints *endpoints, struct plan_array sets, size_t i)
{
    return (const struct endpoint_set *)((const char *)endpoints + sets.off) + i;
}

static const struct address *address_at(const struct endpoints *endpoints, size_t i)
{
    return (const struct address *)((const char *)endpoints + endpoints->addresses.off) + i;
}

static struct str label_of(const struct endpoints *endpoints, const struct endpoint_set *set)
{
    return (struct str){(const char *)endpoints + set->label.off, set->label.len};
}

struct endpoints_builder *endpoints_builder_new(uint64_t generation)
{
    struct endpoints_builder *builder = mem_alloc(sizeof(*builder));
    builder->generation = generation;
    arena_init(&builder->arena, NULL, 0);
    return builder;
}

void endpoints_builder_free(struct endpoints_builder *builder)
{
    if (!builder)
        return;
    arena_deinit(&builder->arena);
    mem_free(builder->sets);
    mem_free(builder->peer_sets);
    mem_free(builder);
}

void endpoints_builder_add(struct endpoints_builder *builder, struct str label, const struct address *addresses,
                           size_t count)
{
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity ? builder->capacity * 2 : 16;
        builder->sets = mem_grow(builder->sets, builder->capacity * sizeof(*builder->sets));
    }
    struct address *copy = arena_alloc(&builder->arena, count * sizeof(*copy));
    if (count > 0)
        memcpy(copy, addresses, count * sizeof(*copy));
    builder->sets[builder->count++] = (struct pending_set){arena_copy(&builder->arena, label), copy, count};
}

/* ---- peers ---- */

static int compare_peers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct endpoint_peer));
}

/* False when it is no IP. */
static bool peer_of(const struct address *address, struct endpoint_peer *peer)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    *peer = (struct endpoint_peer){.family = address->family};
    if (address->family == ADDRESS_IPV6 && memcmp(address->ip, mapped, sizeof(mapped)) == 0) {
        peer->family = ADDRESS_IPV4;
        memcpy(peer->ip, address->ip + sizeof(mapped), 4);
        return true;
    }
    memcpy(peer->ip, address->ip, address->family == ADDRESS_IPV4 ? 4 : sizeof(peer->ip));
    return address->family == ADDRESS_IPV4 || address->family == ADDRESS_IPV6;
}

void endpoints_builder_add_peers(struct endpoints_builder *builder, struct str name, const struct address *addresses,
                                 size_t count)
{
    if (builder->peer_set_count == builder->peer_set_capacity) {
        builder->peer_set_capacity = builder->peer_set_capacity ? builder->peer_set_capacity * 2 : 16;
        builder->peer_sets = mem_grow(builder->peer_sets, builder->peer_set_capacity * sizeof(*builder->peer_sets));
    }
    struct endpoint_peer *peers = arena_alloc(&builder->arena, count * sizeof(*peers));
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        found += peer_of(&addresses[i], &peers[found]);
    if (found > 0)
        qsort(peers, found, sizeof(*peers), compare_peers);
    for (size_t i = 0; i < found; i++) {
        if (kept == 0 || compare_peers(&peers[kept - 1], &peers[i]) != 0)
            peers[kept++] = peers[i];
    }
    builder->peer_sets[builder->peer_set_count++] = (struct pending_peers){arena_copy(&builder->arena, name), peers,
                                                                           kept};
}

bool endpoint_peers_has(const struct endpoint_peers *peers, const struct address *address)
{
    struct endpoint_peer wanted;
    return peers->count > 0 && peer_of(address, &wanted) &&
           bsearch(&wanted, peers->list, peers->count, sizeof(wanted), compare_peers);
}

/* ---- the block ---- */

static int by_name(const void *a, const void *b)
{
    return flat_compare_labels(((const struct pending_peers *)a)->name, ((const struct pending_peers *)b)->name);
}

static int by_label(const void *a, const void *b)
{
    return flat_compare_labels(((const struct pending_set *)a)->label, ((const struct pending_set *)b)->label);
}

/* Places the arrays in the head; returns the size of the block. */
static uint64_t measure(const struct endpoints_builder *builder, struct endpoints *head)
{
    uint64_t addresses = 0, peers = 0, text = 0, end = sizeof(*head);
    for (size_t i = 0; i < builder->count; i++) {
        addresses += builder->sets[i].count;
        text += builder->sets[i].label.len;
    }
    for (size_t i = 0; i < builder->peer_set_count; i++) {
        peers += builder->peer_sets[i].count;
        text += builder->peer_sets[i].name.len;
    }
    head->sets = flat_place(&end, builder->count, sizeof(struct endpoint_set));
    head->addresses = flat_place(&end, addresses, sizeof(struct address));
    head->peer_sets = flat_place(&end, builder->peer_set_count, sizeof(struct endpoint_set));
    head->peers = flat_place(&end, peers, sizeof(struct endpoint_peer));
    head->strings = flat_place(&end, text, 1);
    return end;
}

static void fill_peers(struct endpoints *block, const struct endpoints_builder *builder, uint32_t *text_end)
{
    struct endpoint_set *set = (struct endpoint_set *)((char *)block + block->peer_sets.off);
    struct endpoint_peer *peers = (struct endpoint_peer *)((char *)block + block->peers.off);
    uint32_t next = 0;
    for (size_t i = 0; i < builder->peer_set_count; i++, set++) {
        const struct pending_peers *pending = &builder->peer_sets[i];
        set->label = flat_add_text(block, text_end, pending->name);
        set->addresses = (struct plan_range){next, (uint32_t)pending->count};
        if (pending->count > 0)
            memcpy(peers + next, pending->peers, pending->count * sizeof(*peers));
        next += (uint32_t)pending->count;
    }
}

static void fill(struct endpoints *block, const struct endpoints_builder *builder)
{
    struct endpoint_set *set = (struct endpoint_set *)((char *)block + block->sets.off);
    struct address *addresses = (struct address *)((char *)block + block->addresses.off);
    uint32_t next = 0, text_end = block->strings.off;

    for (size_t i = 0; i < builder->count; i++, set++) {
        const struct pending_set *pending = &builder->sets[i];
        set->label = flat_add_text(block, &text_end, pending->label);
        set->addresses = (struct plan_range){next, (uint32_t)pending->count};
        if (pending->count > 0)
            memcpy(addresses + next, pending->addresses, pending->count * sizeof(*addresses));
        next += (uint32_t)pending->count;
    }
    fill_peers(block, builder, &text_end);
}

/* In order, and each once. */
static bool sort(struct endpoints_builder *builder, struct err *err)
{
    if (builder->count > 0)
        qsort(builder->sets, builder->count, sizeof(*builder->sets), by_label);
    for (size_t i = 1; i < builder->count; i++) {
        if (str_eq(builder->sets[i - 1].label, builder->sets[i].label))
            return err_set(err, "the backend %.*s was given addresses twice", STR_ARG(builder->sets[i].label));
    }
    if (builder->peer_set_count > 0)
        qsort(builder->peer_sets, builder->peer_set_count, sizeof(*builder->peer_sets), by_name);
    for (size_t i = 1; i < builder->peer_set_count; i++) {
        if (str_eq(builder->peer_sets[i - 1].name, builder->peer_sets[i].name))
            return err_set(err, "the peers %.*s were given addresses twice", STR_ARG(builder->peer_sets[i].name));
    }
    return true;
}

int endpoints_builder_seal(struct endpoints_builder *builder, struct err *err)
{
    struct endpoints head = {
        .head = {.magic = ENDPOINTS_MAGIC, .version = ENDPOINTS_VERSION},
        .generation = builder->generation,
    };
    uint64_t size = measure(builder, &head);
    if (size > PLAN_MAX_BYTES) {
        err_set(err, "the addresses of %zu backends need %llu bytes, at most %u are allowed", builder->count,
                (unsigned long long)size, PLAN_MAX_BYTES);
        return -1;
    }
    if (!sort(builder, err))
        return -1;
    struct endpoints *block = mem_alloc(size);
    *block = head;
    fill(block, builder);
    int fd = flat_seal("umbra-endpoints", block, size, err);
    mem_free(block);
    return fd;
}

static bool check_sets(const struct endpoints *endpoints, struct plan_array sets, struct plan_array addresses,
                       const char *what, struct err *err)
{
    for (uint32_t i = 0; i < sets.count; i++) {
        const struct endpoint_set *set = set_in(endpoints, sets, i);
        if (!flat_has_text(endpoints->strings, set->label))
            return err_set(err, "endpoints: the label of %s %u is outside the strings", what, i);
        if (!flat_has_range(addresses, set->addresses))
            return err_set(err, "endpoints: the addresses of %s %u are out of range", what, i);
        const struct endpoint_set *before = i > 0 ? set - 1 : NULL;
        if (before && flat_compare_labels(label_of(endpoints, before), label_of(endpoints, set)) >= 0)
            return err_set(err, "endpoints: %s %u is not in order", what, i);
    }
    return true;
}

static bool has_arrays(const struct endpoints *endpoints)
{
    const struct flat_head *head = &endpoints->head;
    return flat_has_array(head, sizeof(*endpoints), endpoints->sets, sizeof(struct endpoint_set)) &&
           flat_has_array(head, sizeof(*endpoints), endpoints->addresses, sizeof(struct address)) &&
           flat_has_array(head, sizeof(*endpoints), endpoints->peer_sets, sizeof(struct endpoint_set)) &&
           flat_has_array(head, sizeof(*endpoints), endpoints->peers, sizeof(struct endpoint_peer)) &&
           flat_has_array(head, sizeof(*endpoints), endpoints->strings, 1);
}

bool endpoints_check(const void *bytes, size_t len, struct err *err)
{
    static const struct flat_head want = {
        .magic = ENDPOINTS_MAGIC, .version = ENDPOINTS_VERSION, .size = sizeof(struct endpoints)};
    const struct endpoints *endpoints = bytes;

    if (!flat_check_head(bytes, len, &want, "endpoints", err))
        return false;
    if (!has_arrays(endpoints))
        return err_set(err, "endpoints: an array is outside the block");
    if (!check_sets(endpoints, endpoints->sets, endpoints->addresses, "backend", err) ||
        !check_sets(endpoints, endpoints->peer_sets, endpoints->peers, "peers", err))
        return false;
    for (uint32_t i = 0; i < endpoints->addresses.count; i++) {
        if (!flat_is_address(address_at(endpoints, i)))
            return err_set(err, "endpoints: address %u is none", i);
    }
    return true;
}

const struct endpoints *endpoints_map(int fd, struct err *err)
{
    return flat_map(fd, "endpoints", endpoints_check, err);
}

void endpoints_unmap(const struct endpoints *endpoints)
{
    flat_unmap(endpoints);
}

bool endpoints_eq(const struct endpoints *a, const struct endpoints *b)
{
    size_t from = offsetof(struct endpoints, sets);
    return a->head.size == b->head.size &&
           memcmp((const char *)a + from, (const char *)b + from, a->head.size - from) == 0;
}

uint64_t endpoints_generation(const struct endpoints *endpoints)
{
    return endpoints->generation;
}

static const struct endpoint_set *find_set(const struct endpoints *endpoints, struct plan_array sets, struct str label)
{
    size_t low = 0, high = sets.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct endpoint_set *set = set_in(endpoints, sets, middle);
        int order = flat_compare_labels(label, label_of(endpoints, set));
        if (order == 0)
            return set;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct address *endpoints_find(const struct endpoints *endpoints, struct str label, size_t *count)
{
    const struct endpoint_set *set = find_set(endpoints, endpoints->sets, label);
    *count = set ? set->addresses.count : 0;
    return set ? address_at(endpoints, set->addresses.first) : NULL;
}

struct endpoint_peers endpoints_find_peers(const struct endpoints *endpoints, struct str name)
{
    const struct endpoint_set *set = find_set(endpoints, endpoints->peer_sets, name);
    if (!set)
        return (struct endpoint_peers){0};
    const struct endpoint_peer *peers = (const struct endpoint_peer *)((const char *)endpoints + endpoints->peers.off) +
                                        set->addresses.first;
    return (struct endpoint_peers){peers, set->addresses.count};
}
