/* SPDX-License-Identifier: Apache-2.0 */
/* A plan under construction: its arrays grow one by one and become one block at the end. Internal to src/plan.
 * Lifetime: draft_init to draft_deinit. Thread: the owner's. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "plan/arrays.h"

struct draft_array {
    char *bytes;
    uint32_t count, capacity;
};

struct draft {
    struct draft_array arrays[ARRAY_COUNT];
    struct map texts;          /* the place of each among those in the strings, plus one */
    struct map regexes[2];     /* number plus one of those that match the whole, and of those that search */
    struct map peer_sets;      /* number plus one */
    uint64_t size;             /* of all elements, in bytes */
    const void *comparison;    /* the one that was added last, as the rules have it */
    uint32_t comparison_index; /* and in the plan */
};

void draft_init(struct draft *draft);
void draft_deinit(struct draft *draft);

/* Over PLAN_MAX_BYTES: draft_seal refuses it, so there is no use in going on. */
bool draft_is_too_large(const struct draft *draft);

/* Appends `count` zeroed elements, at least one; valid until the next call for the same array. */
void *draft_add(struct draft *draft, enum array_id id, size_t count);
/* Appends copies of them, one by one the size of an element; returns the range. */
struct plan_range draft_add_copies(struct draft *draft, enum array_id id, const void *elements, size_t count);
uint32_t draft_count(const struct draft *draft, enum array_id id);
void *draft_at(const struct draft *draft, enum array_id id, size_t index);

/* Equal texts are kept once. */
struct plan_str draft_add_text(struct draft *draft, struct str text);
/* The same for these; the number in their array. */
uint32_t draft_add_regex(struct draft *draft, struct str pattern, bool is_search);
uint32_t draft_add_peer_set(struct draft *draft, struct str name);
/* A copy in ASCII lower case. */
struct str draft_lower_case(struct arena *arena, struct str s);

/* A sealed memfd of the whole, checked by the reader's own check; -1 when it is too large or wrong. */
int draft_seal(const struct draft *draft, uint64_t generation, struct err *err) __attribute__((warn_unused_result));
