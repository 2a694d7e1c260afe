/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that two parsers in a row could cut at different places: every known trick is refused, none is repaired. */
#include "http/http1_parse.h"

#include "check.h"

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static void test_ambiguous_framing_is_refused(void **state)
{
    static const struct str rows[] = {
        /* both framings */
        STR_INIT(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        /* lengths */
        STR_INIT(POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4\r\ncontent-length: 0\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4, 4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4,5\r\n\r\n"),
        STR_INIT(POST "Content-Length: +4\r\n\r\n"),
        STR_INIT(POST "Content-Length: -4\r\n\r\n"),
        STR_INIT(POST "Content-Length: -0\r\n\r\n"),
        STR_INIT(POST "Content-Length: 0x4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4 4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4\t4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4.0\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4e0\r\n\r\n"),
        STR_INIT(POST "Content-Length: \"4\"\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4;\r\n\r\n"),
        STR_INIT(POST "Content-Length:\r\n\r\n"),
        STR_INIT(POST "Content-Length: \xc2\xb2\r\n\r\n"),
        STR_INIT(POST "Content-Length: 9223372036854775808\r\n\r\n"),
        STR_INIT(POST "Content-Length: 18446744073709551616\r\n\r\n"),
        STR_INIT(POST "Content-Length: 99999999999999999999999999\r\n\r\n"),
        /* codings */
        STR_INIT(POST "Transfer-Encoding: identity\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: gzip\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: xchunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunkedx\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked;\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: ,chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked,\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chun ked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: c\xc4\xb7unked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding:\r\n\r\n"),
        /* HTTP/1.0 has no codings */
        STR_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"),
        /* CONNECT has no body */
        STR_INIT("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 4\r\n\r\n"),
        STR_INIT("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        /* also where most requests have no body */
        STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_request(rows[i], &head), REFUSAL_FRAMING, rows[i]);
    }
}

static void test_hidden_framing_fields_are_refused(void **state)
{
    static const struct str rows[] = {
        STR_INIT(POST "Transfer-Encoding : chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding\t: chunked\r\n\r\n"),
        STR_INIT(POST " Transfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "\tTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"),
        STR_INIT(POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "X: y\rTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "X: y\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "X: y\r\rTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "\rTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "\nTransfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: \x0b"
                      "chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\x0c\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\0\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding\0: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding: chunked\r\r\n\r\n"),
        STR_INIT(POST "\x00Transfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Content-Length\r: 4\r\n\r\n"),
        STR_INIT(POST "Content-Length: 4\r\nTransfer Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encoding;: chunked\r\n\r\n"),
        STR_INIT(POST "Content-Length\xa0: 4\r\n\r\n"),
        STR_INIT("POST / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n"),
        STR_INIT("POST / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n"),
        STR_INIT("POST / HTTP/1.1\rHost: a\r\n\r\n"),
        STR_INIT("POST / HTTP/1.1\r\nHost: a\r\n\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_request(rows[i], &head), REFUSAL_SYNTAX, rows[i]);
    }
}

/* Names that look like framing but are other fields: passed on, never acted on. */
static void test_names_that_only_resemble_framing_do_not_frame(void **state)
{
    static const struct str rows[] = {
        STR_INIT(POST "Transfer_Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Transfer-Encodings: chunked\r\n\r\n"),
        STR_INIT(POST "X-Transfer-Encoding: chunked\r\n\r\n"),
        STR_INIT(POST "Content_Length: 4\r\n\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_request(rows[i], &head), REFUSAL_NONE, rows[i]);
        assert_int_equal(head.body, BODY_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ambiguous_framing_is_refused),
        cmocka_unit_test(test_hidden_framing_fields_are_refused),
        cmocka_unit_test(test_names_that_only_resemble_framing_do_not_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
