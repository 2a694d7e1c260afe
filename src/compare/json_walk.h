/* SPDX-License-Identifier: Apache-2.0 */
/* Two tapes walked in step; of this folder only. Each value is looked at a bounded number of times, whatever the documents are: what would need
 * a second look at whole subtrees (is this element the same as that one?) is asked of hashes, which are made once per value, bottom-up.
 * Lifetime: one compare_json. Thread: the comparer's. */
#pragma once

#include "compare/comparer.h"

/* Where the walk is. */
struct spot {
    struct place place;
    const struct place *chain; /* the place, or NULL at the root */
    unsigned depth;
    bool is_watched; /* a rule may be met below */
    int array;       /* the rule for the array here, or -1 */
};

struct walk {
    struct comparer *comparer;
    const struct compare_rules *rules;
    struct json *json[SIDE_COUNT];
    uint64_t *states;   /* of the paths of rules, one per depth; NULL without rules */
    struct str prefix;  /* of all fields */
    size_t values_left; /* of messages: fields that may still be looked at */
    size_t same_budget; /* bytes that may still be compared as text before they are compared as values */
};

/* At the root; false: rules leave all of it out. Takes scratch memory. */
bool walk_begin(struct walk *walk, struct comparer *comparer, const struct compare_rules *rules, struct str prefix,
                struct spot *root);
/* One step down, `to->place.step`. False: what is there is not compared. The new spot refers to the old one. */
bool walk_enter(struct walk *walk, const struct spot *from, struct spot *to);
bool walk_to_member(struct walk *walk, const struct spot *from, enum side side, uint32_t name, struct spot *to);
bool walk_to_element(struct walk *walk, const struct spot *from, uint64_t index, struct spot *to);

/* Known to have the same bytes since they were read; false says nothing. */
bool walk_is_same(const struct walk *walk, uint32_t live, uint32_t other);
void walk_values(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot);
void walk_arrays(struct walk *walk, uint32_t live, uint32_t other, const struct spot *spot);
/* Both stand for what they are; NULL: absent. */
void walk_report(struct walk *walk, const struct spot *spot, enum difference_kind kind, const uint32_t *live,
                 const uint32_t *other);
void walk_report_text(struct walk *walk, const struct spot *spot, enum difference_kind kind, struct str live,
                      struct str other);

/* The same for what is equal as compare_values sees it, without what rules leave out; never 0. */
uint64_t walk_hash(struct walk *walk, enum side side, uint32_t value, const struct spot *spot);

/* ---- names of an object ---- */

/* Names to the last member that has it. Takes scratch memory. */
struct name_table {
    const struct json *json;
    uint32_t *slots; /* index of a name on the tape, 0: free */
    size_t mask;
    uint64_t seed;
};
/* True when names came twice. */
bool name_table_make(struct name_table *table, struct walk *walk, enum side side, uint32_t object);
/* The name's index on the table's tape, or 0. */
uint32_t name_table_find(const struct name_table *table, const struct json *json, uint32_t name);
/* Some name comes twice in the object; asked once per object. */
bool walk_has_twins(struct walk *walk, enum side side, uint32_t object);
