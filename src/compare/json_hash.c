/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json_walk.h"

#include "base/mem.h"

#include <xxhash.h>

#define PIECE 256

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ull;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ull;
    return value ^ value >> 32;
}

uint64_t json_hash_escaped(struct str escaped, uint64_t seed)
{
    char *unescaped = mem_alloc_raw(escaped.len + 1);
    uint64_t hash = XXH3_64bits_withSeed(unescaped, json_unescape(escaped, unescaped), seed);
    mem_free(unescaped);
    return hash;
}

static uint64_t hash_string(const struct json *json, const struct json_value *value, uint64_t seed)
{
    struct str bytes = json_bytes(json, value);
    char unescaped[PIECE];
    if (!value->is_escaped)
        return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
    if (bytes.len > sizeof(unescaped))
        return json_hash_escaped(bytes, seed);
    return XXH3_64bits_withSeed(unescaped, json_unescape(bytes, unescaped), seed);
}

/* By value: 1, 1.0 and 10e-1 are one. */
static uint64_t hash_number(struct str text, uint64_t seed)
{
    struct json_number number = json_number(text);
    if (number.is_zero)
        return mix(seed + 1);
    if (number.is_odd)
        return XXH3_64bits_withSeed(text.ptr, text.len, seed + 2);
    size_t point = str_find_char(number.digits, '.');
    struct str after = str_slice(number.digits, point + 1, number.digits.len);
    uint64_t hash;
    if (after.len == 0) {
        hash = XXH3_64bits_withSeed(number.digits.ptr, point, seed + 3);
    } else if (number.digits.len <= PIECE) {
        char digits[PIECE];
        memcpy(digits, number.digits.ptr, point);
        memcpy(digits + point, after.ptr, after.len);
        hash = XXH3_64bits_withSeed(digits, point + after.len, seed + 3);
    } else {
        char *digits = mem_alloc_raw(number.digits.len);
        memcpy(digits, number.digits.ptr, point);
        memcpy(digits + point, after.ptr, after.len);
        hash = XXH3_64bits_withSeed(digits, point + after.len, seed + 3);
        mem_free(digits);
    }
    return mix(hash + (uint64_t)number.exponent * 2 + number.is_negative);
}

static uint64_t hash_array(struct walk *walk, enum side side, uint32_t array, const struct spot *spot)
{
    const struct json *json = walk->json[side];
    const struct compare_array *rule = spot->array >= 0 ? &walk->rules->array_rules[spot->array] : NULL;
    uint64_t hash = 4, index = 0;
    for (uint32_t at = array + 1; at < json->values[array].next; at = json->values[at].next) {
        struct spot below;
        uint64_t element = walk_to_element(walk, spot, index++, &below) ? walk_hash(walk, side, at, &below) : 1;
        hash = rule ? hash + mix(element) : mix(hash * 31 + element);
    }
    return hash;
}

static uint64_t hash_object(struct walk *walk, enum side side, uint32_t object, const struct spot *spot)
{
    const struct json *json = walk->json[side];
    struct scratch_mark mark = scratch_mark(&walk->comparer->scratch);
    struct name_table table = {0};
    uint64_t hash = 5;
    if (walk_has_twins(walk, side, object))
        name_table_make(&table, walk, side, object);
    for (uint32_t name = object + 1; name < json->values[object].next; name = json->values[name + 1].next) {
        struct spot below;
        struct scratch_mark inner = scratch_mark(&walk->comparer->scratch);
        if ((!table.slots || name_table_find(&table, json, name) == name) &&
            walk_to_member(walk, spot, side, name, &below))
            hash += mix(hash_string(json, &json->values[name], walk->comparer->seed) ^
                        walk_hash(walk, side, name + 1, &below) * 3);
        scratch_reset(&walk->comparer->scratch, inner);
    }
    scratch_reset(&walk->comparer->scratch, mark);
    return hash;
}

static void begin_hashes(struct json *json)
{
    if (json->hash_capacity < json->count) {
        mem_free(json->hashes);
        json->hashes = mem_alloc_raw(json->count * sizeof(uint64_t));
        json->hash_capacity = json->count;
    }
    memset(json->hashes, 0, json->count * sizeof(uint64_t));
    json->is_hashed = true;
}

uint64_t walk_hash(struct walk *walk, enum side side, uint32_t value, const struct spot *spot)
{
    struct json *json = walk->json[side];
    const struct json_value *it = &json->values[value];
    uint64_t hash = 0, seed = walk->comparer->seed;
    if (!json->is_hashed)
        begin_hashes(json);
    if (json->hashes[value])
        return json->hashes[value];
    switch ((enum json_kind)it->kind) {
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE: hash = seed + it->kind; break;
    case VALUE_NUMBER: hash = hash_number(json_bytes(json, it), seed); break;
    case VALUE_STRING: hash = hash_string(json, it, seed); break;
    case VALUE_ARRAY: hash = hash_array(walk, side, value, spot); break;
    case VALUE_OBJECT: hash = hash_object(walk, side, value, spot); break;
    }
    hash = mix(hash + it->kind * 0x9e3779b97f4a7c15ull);
    json->hashes[value] = hash ? hash : 1;
    return json->hashes[value];
}
