/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/name_table.h"

#include "base/mem.h"
#include "plan/ahead.h"
#include "plan/hash.h"

#define TABLE_CAPACITY_MIN 64

uint32_t table_slots(uint32_t entries)
{
    uint64_t slots = entries > 0 ? 2 : 0;
    while (slots < 2ull * entries)
        slots *= 2;
    return (uint32_t)slots;
}

void name_table_init(struct name_table *table)
{
    *table = (struct name_table){0};
}

void name_table_deinit(struct name_table *table)
{
    mem_free(table->entries);
    mem_free(table->slots);
}

uint32_t name_table_value(const struct name_table *table, uint32_t parent, struct str key)
{
    if (table->count == 0)
        return PLAN_NONE;
    uint32_t hash = plan_name_hash(parent, key), mask = table_slots(table->capacity) - 1;
    for (uint32_t slot = hash & mask; table->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct name_entry *entry = &table->entries[table->slots[slot] - 1];
        if (entry->hash == hash && entry->parent == parent && str_eq(entry->key, key))
            return entry->value;
    }
    return PLAN_NONE;
}

static void index_entry(struct name_table *table, uint32_t place)
{
    uint32_t mask = table_slots(table->capacity) - 1, slot = table->entries[place].hash & mask;
    while (table->slots[slot] != 0)
        slot = (slot + 1) & mask;
    table->slots[slot] = place + 1;
}

static void grow(struct name_table *table)
{
    table->capacity = table->capacity > 0 ? table->capacity * 2 : TABLE_CAPACITY_MIN;
    table->entries = mem_grow(table->entries, table->capacity * sizeof(*table->entries));
    mem_free(table->slots);
    table->slots = mem_alloc(table_slots(table->capacity) * sizeof(*table->slots));
    for (uint32_t i = 0; i < table->count; i++)
        index_entry(table, i);
}

void name_table_add(struct name_table *table, uint32_t parent, struct str key, uint32_t value)
{
    if (table->count == table->capacity)
        grow(table);
    table->entries[table->count] = (struct name_entry){plan_name_hash(parent, key), parent, key, value};
    index_entry(table, table->count++);
}

void name_table_write(const struct name_table *table, struct draft *draft)
{
    uint32_t slots = table_slots(table->count);
    if (slots == 0)
        return;
    struct plan_name *names = draft_add(draft, ARRAY_NAMES, slots);
    for (uint32_t i = 0; i < slots; i++)
        names[i].value = PLAN_NONE;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct name_entry *entry = &table->entries[i];
        uint32_t slot = entry->hash & (slots - 1);
        while (names[slot].value != PLAN_NONE)
            slot = (slot + 1) & (slots - 1);
        names[slot] = (struct plan_name){
            .hash = entry->hash,
            .parent = entry->parent,
            .key = draft_add_text(draft, entry->key),
            .value = entry->value,
        };
        if (entry->parent >> 30 != PARENT_SOCKET)
            names[slot].ahead = ahead_of_node(draft, entry->value);
    }
}
