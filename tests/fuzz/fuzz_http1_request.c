/* SPDX-License-Identifier: Apache-2.0 */
/* A request head, whole and in pieces; what is accepted is written again and must read the same. The first byte of the
 * input is the size of the pieces. */
#include "base/arena.h"
#include "base/assert.h"
#include "http/http1_format.h"
#include "http1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_same(const struct head *a, const struct head *b)
{
    ASSERT(a->method_id == b->method_id && a->field_count == b->field_count);
    ASSERT(a->body == b->body && a->content_length == b->content_length);
    ASSERT(str_eq(a->method, b->method) && str_eq(a->target, b->target) && str_eq(a->path, b->path));
    ASSERT(str_eq(a->query, b->query) && (a->query.ptr == NULL) == (b->query.ptr == NULL));
    ASSERT(str_eq(a->authority, b->authority));
    for (uint16_t i = 0; i < a->field_count; i++) {
        ASSERT(a->fields[i].id == b->fields[i].id && str_eq(a->fields[i].name, b->fields[i].name));
        ASSERT(str_eq(a->fields[i].value, b->fields[i].value));
    }
}

static void check_round_trip(const struct head *head)
{
    struct arena arena;
    struct head copy, again;
    struct field fields[HEAD_MAX_FIELDS];
    struct http1_framing framing = {0};
    enum refusal refusal;
    again.fields = fields;
    arena_init(&arena, NULL, 0);
    head_copy(&copy, head, &arena, 1);
    check_same(&copy, head);

    size_t bound = http1_head_bound(&copy);
    char *out = arena_alloc(&arena, bound);
    size_t len = http1_format_request(out, &copy, &framing);
    ASSERT(len <= bound);
    /* Written as HTTP/1.1, which must have a Host. */
    if (head->version == HTTP_1_1) {
        ASSERT(http1_parse_request((struct str){out, len}, &again, &refusal) == PARSE_DONE);
        check_same(&again, head);
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    struct str bytes = {(const char *)data + 1, len - 1};
    size_t whole_len = 0, pieces_len = 0;
    enum refusal whole_refusal, pieces_refusal;
    enum parse whole = feed_head_end(bytes, bytes.len + 1, &whole_len, &whole_refusal);
    enum parse pieces = feed_head_end(bytes, (size_t)data[0] % 40 + 1, &pieces_len, &pieces_refusal);
    ASSERT(whole == pieces && whole_len == pieces_len);

    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    if (whole == PARSE_DONE)
        bytes.len = whole_len;
    enum parse parsed = http1_parse_request(bytes, &head, &whole_refusal);
    ASSERT(parsed == (whole_refusal == REFUSAL_NONE ? PARSE_DONE : PARSE_BAD));
    if (parsed == PARSE_DONE) {
        ASSERT(whole == PARSE_DONE);
        feed_check_fields(fields, head.field_count, bytes);
        feed_check_inside(head.target, bytes);
        check_round_trip(&head);
    }
    return 0;
}
