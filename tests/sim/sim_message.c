/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_message.h"

#include "base/mem.h"

bool message_head_len(struct str bytes, size_t *len)
{
    size_t scanned = 0;
    enum refusal refusal;
    return http1_find_head_end(bytes, &scanned, len, &refusal) == PARSE_DONE;
}

size_t message_trailers_len(struct str bytes)
{
    size_t scanned = 0, len;
    enum refusal refusal;
    return http1_find_trailers_end(bytes, &scanned, &len, &refusal) == PARSE_DONE ? len : bytes.len;
}

bool message_unchunk(struct str bytes, char *data, size_t *len, size_t *used)
{
    struct chunked state = {0};
    enum refusal refusal;
    enum parse result = PARSE_MORE;
    *len = *used = 0;
    while (result == PARSE_MORE && *used < bytes.len) {
        struct str part;
        size_t n;
        result = http1_chunked(&state, str_slice(bytes, *used, bytes.len), &n, &part);
        if (result == PARSE_BAD)
            return false;
        if (part.len)
            memcpy(data + *len, part.ptr, part.len);
        *len += part.len;
        *used += n;
    }
    size_t scanned = 0, trailers;
    if (result != PARSE_DONE ||
        http1_find_trailers_end(str_slice(bytes, *used, bytes.len), &scanned, &trailers, &refusal) != PARSE_DONE)
        return false;
    *used += trailers;
    return true;
}

bool message_request_len(struct str bytes, size_t *len)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    size_t body_len = 0, data_len;
    if (!message_head_len(bytes, len) || http1_parse_request(str_slice(bytes, 0, *len), &head, &refusal) != PARSE_DONE)
        return false;
    struct str rest = str_slice(bytes, *len, bytes.len);
    if (head.body == BODY_LENGTH)
        body_len = head.content_length;
    if (head.body == BODY_STREAM) {
        char *data = mem_alloc_raw(rest.len + 1);
        bool is_whole = message_unchunk(rest, data, &data_len, &body_len);
        mem_free(data);
        if (!is_whole)
            return false;
    }
    *len += body_len;
    return *len <= bytes.len;
}
