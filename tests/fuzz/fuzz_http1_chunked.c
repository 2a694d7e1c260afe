/* SPDX-License-Identifier: Apache-2.0 */
/* A chunked body with its trailers, whole and in pieces; the first byte of the input is the size of the pieces. */
#include "base/assert.h"
#include "http1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_trailers(struct str bytes, size_t step)
{
    size_t whole_len = 0, pieces_len = 0;
    enum refusal whole_refusal, pieces_refusal;
    enum parse whole = feed_trailers_end(bytes, bytes.len + 1, &whole_len, &whole_refusal);
    enum parse pieces = feed_trailers_end(bytes, step, &pieces_len, &pieces_refusal);
    ASSERT(whole == pieces && whole_len == pieces_len);

    struct field fields[HEAD_MAX_FIELDS];
    uint16_t count;
    if (whole == PARSE_DONE)
        bytes.len = whole_len;
    if (http1_parse_trailers(bytes, fields, &count, &whole_refusal) != PARSE_DONE)
        return;
    feed_check_fields(fields, count, bytes);
    for (uint16_t i = 0; i < count; i++)
        ASSERT(!field_is_forbidden_in_trailers(fields[i].id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    struct str bytes = {(const char *)data + 1, len - 1};
    size_t step = (size_t)data[0] % 40 + 1;
    struct feed_body whole = feed_chunked(bytes, bytes.len + 1);
    struct feed_body pieces = feed_chunked(bytes, step);
    ASSERT(whole.result == pieces.result && whole.used == pieces.used);
    ASSERT(whole.len == pieces.len && whole.hash == pieces.hash);
    if (whole.result == PARSE_DONE)
        check_trailers(str_slice(bytes, whole.used, bytes.len), step);
    return 0;
}
