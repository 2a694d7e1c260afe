/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/endpoints.h"

#include "base/arena.h"
#include "base/mem.h"
#include "plan/flat.h"

#include <stdlib.h>

/* One backend: its label and where its addresses stand. Sorted by label. */
struct endpoint_set {
    struct plan_str label;
    struct plan_range addresses;
};

struct endpoints {
    struct flat_head head;
    uint64_t generation;
    struct plan_array sets, addresses, strings;
};

struct pending_set {
    struct str label;
    const struct address *addresses;
    size_t count;
};

struct endpoints_builder {
    uint64_t generation;
    struct arena arena;
    struct pending_set *sets;
    size_t count, capacity;
};

static const struct endpoint_set *set_at(const struct endpoints *endpoints, size_t i)
{
    return (const struct endpoint_set *)((const char *)endpoints + endpoints->sets.off) + i;
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

static int by_label(const void *a, const void *b)
{
    return flat_compare_labels(((const struct pending_set *)a)->label, ((const struct pending_set *)b)->label);
}

/* Places the arrays in the head; returns the size of the block. */
static uint64_t measure(const struct endpoints_builder *builder, struct endpoints *head)
{
    uint64_t addresses = 0, text = 0, end = sizeof(*head);
    for (size_t i = 0; i < builder->count; i++) {
        addresses += builder->sets[i].count;
        text += builder->sets[i].label.len;
    }
    head->sets = flat_place(&end, builder->count, sizeof(struct endpoint_set));
    head->addresses = flat_place(&end, addresses, sizeof(struct address));
    head->strings = flat_place(&end, text, 1);
    return end;
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
    if (builder->count > 0)
        qsort(builder->sets, builder->count, sizeof(*builder->sets), by_label);
    for (size_t i = 1; i < builder->count; i++) {
        if (str_eq(builder->sets[i - 1].label, builder->sets[i].label)) {
            err_set(err, "the backend %.*s was given addresses twice", STR_ARG(builder->sets[i].label));
            return -1;
        }
    }
    struct endpoints *block = mem_alloc(size);
    *block = head;
    fill(block, builder);
    int fd = flat_seal("umbra-endpoints", block, size, err);
    mem_free(block);
    return fd;
}

static bool check_sets(const struct endpoints *endpoints, struct err *err)
{
    for (uint32_t i = 0; i < endpoints->sets.count; i++) {
        const struct endpoint_set *set = set_at(endpoints, i);
        if (!flat_has_text(endpoints->strings, set->label))
            return err_set(err, "endpoints: the label of backend %u is outside the strings", i);
        if (!flat_has_range(endpoints->addresses, set->addresses))
            return err_set(err, "endpoints: the addresses of backend %u are out of range", i);
        if (i > 0 && flat_compare_labels(label_of(endpoints, set_at(endpoints, i - 1)), label_of(endpoints, set)) >= 0)
            return err_set(err, "endpoints: backend %u is not in order", i);
    }
    return true;
}

bool endpoints_check(const void *bytes, size_t len, struct err *err)
{
    static const struct flat_head want = {
        .magic = ENDPOINTS_MAGIC, .version = ENDPOINTS_VERSION, .size = sizeof(struct endpoints)};
    const struct endpoints *endpoints = bytes;

    if (!flat_check_head(bytes, len, &want, "endpoints", err))
        return false;
    if (!flat_has_array(&endpoints->head, sizeof(*endpoints), endpoints->sets, sizeof(struct endpoint_set)) ||
        !flat_has_array(&endpoints->head, sizeof(*endpoints), endpoints->addresses, sizeof(struct address)) ||
        !flat_has_array(&endpoints->head, sizeof(*endpoints), endpoints->strings, 1))
        return err_set(err, "endpoints: an array is outside the block");
    if (!check_sets(endpoints, err))
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

const struct address *endpoints_find(const struct endpoints *endpoints, struct str label, size_t *count)
{
    size_t low = 0, high = endpoints->sets.count;
    *count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct endpoint_set *set = set_at(endpoints, middle);
        int order = flat_compare_labels(label, label_of(endpoints, set));
        if (order == 0) {
            *count = set->addresses.count;
            return address_at(endpoints, set->addresses.first);
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
