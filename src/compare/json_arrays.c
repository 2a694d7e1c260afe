/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json_walk.h"

#include <stdio.h>

#define NONE UINT32_MAX

struct element {
    uint64_t hash;
    uint32_t value; /* on the tape; NONE: not to be compared */
    uint32_t match; /* its index on the other side, or NONE */
    uint32_t next;  /* of a chain in the table */
};
struct elements {
    struct element *list;
    size_t count;
    size_t begin; /* of the array before its beginning and end were cut off */
};

/* Without their hashes. */
static struct elements list_elements(struct walk *walk, enum side side, uint32_t array)
{
    const struct json *json = walk->json[side];
    struct elements elements = {0};
    for (uint32_t at = array + 1; at < json->values[array].next; at = json->values[at].next)
        elements.count++;
    elements.list = scratch_take(&walk->comparer->scratch, elements.count * sizeof(struct element));
    size_t i = 0;
    for (uint32_t at = array + 1; at < json->values[array].next; at = json->values[at].next, i++)
        elements.list[i] = (struct element){.value = at, .match = NONE};
    return elements;
}

static void hash_elements(struct walk *walk, enum side side, struct elements *elements, const struct spot *spot)
{
    for (size_t i = 0; i < elements->count; i++) {
        struct spot below;
        struct element *element = &elements->list[i];
        if (walk_to_element(walk, spot, elements->begin + i, &below))
            element->hash = walk_hash(walk, side, element->value, &below);
        else
            element->value = NONE;
    }
}

static void report_length(struct walk *walk, const struct spot *spot, size_t live, size_t other)
{
    char a[24], b[24];
    int len_a = snprintf(a, sizeof(a), "%zu", live), len_b = snprintf(b, sizeof(b), "%zu", other);
    walk_report_text(walk, spot, DIFFERENCE_LENGTH, (struct str){a, (size_t)len_a}, (struct str){b, (size_t)len_b});
}

/* A pair of elements, or one alone (the other NULL). */
static void compare_elements(struct walk *walk, const struct spot *spot, const struct elements *live, size_t i,
                             const struct elements *other, size_t j)
{
    struct spot below;
    const struct element *a = live ? &live->list[i] : NULL, *b = other ? &other->list[j] : NULL;
    uint64_t index = live ? live->begin + i : other->begin + j;
    if ((a && a->value == NONE) || (b && b->value == NONE) || !walk_to_element(walk, spot, index, &below))
        return;
    if (!b)
        walk_report(walk, &below, DIFFERENCE_MISSING, &a->value, NULL);
    else if (!a)
        walk_report(walk, &below, DIFFERENCE_EXTRA, NULL, &b->value);
    else if (a->hash != b->hash)
        walk_values(walk, a->value, b->value, &below);
}

typedef bool alike_fn(const struct walk *walk, const struct element *live, const struct element *other);

static bool have_same_text(const struct walk *walk, const struct element *live, const struct element *other)
{
    return walk_is_same(walk, live->value, other->value);
}

static bool have_same_hash(const struct walk *walk, const struct element *live, const struct element *other)
{
    (void)walk;
    return live->hash == other->hash;
}

static void cut(struct elements *elements, size_t begin, size_t end)
{
    elements->list += begin;
    elements->count -= begin + end;
    elements->begin += begin;
}

/* Cuts off what is the same at both ends. */
static inline void trim(const struct walk *walk, struct elements *live, struct elements *other, alike_fn *are_alike)
{
    size_t most = live->count < other->count ? live->count : other->count, begin = 0, end = 0;
    while (begin < most && are_alike(walk, &live->list[begin], &other->list[begin]))
        begin++;
    while (end < most - begin &&
           are_alike(walk, &live->list[live->count - 1 - end], &other->list[other->count - 1 - end]))
        end++;
    cut(live, begin, end);
    cut(other, begin, end);
}

