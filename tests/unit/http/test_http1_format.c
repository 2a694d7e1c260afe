/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_format.h"

#include "check.h"

static struct field fields[HEAD_MAX_FIELDS];

/* A head with two fields, room for more. */
static struct head request(void)
{
    struct head head = {.method = STR("PUT"), .target = STR("/a%2f?b"), .fields = fields};
    head_add(&head, FIELD_HOST, STR("hOST"), STR("a"));
    head_add(&head, FIELD_OTHER, STR("X-Empty"), STR(""));
    return head;
}

static void check_request(const struct head *head, struct http1_framing framing, const char *want)
{
    char out[2048];
    size_t bound = http1_head_bound(head);
    assert_in_range(bound, 1, sizeof(out));
    size_t len = http1_format_request(out, head, &framing);
    assert_in_range(len, 1, bound);
    check_str((struct str){out, len}, want, "request");
}

static void test_a_request_keeps_target_order_and_spelling(void **state)
{
    struct head head = request();
    (void)state;
    check_request(&head, (struct http1_framing){0}, "PUT /a%2f?b HTTP/1.1\r\nhOST: a\r\nX-Empty: \r\n\r\n");
}

static void test_framing_fields_stand_at_the_end(void **state)
{
#define FRONT "PUT /a%2f?b HTTP/1.1\r\nhOST: a\r\nX-Empty: \r\n"
    static const struct {
        struct http1_framing framing;
        const char *want;
    } rows[] = {
        {{.is_chunked = true}, FRONT "Transfer-Encoding: chunked\r\n\r\n"},
        {{.has_length = true}, FRONT "Content-Length: 18446744073709551615\r\n\r\n"},
        {{.is_close = true}, FRONT "Connection: close\r\n\r\n"},
        {{.is_keep_alive_1_0 = true}, FRONT "Connection: keep-alive\r\n\r\n"},
        {{.upgrade = STR_INIT("websocket")}, FRONT "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = request();
        head.content_length = UINT64_MAX;
        check_request(&head, rows[i].framing, rows[i].want);
    }
}

static void test_a_length_is_written_once_and_never_beside_chunked(void **state)
{
    struct head head = request();
    (void)state;
    head.content_length = 5;
    head_add(&head, FIELD_CONTENT_LENGTH, STR("content-length"), STR("5"));
    check_request(&head, (struct http1_framing){.has_length = true}, FRONT "content-length: 5\r\n\r\n");
    check_request(&head, (struct http1_framing){.has_length = true, .is_chunked = true},
                  FRONT "Transfer-Encoding: chunked\r\n\r\n");
}

static void test_an_upgrade_within_the_limit_fits_the_bound_and_a_longer_one_is_left_out(void **state)
{
    static char name[HTTP1_UPGRADE_MAX + 1];
    struct head head = request();
    char out[2048];
    (void)state;
    memset(name, 'x', sizeof(name));
    struct http1_framing framing = {.is_chunked = true,
                                    .has_length = true,
                                    .is_close = true,
                                    .is_keep_alive_1_0 = true,
                                    .upgrade = {name, HTTP1_UPGRADE_MAX}};
    assert_true(http1_format_request(out, &head, &framing) <= http1_head_bound(&head));
    framing = (struct http1_framing){.upgrade = {name, sizeof(name)}};
    check_request(&head, framing, FRONT "\r\n");
#undef FRONT
}

static void test_a_response_keeps_its_reason_or_gets_the_standard_one(void **state)
{
    static const struct {
        uint16_t status;
        struct str reason;
        const char *want;
    } rows[] = {
        {200, STR_INIT("Fine"), "HTTP/1.1 200 Fine\r\n\r\n"},
        {404, STR_INIT(""), "HTTP/1.1 404 Not Found\r\n\r\n"},
        {599, STR_INIT(""), "HTTP/1.1 599 \r\n\r\n"},
        {999, STR_INIT(""), "HTTP/1.1 999 \r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[1024];
        struct head head = {.status = rows[i].status, .reason = rows[i].reason};
        struct http1_framing framing = {0};
        size_t len = http1_format_response(out, &head, &framing);
        check_str((struct str){out, len}, rows[i].want, "response");
        assert_true(len <= http1_head_bound(&head));
    }
}

static void test_chunk_sizes_are_lower_case_hex(void **state)
{
    static const struct {
        size_t len;
        const char *want;
    } rows[] = {
        {0, "0\r\n"}, {9, "9\r\n"}, {16, "10\r\n"}, {500, "1f4\r\n"}, {SIZE_MAX, "ffffffffffffffff\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[20];
        check_str((struct str){out, http1_format_chunk_size(out, rows[i].len)}, rows[i].want, "chunk size");
    }
}

static void test_what_is_written_reads_the_same(void **state)
{
    static const char bytes[] =
        "POST /a?b HTTP/1.1\r\nHost: a\r\nX-a: 1\r\nx-A: caf\xc3\xa9\r\nContent-Length: 7\r\n\r\n";
    char out[2048];
    struct head head;
    (void)state;
    assert_int_equal(parse_request(str_from_c(bytes), &head), REFUSAL_NONE);
    size_t len = http1_format_request(out, &head, &(struct http1_framing){.has_length = true});
    check_str((struct str){out, len}, bytes, "round trip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_keeps_target_order_and_spelling),
        cmocka_unit_test(test_framing_fields_stand_at_the_end),
        cmocka_unit_test(test_a_length_is_written_once_and_never_beside_chunked),
        cmocka_unit_test(test_an_upgrade_within_the_limit_fits_the_bound_and_a_longer_one_is_left_out),
        cmocka_unit_test(test_a_response_keeps_its_reason_or_gets_the_standard_one),
        cmocka_unit_test(test_chunk_sizes_are_lower_case_hex),
        cmocka_unit_test(test_what_is_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
