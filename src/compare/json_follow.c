/* SPDX-License-Identifier: Apache-2.0 */
/* Why that is right: at the first byte of a value, what a reader has put on its tape, and which containers are open, follow from the bytes up
 * to that one. Two readers that are in step and read the same bytes from there on, up to and with the first byte of a later value, are in step
 * again, and have put the same on their tapes but for the places in the text. A byte is compared once: the next run begins behind the value at
 * which this one ended. */
#include "compare/json_read.h"
#include "compare/json_scan.h"

static uint32_t begin_of(const struct json_value *value)
{
    return value->at - (value->kind == VALUE_STRING);
}

bool json_is_in_step(const struct json *json, const struct json *model, struct json_stand stand, uint32_t last)
{
    if (last == UINT32_MAX)
        return true;
    if (stand.count >= model->count || stand.open == 0)
        return false;
    uint32_t inner = json->open[stand.open - 1];
    const struct json_value *ours = &json->values[last], *theirs = &model->values[last];
    if (inner == last)
        return ours->kind == theirs->kind && theirs->next > last + 1;
    return theirs->next == ours->next && model->values[inner].next > stand.count;
}

/* Containers that were open and end in front of values[count]. */
static uint32_t close_ended(struct json *json, const struct json *model, struct json_stand stand, uint32_t shift)
{
    uint32_t open = stand.open;
    while (open > 0 && model->values[json->open[open - 1]].next <= stand.count) {
        const struct json_value *theirs = &model->values[json->open[--open]];
        struct json_value *ours = &json->values[json->open[open]];
        ours->size = theirs->at + theirs->size + shift - ours->at;
        ours->next = theirs->next;
    }
    return open;
}

/* Those that begin at or behind values[first] and do not. */
static uint32_t open_begun(struct json *json, uint32_t first, struct json_stand stand)
{
    uint32_t open = stand.open;
    for (uint32_t i = first; i < stand.count;) {
        struct json_value *value = &json->values[i];
        if (value->next <= stand.count) {
            i = value->next;
            continue;
        }
        value->is_same = false;
        json->open[open++] = i++;
    }
    return open;
}

static inline void take_over(struct json_value *value, const struct json_value *from, uint32_t shift)
{
    *value = *from;
    value->at = from->at + shift;
    value->twins = TWINS_UNKNOWN;
    value->is_same = true;
}

/* Of a value or name inside of a container. */
static bool is_name(const struct json *json, uint32_t index)
{
    struct str text = json_text(json, index);
    const char *behind = text.ptr + text.len;
    while (*behind == ' ' || *behind == '\n' || *behind == '\r' || *behind == '\t')
        behind++;
    return *behind == ':';
}

struct json_stand json_follow(struct json *json, const struct json *model, struct json_stand stand, const char *end)
{
    const struct json_value *from = model->values, *root = &model->values[0];
    uint32_t first = stand.count, begin = begin_of(&from[first]);
    size_t ours = (size_t)(end - stand.at), theirs = begin_of(root) + json_text(model, 0).len - begin;
    size_t most = ours < theirs ? ours : theirs;
    uint32_t limit = begin + (uint32_t)scan_same(stand.at, model->text + begin, most);
    uint32_t shift = (uint32_t)(stand.at - json->text) - begin; /* counts around where it is less */
    json_reserve(json, model->count);
    while (stand.count + 1 < model->count && begin_of(&from[stand.count + 1]) < limit) {
        take_over(&json->values[stand.count], &from[stand.count], shift);
        stand.count++;
    }
    if (stand.count == first)
        return stand;
    stand.at = json->text + (uint32_t)(begin_of(&from[stand.count]) + shift);
    stand.open = close_ended(json, model, stand, shift);
    stand.open = open_begun(json, first, stand);
    stand.is_at_name = is_name(model, stand.count);
    return stand;
}
