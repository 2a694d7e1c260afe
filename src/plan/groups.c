/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/groups.h"

#include "base/mem.h"
#include "plan/ahead.h"
#include "plan/hash.h"
#include "plan/name_table.h"

#include <stdlib.h>

#define GROUPS_CAPACITY_MIN 64

/* Entries of one group stand together, from `first` on. */
struct run {
    size_t first, count;
    uint32_t best;
};

/* What groups_write has in hand. */
struct writing {
    const struct groups *groups;
    const struct ranking *ranking;
    struct draft *draft;
    struct run *runs; /* of the node and slot at hand */
    struct plan_bucket *buckets;
    uint32_t bucket_count;
};

void groups_init(struct groups *groups)
{
    *groups = (struct groups){0};
}

void groups_deinit(struct groups *groups)
{
    mem_free(groups->entries);
}

void groups_add(struct groups *groups, uint32_t node, enum group_slot slot, uint32_t match)
{
    if (groups->count == groups->capacity) {
        groups->capacity = groups->capacity > 0 ? groups->capacity * 2 : GROUPS_CAPACITY_MIN;
        groups->entries = mem_grow(groups->entries, groups->capacity * sizeof(*groups->entries));
    }
    groups->entries[groups->count++] = (struct group_entry){.node = node, .slot = slot, .match = match};
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_group(const void *a, const void *b)
{
    const struct group_entry *left = a, *right = b;
    int order = compare(left->node, right->node);
    if (order == 0)
        order = compare(left->slot, right->slot);
    if (order == 0)
        order = compare(left->signature, right->signature);
    if (order == 0)
        order = compare(left->values, right->values);
    return order != 0 ? order : compare(left->match, right->match);
}

static int by_best(const void *a, const void *b)
{
    return compare(((const struct run *)a)->best, ((const struct run *)b)->best);
}

/* By group, and each match once in its place: a route may be bound to one host twice. */
static void sort_entries(struct groups *groups, const struct ranking *ranking)
{
    for (size_t i = 0; i < groups->count; i++) {
        struct group_entry *entry = &groups->entries[i];
        entry->signature = ranking->list[entry->match].signature;
        entry->values = ranking->list[entry->match].values;
    }
    if (groups->count > 0)
        qsort(groups->entries, groups->count, sizeof(*groups->entries), by_group);
    size_t kept = 0;
    for (size_t i = 0; i < groups->count; i++) {
        if (kept == 0 || by_group(&groups->entries[kept - 1], &groups->entries[i]) != 0)
            groups->entries[kept++] = groups->entries[i];
    }
    groups->count = kept;
}

/* Those from `first` on that have its values (or only its place in the tree). */
static size_t count_alike(const struct groups *groups, size_t first, bool with_values)
{
    const struct group_entry *a = &groups->entries[first];
    size_t end = first + 1;
    while (end < groups->count) {
        const struct group_entry *b = &groups->entries[end];
        if (a->node != b->node || a->slot != b->slot || a->signature != b->signature ||
            (with_values && a->values != b->values))
            break;
        end++;
    }
    return end - first;
}

static struct plan_range sole(uint32_t match)
{
    return (struct plan_range){match, PLAN_SOLE};
}

static struct plan_range write_candidates(const struct writing *writing, size_t first, size_t count)
{
    struct plan_range range = {draft_count(writing->draft, ARRAY_CANDIDATES), (uint32_t)count};
    uint32_t *candidates = draft_add(writing->draft, ARRAY_CANDIDATES, count);
    for (size_t i = 0; i < count; i++)
        candidates[i] = writing->groups->entries[first + i].match;
    return range;
}

static uint32_t first_condition(const struct draft *draft, uint32_t match)
{
    return ((const struct plan_match *)draft_at(draft, ARRAY_MATCHES, match))->conditions.first;
}

/* The entries from `first` on, which have the same values. */
static struct plan_bucket make_bucket(const struct writing *writing, uint32_t group, size_t first, size_t count)
{
    const struct group_entry *best = &writing->groups->entries[first];
    return (struct plan_bucket){
        .hash = plan_bucket_hash(group, best->values),
        .group = group,
        .condition = first_condition(writing->draft, best->match),
        .matches = count == 1 ? sole(best->match) : write_candidates(writing, first, count),
        .ahead = ahead_of_match(writing->draft, best->match),
    };
}

static void write_group(struct writing *writing, const struct run *run)
{
    const struct groups *groups = writing->groups;
    const struct ranked *best = &writing->ranking->list[run->best];
    uint32_t number = draft_count(writing->draft, ARRAY_GROUPS);
    struct plan_group group = {
        .has_method = best->rule->method.len > 0,
        .best = run->best,
        .keys = ranking_write_keys(best, writing->draft),
    };
    if (!group.has_method && group.keys.count == 0) {
        group.matches = write_candidates(writing, run->first, run->count);
        draft_add_copies(writing->draft, ARRAY_GROUPS, &group, 1);
        return;
    }
    draft_add_copies(writing->draft, ARRAY_GROUPS, &group, 1);
    for (size_t at = run->first, count; at < run->first + run->count; at += count) {
        count = count_alike(groups, at, true);
        writing->buckets[writing->bucket_count++] = make_bucket(writing, number, at, count);
    }
}

static struct plan_range *slot_of(struct plan_node *node, enum group_slot slot)
{
    switch (slot) {
    case SLOT_EXACT: return &node->exact;
    case SLOT_REGEX: return &node->regexes;
    case SLOT_PREFIX: break;
    }
    return &node->prefixes;
}

/* Of the runs at hand. */
static struct plan_range write_groups(struct writing *writing, uint32_t count)
{
    struct plan_range range = {draft_count(writing->draft, ARRAY_GROUPS), count};
    qsort(writing->runs, count, sizeof(*writing->runs), by_best);
    for (uint32_t i = 0; i < count; i++)
        write_group(writing, &writing->runs[i]);
    return range;
}

/* The groups of the node and slot whose entries begin at `first`; returns where the next begin. */
static size_t write_slot(struct writing *writing, size_t first)
{
    const struct groups *groups = writing->groups;
    const struct group_entry *entry = &groups->entries[first];
    size_t at = first;
    uint32_t count = 0;
    while (at < groups->count && groups->entries[at].node == entry->node && groups->entries[at].slot == entry->slot) {
        struct run run = {at, count_alike(groups, at, false), groups->entries[at].match};
        for (size_t i = 0; i < run.count; i++) {
            if (groups->entries[at + i].match < run.best)
                run.best = groups->entries[at + i].match;
        }
        writing->runs[count++] = run;
        at += run.count;
    }
    struct plan_range range = sole(entry->match);
    if (at - first > 1)
        range = write_groups(writing, count);
    *slot_of(draft_at(writing->draft, ARRAY_NODES, entry->node), (enum group_slot)entry->slot) = range;
    return at;
}

static void write_buckets(const struct writing *writing)
{
    uint32_t slots = table_slots(writing->bucket_count);
    if (slots == 0)
        return;
    struct plan_bucket *buckets = draft_add(writing->draft, ARRAY_BUCKETS, slots);
    for (uint32_t i = 0; i < slots; i++)
        buckets[i].group = PLAN_NONE;
    for (uint32_t i = 0; i < writing->bucket_count; i++) {
        uint32_t slot = (uint32_t)writing->buckets[i].hash & (slots - 1);
        while (buckets[slot].group != PLAN_NONE)
            slot = (slot + 1) & (slots - 1);
        buckets[slot] = writing->buckets[i];
    }
}

void groups_write(struct groups *groups, const struct ranking *ranking, struct draft *draft)
{
    sort_entries(groups, ranking);
    struct writing writing = {
        .groups = groups,
        .ranking = ranking,
        .draft = draft,
        .runs = mem_alloc((groups->count + 1) * sizeof(*writing.runs)),
        .buckets = mem_alloc((groups->count + 1) * sizeof(*writing.buckets)),
    };
    for (size_t at = 0; at < groups->count && !draft_is_too_large(draft);)
        at = write_slot(&writing, at);
    if (!draft_is_too_large(draft))
        write_buckets(&writing);
    mem_free(writing.runs);
    mem_free(writing.buckets);
}
