/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_parse.h"

#include "check.h"

#define LENGTH "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void test_the_body_follows_from_status_method_and_fields(void **state)
{
    static const struct {
        const char *bytes;
        enum http_method method;
        enum body_kind body;
        uint64_t length;
        bool is_keep_alive;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n" LENGTH "\r\n", METHOD_GET, BODY_LENGTH, 5, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", METHOD_GET, BODY_NONE, 0, true},
        {"HTTP/1.1 200 OK\r\n" CHUNKED "\r\n", METHOD_GET, BODY_STREAM, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", METHOD_GET, BODY_CLOSE, 0, false},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", METHOD_GET, BODY_CLOSE, 0, false},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n" LENGTH "\r\n", METHOD_GET, BODY_LENGTH, 5, false},
        {"HTTP/1.0 200 OK\r\n" LENGTH "\r\n", METHOD_GET, BODY_LENGTH, 5, false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" LENGTH "\r\n", METHOD_GET, BODY_LENGTH, 5, true},
        {"HTTP/1.0 200 OK\r\n\r\n", METHOD_GET, BODY_CLOSE, 0, false},
        {"HTTP/1.1 200 OK\r\n" LENGTH "\r\n", METHOD_HEAD, BODY_NONE, 5, true},
        {"HTTP/1.1 200 OK\r\n" CHUNKED "\r\n", METHOD_HEAD, BODY_NONE, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", METHOD_HEAD, BODY_NONE, 0, true},
        {"HTTP/1.1 100 Continue\r\n\r\n", METHOD_POST, BODY_NONE, 0, true},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", METHOD_GET, BODY_NONE, 0, true},
        {"HTTP/1.1 204 No Content\r\n" LENGTH "\r\n", METHOD_GET, BODY_NONE, 5, true},
        {"HTTP/1.1 304 Not Modified\r\n" LENGTH "\r\n", METHOD_GET, BODY_NONE, 5, true},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", METHOD_GET, BODY_TUNNEL, 0, true},
        {"HTTP/1.1 200 OK\r\n\r\n", METHOD_CONNECT, BODY_TUNNEL, 0, true},
        {"HTTP/1.1 407 No\r\n" LENGTH "\r\n", METHOD_CONNECT, BODY_LENGTH, 5, true},
        {"HTTP/1.1 999 Odd\r\n" LENGTH "\r\n", METHOD_GET, BODY_LENGTH, 5, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        struct str bytes = str_from_c(rows[i].bytes);
        check_refusal(parse_response(bytes, rows[i].method, &head), REFUSAL_NONE, bytes);
        if (head.body != rows[i].body || head.content_length != rows[i].length ||
            head.is_keep_alive != rows[i].is_keep_alive)
            fail_msg("%s: body %d, length %lu, keep-alive %d", rows[i].bytes, head.body,
                     (unsigned long)head.content_length, head.is_keep_alive);
    }
}

static void test_the_reason_may_be_empty_or_missing(void **state)
{
    static const struct {
        const char *bytes, *reason;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\n\r\n", "Not Found"},
        {"HTTP/1.1 404 \r\n\r\n", ""},
        {"HTTP/1.1 404\r\n\r\n", ""},
        {"HTTP/1.1 404 Nicht\tgefunden \xc3\xa4\r\n\r\n", "Nicht\tgefunden \xc3\xa4"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_response(str_from_c(rows[i].bytes), METHOD_GET, &head), REFUSAL_NONE,
                      str_from_c(rows[i].bytes));
        assert_int_equal(head.status, 404);
        check_str(head.reason, rows[i].reason, rows[i].bytes);
    }
}

static void test_malformed_responses_are_refused(void **state)
{
    static const struct {
        struct str bytes;
        enum refusal refusal;
    } rows[] = {
        {STR_INIT("HTTP/1.1 200 OK\r\n" LENGTH CHUNKED "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\n" CHUNKED LENGTH "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\n" LENGTH "Content-Length: 6\r\n\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\n" LENGTH LENGTH "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 200 OK\r\n" CHUNKED CHUNKED "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.0 200 OK\r\n" CHUNKED "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 204 No Content\r\n" LENGTH CHUNKED "\r\n"), REFUSAL_FRAMING},
        {STR_INIT("HTTP/1.1 20 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 099 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 2000 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 2x0 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1  200 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 +20 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 200 O\0K\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 200 O\rK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("http/1.1 200 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("\r\nHTTP/1.1 200 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("ICY 200 OK\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/2.0 200 OK\r\n\r\n"), REFUSAL_VERSION},
        {STR_INIT("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("HTTP/1.1 200 OK\r\nSet-Cookie: a\nb\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT(""), REFUSAL_SYNTAX},
        {STR_INIT("\r\n\r\n"), REFUSAL_SYNTAX},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_response(rows[i].bytes, METHOD_GET, &head), rows[i].refusal, rows[i].bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_body_follows_from_status_method_and_fields),
        cmocka_unit_test(test_the_reason_may_be_empty_or_missing),
        cmocka_unit_test(test_malformed_responses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