/* Matches elements with the same hash, the n-th with the n-th; gives how many. Each is looked at once. */
static size_t match(struct walk *walk, struct elements *live, struct elements *other)
{
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    size_t room = 8, matched = 0;
    while (room < 2 * other->count)
        room *= 2;
    uint32_t *slots = scratch_take(&walk->comparer->scratch, room * sizeof(*slots));
    memset(slots, 0xff, room * sizeof(*slots));
    for (size_t j = other->count; j-- > 0;) {
        struct element *element = &other->list[j];
        size_t at = element->hash & (room - 1);
        while (slots[at] != NONE && other->list[slots[at]].hash != element->hash)
            at = (at + 1) & (room - 1);
        element->next = slots[at];
        slots[at] = (uint32_t)j;
    }
    for (size_t i = 0; i < live->count; i++) {
        struct element *element = &live->list[i];
        size_t at = element->hash & (room - 1);
        /* A chain that is used up keeps its last element, so that the way past it stays open. */
        while (slots[at] != NONE && other->list[slots[at]].hash != element->hash)
            at = (at + 1) & (room - 1);
        uint32_t found = slots[at];
        if (found == NONE || other->list[found].match != NONE)
            continue;
        element->match = found;
        other->list[found].match = (uint32_t)i;
        if (other->list[found].next != NONE)
            slots[at] = other->list[found].next;
        matched++;
    }
    scratch_reset(&walk->comparer->scratch, mark);
    return matched;
}

static bool is_in_order(const struct elements *live)
{
    uint32_t last = 0;
    for (size_t i = 0; i < live->count; i++) {
        if (live->list[i].match == NONE)
            continue;
        if (live->list[i].match < last)
            return false;
        last = live->list[i].match;
    }
    return true;
}

static size_t skip_matched(const struct elements *elements, size_t at)
{
    while (at < elements->count && elements->list[at].match != NONE)
        at++;
    return at;
}

/* What has no match, one after the other, wherever it stands. */
static void compare_rest(struct walk *walk, const struct spot *spot, const struct elements *live,
                         const struct elements *other)
{
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        i = skip_matched(live, i);
        j = skip_matched(other, j);
        if (i >= live->count && j >= other->count)
            return;
        compare_elements(walk, spot, i < live->count ? live : NULL, i, j < other->count ? other : NULL, j);
    }
}

/* What has no match lies between the same neighbours on both sides. */
static void compare_gaps(struct walk *walk, const struct spot *spot, const struct elements *live,
                         const struct elements *other)
{
    size_t i = 0, j = 0;
    while (i < live->count || j < other->count) {
        bool is_live = i < live->count && live->list[i].match == NONE;
        bool is_other = j < other->count && other->list[j].match == NONE;
        if (is_live || is_other)
            compare_elements(walk, spot, is_live ? live : NULL, i, is_other ? other : NULL, j);
        i += is_live || !is_other;
        j += is_other || !is_live;
    }
}

/* `values` are the arrays. */
static void compare_ordered(struct walk *walk, struct elements *live, struct elements *other, const struct spot *spot,
                            const uint32_t values[SIDE_COUNT])
{
    size_t live_count = live->count, other_count = other->count;
    /* What has the same text needs no hashes, and what it would leave over is the same. */
    trim(walk, live, other, have_same_text);
    hash_elements(walk, SIDE_LIVE, live, spot);
    hash_elements(walk, SIDE_OTHER, other, spot);
    trim(walk, live, other, have_same_hash);
    if (live_count != other_count)
        report_length(walk, spot, live_count, other_count);
    if (live->count == 0 && other->count == 0)
        return;
    size_t matched = match(walk, live, other);
    if (is_in_order(live)) {
        compare_gaps(walk, spot, live, other);
        return;
    }
    walk_report(walk, spot, DIFFERENCE_ORDER, &values[SIDE_LIVE], &values[SIDE_OTHER]);
    if (matched < live->count || matched < other->count)
        compare_rest(walk, spot, live, other);
}

