/* SPDX-License-Identifier: Apache-2.0 */
/* plan.names while it grows. Internal to src/plan. Lifetime: name_table_deinit; keys are borrowed. Thread: the owner's. */
#pragma once

#include "plan/draft.h"

struct name_entry {
    uint32_t hash, parent;
    struct str key;
    uint32_t value;
};

struct name_table {
    struct name_entry *entries;
    uint32_t *slots; /* index in entries plus one, or 0 */
    uint32_t count, capacity;
};

void name_table_init(struct name_table *table);
void name_table_deinit(struct name_table *table);
/* The value, or PLAN_NONE. */
uint32_t name_table_value(const struct name_table *table, uint32_t parent, struct str key);
/* The key must not be there yet. */
void name_table_add(struct name_table *table, uint32_t parent, struct str key, uint32_t value);
/* Writes plan.names, after all else. */
void name_table_write(const struct name_table *table, struct draft *draft);

/* Slots of an open-addressing table for so many entries: a power of two, at most half of it taken; none for none. */
uint32_t table_slots(uint32_t entries);
