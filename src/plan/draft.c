/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/draft.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plan/check.h"
#include "plan/flat.h"

#include <unistd.h>

#define DRAFT_CAPACITY_MIN 16

void draft_init(struct draft *draft)
{
    *draft = (struct draft){.size = sizeof(struct plan)};
    map_init(&draft->texts);
    map_init(&draft->regexes[false]);
    map_init(&draft->regexes[true]);
    map_init(&draft->peer_sets);
}

void draft_deinit(struct draft *draft)
{
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        mem_free(draft->arrays[i].bytes);
    map_deinit(&draft->texts);
    map_deinit(&draft->regexes[false]);
    map_deinit(&draft->regexes[true]);
    map_deinit(&draft->peer_sets);
}

bool draft_is_too_large(const struct draft *draft)
{
    return draft->size > PLAN_MAX_BYTES;
}

static void make_room(struct draft_array *array, size_t count, size_t element_size)
{
    if (array->capacity - array->count >= count)
        return;
    uint64_t capacity = array->capacity ? array->capacity : DRAFT_CAPACITY_MIN;
    while (capacity - array->count < count)
        capacity *= 2;
    array->bytes = mem_grow(array->bytes, capacity * element_size);
    array->capacity = (uint32_t)capacity;
}

void *draft_add(struct draft *draft, enum array_id id, size_t count)
{
    struct draft_array *array = &draft->arrays[id];
    size_t element_size = array_kinds[id].element_size;
    ASSERT(count > 0 && count <= PLAN_MAX_BYTES);
    draft->size += count * element_size;
    make_room(array, count, element_size);
    void *added = array->bytes + array->count * element_size;
    memset(added, 0, count * element_size);
    array->count += (uint32_t)count;
    return added;
}

struct plan_range draft_add_copies(struct draft *draft, enum array_id id, const void *elements, size_t count)
{
    struct plan_range range = {draft_count(draft, id), (uint32_t)count};
    if (count > 0)
        memcpy(draft_add(draft, id, count), elements, count * array_kinds[id].element_size);
    return range;
}

uint32_t draft_count(const struct draft *draft, enum array_id id)
{
    return draft->arrays[id].count;
}

void *draft_at(const struct draft *draft, enum array_id id, size_t index)
{
    ASSERT(index < draft->arrays[id].count);
    return draft->arrays[id].bytes + index * array_kinds[id].element_size;
}

struct plan_str draft_add_text(struct draft *draft, struct str text)
{
    struct plan_str placed = {sizeof(struct plan), (uint32_t)text.len};
    if (text.len == 0)
        return placed;
    if (text.len > PLAN_MAX_BYTES - sizeof(struct plan) || draft_is_too_large(draft)) {
        draft->size = PLAN_MAX_BYTES + 1ull;
        return (struct plan_str){0};
    }
    uintptr_t known = (uintptr_t)map_find(&draft->texts, text);
    if (known == 0) {
        known = (uintptr_t)draft_count(draft, ARRAY_STRINGS) + 1;
        memcpy(draft_add(draft, ARRAY_STRINGS, text.len), text.ptr, text.len);
        map_add(&draft->texts, text, (void *)known);
    }
    placed.off += (uint32_t)(known - 1);
    return placed;
}

uint32_t draft_add_regex(struct draft *draft, struct str pattern, bool is_search)
{
    uintptr_t known = (uintptr_t)map_find(&draft->regexes[is_search], pattern);
    if (known == 0) {
        struct plan_regex regex = {.pattern = draft_add_text(draft, pattern), .is_search = is_search};
        known = draft_add_copies(draft, ARRAY_REGEXES, &regex, 1).first + 1;
        map_add(&draft->regexes[is_search], pattern, (void *)known);
    }
    return (uint32_t)(known - 1);
}

uint32_t draft_add_peer_set(struct draft *draft, struct str name)
{
    uintptr_t known = (uintptr_t)map_find(&draft->peer_sets, name);
    if (known == 0) {
        struct plan_str text = draft_add_text(draft, name);
        known = draft_add_copies(draft, ARRAY_PEER_SETS, &text, 1).first + 1;
        map_add(&draft->peer_sets, name, (void *)known);
    }
    return (uint32_t)(known - 1);
}

struct str draft_lower_case(struct arena *arena, struct str s)
{
    char *lower = arena_alloc(arena, s.len);
    for (size_t i = 0; i < s.len; i++)
        lower[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + ('a' - 'A') : s.ptr[i]);
    return (struct str){lower, s.len};
}

int draft_seal(const struct draft *draft, uint64_t generation, struct err *err)
{
    struct plan head = {.magic = PLAN_MAGIC, .version = PLAN_VERSION, .generation = generation};
    uint64_t size = sizeof(head);
    for (enum array_id id = 0; id < ARRAY_COUNT; id++)
        *array_of(&head, id) = flat_place(&size, draft_count(draft, id), array_kinds[id].element_size);
    if (draft_is_too_large(draft) || size > PLAN_MAX_BYTES) {
        err_set(err, "the rules need more than the %u bytes that are allowed; split them over several gateways",
                PLAN_MAX_BYTES);
        return -1;
    }
    struct plan *plan = mem_alloc(size);
    *plan = head;
    for (enum array_id id = 0; id < ARRAY_COUNT; id++) {
        const struct draft_array *array = &draft->arrays[id];
        if (array->count > 0)
            memcpy((char *)plan + array_of(&head, id)->off, array->bytes, array->count * array_kinds[id].element_size);
    }
    int fd = flat_seal("umbra-plan", plan, size, err);
    /* What is wrong beyond the checks of the rules (an address of no family, say) is found by the reader's own check. */
    bool is_sound = fd >= 0 && plan_check(plan, size, err);
    mem_free(plan);
    if (fd >= 0 && !is_sound) {
        close(fd);
        return -1;
    }
    return fd;
}
