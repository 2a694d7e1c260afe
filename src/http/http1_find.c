/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_parse.h"
#include "http/http1_scan.h"

#define MAX_EMPTY_LINES 2

/* What a request line that fits can have besides its target. */
#define LINE_SLACK 64

/* Empty lines in front of a head; `at` starts a line, and all before it is whole lines. */
static bool is_leading(struct str bytes, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (bytes.ptr[i] != '\r' && bytes.ptr[i] != '\n')
            return false;
    }
    return true;
}

/* Over the limit: because of the target alone, or of all together. */
static enum refusal too_large(struct str bytes)
{
    const char *at = bytes.ptr, *end = at + bytes.len;
    while (at < end && (*at == '\r' || *at == '\n'))
        at++;
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    bool is_line_too_long = line_end == NULL || line_end - at > HEAD_MAX_TARGET + LINE_SLACK;
    return is_line_too_long ? REFUSAL_URI_SIZE : REFUSAL_HEADER_SIZE;
}

/* Looks for the empty line; up to `max_empty` more of them may stand in front. */
static enum parse find_end(struct str bytes, size_t max_empty, size_t *scanned, size_t *len, enum refusal *refusal)
{
    const char *begin = bytes.ptr, *at = begin + *scanned;
    const char *end = begin + (bytes.len < HEAD_MAX_BYTES ? bytes.len : HEAD_MAX_BYTES);
    *refusal = REFUSAL_SYNTAX;
    while (at < end) {
        if (at > begin)
            at = scan_break(begin, at, end);
        else if (!scan_is_break('\n', *at))
            at = scan_break(begin, at + 1, end);
        if (at == end || (*at == '\r' && at + 1 == end))
            break;
        /* Nothing but the empty line may stop the scan. */
        if (at[0] != '\r' || at[1] != '\n' || (at > begin && at[-1] != '\n'))
            return PARSE_BAD;
        size_t offset = (size_t)(at - begin);
        if (offset > 2 * max_empty || !is_leading(bytes, offset) || max_empty == 0) {
            *len = offset + 2;
            *refusal = REFUSAL_NONE;
            return PARSE_DONE;
        }
        if (offset == 2 * max_empty)
            return PARSE_BAD;
        at += 2;
    }
    *scanned = (size_t)(at - begin);
    if (bytes.len < HEAD_MAX_BYTES) {
        *refusal = REFUSAL_NONE;
        return PARSE_MORE;
    }
    *refusal = too_large(bytes);
    return PARSE_BAD;
}

enum parse http1_find_head_end(struct str bytes, size_t *scanned, size_t *head_len, enum refusal *refusal)
{
    return find_end(bytes, MAX_EMPTY_LINES, scanned, head_len, refusal);
}

enum parse http1_find_trailers_end(struct str bytes, size_t *scanned, size_t *len, enum refusal *refusal)
{
    enum parse found = find_end(bytes, 0, scanned, len, refusal);
    if (*refusal == REFUSAL_URI_SIZE)
        *refusal = REFUSAL_HEADER_SIZE; /* there is no request line here */
    return found;
}
