/* SPDX-License-Identifier: Apache-2.0 */
#include "http1_feed.h"

#include "base/assert.h"

typedef enum parse (*find_end)(struct str bytes, size_t *scanned, size_t *len, enum refusal *refusal);

uint64_t feed_hash(uint64_t hash, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (uint8_t)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static enum parse feed_end(find_end find, struct str bytes, size_t step, size_t *len, enum refusal *refusal)
{
    size_t scanned = 0;
    enum parse result = PARSE_MORE;
    for (size_t visible = step; result == PARSE_MORE; visible += step) {
        result = find(str_slice(bytes, 0, visible), &scanned, len, refusal);
        ASSERT(scanned <= visible);
        if (visible >= bytes.len)
            break;
    }
    return result;
}

enum parse feed_head_end(struct str bytes, size_t step, size_t *len, enum refusal *refusal)
{
    return feed_end(http1_find_head_end, bytes, step, len, refusal);
}

enum parse feed_trailers_end(struct str bytes, size_t step, size_t *len, enum refusal *refusal)
{
    return feed_end(http1_find_trailers_end, bytes, step, len, refusal);
}

struct feed_body feed_chunked(struct str bytes, size_t step)
{
    struct chunked chunked = {0};
    struct feed_body body = {.result = PARSE_MORE, .hash = FEED_HASH_START};
    while (body.result == PARSE_MORE && body.used < bytes.len) {
        struct str piece = str_slice(bytes, body.used, body.used + step), data;
        size_t used = 0;
        body.result = http1_chunked(&chunked, piece, &used, &data);
        ASSERT(used <= piece.len);
        ASSERT(body.result != PARSE_MORE || data.len > 0 || used == piece.len);
        feed_check_inside(data, piece);
        body.used += used;
        body.len += data.len;
        body.hash = feed_hash(body.hash, data);
    }
    return body;
}

void feed_check_inside(struct str part, struct str whole)
{
    if (part.len == 0)
        return;
    ASSERT(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

void feed_check_fields(const struct field *fields, uint16_t count, struct str whole)
{
    ASSERT(count <= HEAD_MAX_FIELDS);
    for (uint16_t i = 0; i < count; i++) {
        struct str name = fields[i].name, value = fields[i].value;
        feed_check_inside(name, whole);
        feed_check_inside(value, whole);
        ASSERT(name.len > 0 && fields[i].id == field_id_from_name(name));
        for (size_t at = 0; at < name.len; at++)
            ASSERT(name.ptr[at] > ' ' && name.ptr[at] < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", name.ptr[at]) == NULL);
        for (size_t at = 0; at < value.len; at++)
            ASSERT(value.ptr[at] == '\t' || ((uint8_t)value.ptr[at] >= ' ' && value.ptr[at] != 0x7f));
        ASSERT(str_eq(value, str_trim(value)));
    }
}
