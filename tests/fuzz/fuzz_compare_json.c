/* SPDX-License-Identifier: Apache-2.0 */
/* Two JSON documents, parted by a byte that is in none (FF), beside jansson: both take the same texts, and find the same documents equal. Known
 * to be otherwise: numbers that jansson can't hold, which are compared here as decimals; NUL in names, which it refuses, and as a byte, which it skips after a number. */
#include "base/assert.h"
#include "compare/compare.h"
#include "compare/json.h"
#include "http/grpc.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define DEPTH 200

/* All numbers are integers of up to 18 digits. */
static bool is_plain(const struct json *json)
{
    for (uint32_t i = 0; i < json->count; i++) {
        struct str text = json_bytes(json, &json->values[i]);
        if (json->values[i].kind != VALUE_NUMBER)
            continue;
        if (text.len > 18 || memchr(text.ptr, '.', text.len) || memchr(text.ptr, 'e', text.len) ||
            memchr(text.ptr, 'E', text.len))
            return false;
    }
    return true;
}

static bool has_nul(struct str text)
{
    return text.len > 0 && memmem(text.ptr, text.len, "\\u0000", 6) != NULL;
}

/* Reads both ways; NULL: it is no JSON, or jansson can't say. */
static json_t *read_both(struct json *json, struct str text, bool *can_tell)
{
    json_error_t error;
    enum json_result result = json_parse(json, text, 100000);
    json_t *theirs = json_loadb(text.len ? text.ptr : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (result == JSON_TOO_DEEP || result == JSON_TOO_MANY) {
        *can_tell = false;
    } else if (result == JSON_INVALID) {
        ASSERT(!theirs || memchr(text.ptr, '\0', text.len));
        *can_tell = false;
    } else {
        ASSERT(theirs || !is_plain(json) || has_nul(text));
        *can_tell = *can_tell && theirs && is_plain(json);
    }
    return theirs;
}

/* Of each value the text is a document of its own. */
static void check_tape(const struct json *json)
{
    for (uint32_t i = 0; i < json->count; i++) {
        struct str text = json_text(json, i);
        ASSERT(text.len > 0 && json->values[i].next > i && json->values[i].next <= json->count);
    }
    ASSERT(json->count == 0 || json->values[0].next == json->count);
}

/* Read with a model or without, the tape is the same. */
static void check_like(const struct json *model, const struct json *json, struct json *like, struct str text)
{
    ASSERT(json_parse_like(like, text, 100000, model) == JSON_OK && like->count == json->count);
    for (uint32_t i = 0; i < json->count; i++) {
        const struct json_value *a = &json->values[i], *b = &like->values[i];
        ASSERT(a->at == b->at && a->size == b->size && a->next == b->next && a->kind == b->kind);
        ASSERT(a->is_escaped == b->is_escaped && b->twins == TWINS_UNKNOWN);
        ASSERT(!b->is_same || (b->next == model->values[i].next && str_eq(json_text(like, i), json_text(model, i))));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct json ours[2], like;
    static struct comparer *comparer;
    if (!comparer) {
        struct compare_limits limits = compare_limits_default;
        limits.depth = DEPTH;
        comparer = comparer_new(&limits);
        json_init(&ours[0], DEPTH);
        json_init(&ours[1], DEPTH);
        json_init(&like, DEPTH);
    }
    struct str all = {(const char *)data, len};
    size_t middle = str_find_char(all, '\xff');
    struct str texts[2] = {str_slice(all, 0, middle), str_slice(all, middle + 1, len)};
    bool can_tell = true;
    json_t *live = read_both(&ours[0], texts[0], &can_tell), *other = read_both(&ours[1], texts[1], &can_tell);
    if (live && other && can_tell) {
        check_tape(&ours[0]);
        check_tape(&ours[1]);
        check_like(&ours[0], &ours[1], &like, texts[1]);
        struct field type = {STR("content-type"), STR("application/json"), FIELD_OTHER};
        struct answer a = {.status = 200, .grpc_status = GRPC_NONE, .fields = &type, .field_count = 1};
        struct answer b = a;
        a.body = texts[0];
        b.body = texts[1];
        a.body_hash = 1;
        b.body_hash = 2;
        struct differences differences;
        compare_answers(comparer, NULL, &a, &b, &differences);
        ASSERT((differences.body == BODY_SAME) == json_equal(live, other));
    }
    json_decref(live);
    json_decref(other);
    return 0;
}
