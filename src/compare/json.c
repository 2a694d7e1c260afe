/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json.h"

#include "base/mem.h"
#include "compare/json_read.h"

#define KEPT_VALUES 32768u /* 512 KiB */

void json_init(struct json *json, unsigned depth)
{
    *json = (struct json){.depth = depth, .open = mem_alloc_raw(depth * sizeof(uint32_t))};
}

void json_deinit(struct json *json)
{
    mem_free(json->values);
    mem_free(json->open);
    mem_free(json->hashes);
}

void json_trim(struct json *json)
{
    json->count = 0;
    if (json->hash_capacity > KEPT_VALUES) {
        mem_free(json->hashes);
        json->hashes = NULL;
        json->hash_capacity = 0;
    }
    if (json->capacity > KEPT_VALUES) {
        mem_free(json->values);
        json->values = NULL;
        json->capacity = 0;
    }
}

void json_reserve(struct json *json, uint32_t count)
{
    if (json->capacity >= count)
        return;
    uint32_t capacity = json->capacity ? json->capacity : 256;
    while (capacity < count)
        capacity *= 2;
    json->values = mem_grow(json->values, capacity * sizeof(*json->values));
    json->capacity = capacity;
}

struct str json_text(const struct json *json, uint32_t index)
{
    const struct json_value *value = &json->values[index];
    unsigned quote = value->kind == VALUE_STRING;
    return (struct str){json->text + value->at - quote, value->size + 2 * quote};
}
