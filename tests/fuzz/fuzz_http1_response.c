/* SPDX-License-Identifier: Apache-2.0 */
/* A response head; the first byte of the input chooses the method of its request. What is accepted is written again and
 * must read the same. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/http1_format.h"
#include "http1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_round_trip(const struct head *head, enum http_method method)
{
    struct field fields[HEAD_MAX_FIELDS];
    struct head again = {.fields = fields};
    struct http1_framing framing = {0};
    enum refusal refusal;
    size_t bound = http1_head_bound(head);
    char *out = mem_alloc(bound);
    size_t len = http1_format_response(out, head, &framing);
    ASSERT(len <= bound);
    if (head->version == HTTP_1_1) {
        ASSERT(http1_parse_response((struct str){out, len}, method, &again, &refusal) == PARSE_DONE);
        ASSERT(again.status == head->status && again.body == head->body);
        ASSERT(again.content_length == head->content_length && again.field_count == head->field_count);
        ASSERT(again.is_keep_alive == head->is_keep_alive);
    }
    mem_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    enum http_method method = data[0] % METHOD_COUNT;
    struct str bytes = {(const char *)data + 1, len - 1};
    struct field fields[HEAD_MAX_FIELDS];
    struct head head = {.fields = fields};
    enum refusal refusal;
    size_t head_len;
    if (feed_head_end(bytes, bytes.len + 1, &head_len, &refusal) == PARSE_DONE)
        bytes.len = head_len;
    if (http1_parse_response(bytes, method, &head, &refusal) == PARSE_DONE) {
        ASSERT(head.status >= 100 && head.status <= 999);
        ASSERT(head.body != BODY_CLOSE || !head.is_keep_alive);
        feed_check_inside(head.reason, bytes);
        feed_check_fields(fields, head.field_count, bytes);
        check_round_trip(&head, method);
    }
    return 0;
}