/* As many times each, in whatever order. One that differs on either side is compared with its like; of more nobody knows which belong together,
 * and they are shown as they are. */
static void compare_sets(struct walk *walk, struct elements *live, struct elements *other, const struct spot *spot)
{
    size_t matched = match(walk, live, other), i = skip_matched(live, 0), j = skip_matched(other, 0);
    if (live->count != other->count)
        report_length(walk, spot, live->count, other->count);
    if (live->count - matched <= 1 && other->count - matched <= 1) {
        compare_rest(walk, spot, live, other);
        return;
    }
    struct spot below;
    const struct element *a = i < live->count ? &live->list[i] : NULL, *b = j < other->count ? &other->list[j] : NULL;
    if ((a && a->value == NONE) || (b && b->value == NONE) || !walk_to_element(walk, spot, i, &below))
        return;
    walk_report(walk, &below,
                a && b ? DIFFERENCE_VALUE
                : a    ? DIFFERENCE_MISSING
                       : DIFFERENCE_EXTRA,
                a ? &a->value : NULL, b ? &b->value : NULL);
}

/* The last member of this name; 0: none, or no object. */
static uint32_t find_member(const struct json *json, uint32_t object, struct str name)
{
    uint32_t found = 0;
    if (json->values[object].kind != VALUE_OBJECT)
        return 0;
    for (uint32_t at = object + 1; at < json->values[object].next; at = json->values[at + 1].next) {
        const struct json_value *value = &json->values[at];
        if (json_is(json_bytes(json, value), value->is_escaped, name))
            found = at;
    }
    return found;
}

/* Instead of the hash of an element, that of the member that names it; elements without it keep theirs. */
static void hash_keys(struct walk *walk, enum side side, struct elements *elements, struct str key,
                      const struct spot *spot)
{
    /* As if nothing below were ignored: a rule may ignore the key itself. */
    struct spot free_spot = {.depth = spot->depth, .array = -1};
    for (size_t i = 0; i < elements->count; i++) {
        struct element *element = &elements->list[i];
        uint32_t name = element->value == NONE ? 0 : find_member(walk->json[side], element->value, key);
        if (name)
            element->hash = walk_hash(walk, side, name + 1, &free_spot) ^ 0x5bd1e995;
    }
}

static void compare_keyed(struct walk *walk, struct elements *live, struct elements *other, struct str key,
                          const struct spot *spot)
{
    hash_keys(walk, SIDE_LIVE, live, key, spot);
    hash_keys(walk, SIDE_OTHER, other, key, spot);
    match(walk, live, other);
    if (live->count != other->count)
        report_length(walk, spot, live->count, other->count);
    for (size_t i = 0; i < live->count; i++) {
        struct spot below;
        const struct element *element = &live->list[i];
        if (element->match == NONE)
            compare_elements(walk, spot, live, i, NULL, 0);
        else if (element->value != NONE && walk_to_element(walk, spot, i, &below))
            walk_values(walk, element->value, other->list[element->match].value, &below);
    }
    for (size_t j = 0; j < other->count; j++) {
        if (other->list[j].match == NONE)
            compare_elements(walk, spot, NULL, 0, other, j);
    }
}

void walk_arrays(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot)
{
    const struct compare_array *rule = spot->array >= 0 ? &walk->rules->array_rules[spot->array] : NULL;
    struct elements a = list_elements(walk, SIDE_LIVE, live), b = list_elements(walk, SIDE_OTHER, other);
    if (!rule) {
        compare_ordered(walk, &a, &b, spot, (uint32_t[]){live, other});
        return;
    }
    hash_elements(walk, SIDE_LIVE, &a, spot);
    hash_elements(walk, SIDE_OTHER, &b, spot);
    if (rule->kind == ARRAY_SET)
        compare_sets(walk, &a, &b, spot);
    else
        compare_keyed(walk, &a, &b, rule->key, spot);
}
