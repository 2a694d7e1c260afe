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

static uint32_t end_of(const struct json *json)
{
    const struct json_value *root = &json->values[0];
    return root->at + root->size + (root->kind == VALUE_STRING);
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

/* An entry as four numbers that are copied and changed at once. */
typedef uint32_t entry_words __attribute__((vector_size(16)));
_Static_assert(sizeof(struct json_value) == sizeof(entry_words), "an entry is 16 bytes");

union entry_bytes {
    unsigned char bytes[sizeof(entry_words)];
    entry_words words;
};

/* values[from..until) are the model's, in another place, the same, and what is known of their names is not known yet. */
static void take_over(struct json *json, const struct json *model, uint32_t from, uint32_t until, uint32_t shift)
{
    union entry_bytes forget = {.words = {0}}, same = {.words = {0}};
    forget.bytes[offsetof(struct json_value, is_same)] = forget.bytes[offsetof(struct json_value, twins)] = 0xff;
    same.bytes[offsetof(struct json_value, is_same)] = true;
    const entry_words moved = {shift, 0, 0, 0};
    for (uint32_t i = from; i < until; i++) {
        entry_words words;
        memcpy(&words, &model->values[i], sizeof(words));
        words = ((words + moved) & ~forget.words) | same.words;
        memcpy(&json->values[i], &words, sizeof(words));
    }
}

/* The last entry that begins in front of `limit`, from `first` on, which does or is the answer anyhow; behind all of them when the limit is the
 * end and more digits can't follow. */
static uint32_t last_before(const struct json *model, uint32_t first, uint32_t limit)
{
    const struct json_value *values = model->values;
    if (limit == end_of(model) && values[0].kind != VALUE_NUMBER)
        return model->count;
    uint32_t next = first + 1;
    while (next < model->count && values[next].at < limit)
        next++;
    if (next < model->count && begin_of(&values[next]) < limit)
        next++;
    return next - 1;
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
    const struct json_value *from = model->values;
    uint32_t first = stand.count, begin = begin_of(&from[first]);
    size_t ours = (size_t)(end - stand.at), theirs = end_of(model) - begin;
    size_t most = ours < theirs ? ours : theirs;
    uint32_t limit = begin + (uint32_t)scan_same(stand.at, model->text + begin, most);
    uint32_t shift = (uint32_t)(stand.at - json->text) - begin; /* counts around where it is less */
    json_reserve(json, model->count);
    stand.count = last_before(model, first, limit);
    take_over(json, model, first, stand.count, shift);
    if (stand.count == first)
        return stand;
    bool is_all = stand.count == model->count;
    stand.at = json->text + (uint32_t)((is_all ? end_of(model) : begin_of(&from[stand.count])) + shift);
    stand.open = close_ended(json, model, stand, shift);
    stand.open = open_begun(json, first, stand);
    stand.is_at_name = !is_all && is_name(model, stand.count);
    return stand;
}
