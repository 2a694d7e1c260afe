/* SPDX-License-Identifier: Apache-2.0 */
/* The matches at each node of the paths, sorted into groups of those that look at the same things. Internal to src/plan.
 * Lifetime: groups_deinit. Thread: the owner's. */
#pragma once

#include "plan/rank.h"

/* In which range of its node a match stands. */
enum group_slot { SLOT_EXACT, SLOT_REGEX, SLOT_PREFIX };

/* A match at a node, and what it is sorted by. */
struct group_entry {
    uint32_t node, slot, signature, match;
    uint64_t values;
};

struct groups {
    struct group_entry *entries;
    size_t count, capacity;
};

void groups_init(struct groups *groups);
void groups_deinit(struct groups *groups);
void groups_add(struct groups *groups, uint32_t node, enum group_slot slot, uint32_t match);
/* Writes plan.groups, candidates and buckets, and the ranges of nodes; after matches and routes. */
void groups_write(struct groups *groups, const struct ranking *ranking, struct draft *draft);
