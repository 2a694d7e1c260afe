/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json_walk.h"

#include <xxhash.h>

/* Up to so many names have prints of their own, mostly. */
#define FEW_NAMES 48
#define PRINTS 4096u /* how many there are: a bit each */
#define SHORT_NAME 256

static bool names_equal(const struct json *a, uint32_t name_a, const struct json *b, uint32_t name_b)
{
    const struct json_value *x = &a->values[name_a], *y = &b->values[name_b];
    return json_strings_equal(json_bytes(a, x), x->is_escaped, json_bytes(b, y), y->is_escaped);
}

/* Of the name as it is meant. Escapes only make it shorter, so that a long one is hashed in pieces of its unescaped bytes. */
static uint64_t hash_name(const struct json *json, uint32_t name, uint64_t seed)
{
    const struct json_value *value = &json->values[name];
    struct str bytes = json_bytes(json, value);
    if (!value->is_escaped)
        return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
    if (bytes.len <= SHORT_NAME) {
        char unescaped[SHORT_NAME];
        return XXH3_64bits_withSeed(unescaped, json_unescape(bytes, unescaped), seed);
    }
    return json_hash_escaped(bytes, seed);
}

static size_t count_members(const struct json *json, uint32_t object)
{
    size_t count = 0;
    for (uint32_t name = object + 1; name < json->values[object].next; name = json->values[name + 1].next)
        count++;
    return count;
}

static uint32_t *find_slot(const struct name_table *table, const struct json *json, uint32_t name)
{
    size_t at = hash_name(json, name, table->seed) & table->mask;
    while (table->slots[at] && !names_equal(table->json, table->slots[at], json, name))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

bool name_table_make(struct name_table *table, struct walk *walk, enum side side, uint32_t object)
{
    const struct json *json = walk->json[side];
    size_t room = 8, count = count_members(json, object);
    while (room < 2 * count)
        room *= 2;
    uint32_t *slots = scratch_take(&walk->comparer->scratch, room * sizeof(*slots));
    memset(slots, 0, room * sizeof(*slots));
    *table = (struct name_table){json, slots, room - 1, walk->comparer->seed};
    bool has_twins = false;
    for (uint32_t name = object + 1; name < json->values[object].next; name = json->values[name + 1].next) {
        uint32_t *slot = find_slot(table, json, name);
        has_twins = has_twins || *slot != 0;
        *slot = name;
    }
    return has_twins;
}

uint32_t name_table_find(const struct name_table *table, const struct json *json, uint32_t name)
{
    return *find_slot(table, json, name);
}

/* Names that are equal have equal prints; of those that differ, few have. */
static uint32_t print_of(const struct json *json, const struct json_value *name)
{
    const char *bytes = json->text + name->at;
    uint32_t first = 0, last = 0;
    if (name->size >= sizeof(first)) {
        memcpy(&first, bytes, sizeof(first));
        memcpy(&last, bytes + name->size - sizeof(last), sizeof(last));
    } else {
        memcpy(&first, bytes, name->size);
    }
    return ((first * 0x9e3779b1u ^ last) + name->size) * 0x85ebca6bu / (UINT32_MAX / PRINTS + 1);
}

/* No two prints are equal; false says nothing, and is all that is said of escaped or many names. */
static bool have_own_prints(const struct json *json, uint32_t object)
{
    uint64_t seen[PRINTS / 64] = {0};
    unsigned count = 0;
    for (uint32_t name = object + 1; name < json->values[object].next; name = json->values[name + 1].next) {
        uint32_t print = print_of(json, &json->values[name]);
        if (count++ == FEW_NAMES || json->values[name].is_escaped || (seen[print / 64] >> print % 64 & 1))
            return false;
        seen[print / 64] |= 1ull << print % 64;
    }
    return true;
}

bool walk_has_twins(struct walk *walk, enum side side, uint32_t object)
{
    struct json *json = walk->json[side];
    struct json_value *value = &json->values[object];
    if (value->twins == TWINS_UNKNOWN && have_own_prints(json, object))
        value->twins = TWINS_NONE;
    if (value->twins != TWINS_UNKNOWN)
        return value->twins == TWINS_SOME;
    struct name_table table;
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    bool has_twins = name_table_make(&table, walk, side, object);
    scratch_reset(&walk->comparer->scratch, mark);
    value->twins = has_twins ? TWINS_SOME : TWINS_NONE;
    return has_twins;
}
