/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-formed request head means, and under which name a malformed one is refused. */
#include "http/http1_parse.h"

#include "check.h"

#include <stdio.h>

#define HOST "Host: a.example\r\n"

static void test_target_forms_give_path_query_and_authority(void **state)
{
    static const struct {
        const char *bytes, *target, *path, *query, *authority;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", "/", "/", NULL, "a:80"},
        {"GET /a/b?c=d&e HTTP/1.1\r\n" HOST "\r\n", "/a/b?c=d&e", "/a/b", "c=d&e", "a.example"},
        {"GET /a?b?c HTTP/1.1\r\n" HOST "\r\n", "/a?b?c", "/a", "b?c", "a.example"},
        {"GET /? HTTP/1.1\r\n" HOST "\r\n", "/?", "/", "", "a.example"},
        {"GET //a//%2F/../b HTTP/1.1\r\n" HOST "\r\n", "//a//%2F/../b", "//a//%2F/../b", NULL, "a.example"},
        {"GET http://b.example/p?q HTTP/1.1\r\n" HOST "\r\n", "http://b.example/p?q", "/p", "q", "b.example"},
        {"GET HTTPS://b.example:444 HTTP/1.1\r\n" HOST "\r\n", "HTTPS://b.example:444", "/", NULL, "b.example:444"},
        {"GET http://b?q HTTP/1.1\r\n" HOST "\r\n", "http://b?q", "/", "q", "b"},
        {"GET http://[::1]:8080/ HTTP/1.1\r\n" HOST "\r\n", "http://[::1]:8080/", "/", NULL, "[::1]:8080"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "*", "*", NULL, "a.example"},
        {"CONNECT b.example:443 HTTP/1.1\r\n" HOST "\r\n", "b.example:443", "", NULL, "b.example:443"},
        {"CONNECT b.example:443 HTTP/1.1\r\nHost:\r\n\r\n", "b.example:443", "", NULL, "b.example:443"},
        {"GET /old HTTP/1.0\r\n\r\n", "/old", "/old", NULL, ""},
        {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "/", "/", NULL, "a.example"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_request(str_from_c(rows[i].bytes), &head), REFUSAL_NONE, str_from_c(rows[i].bytes));
        check_str(head.target, rows[i].target, rows[i].bytes);
        check_str(head.path, rows[i].path, rows[i].bytes);
        check_str(head.authority, rows[i].authority, rows[i].bytes);
        assert_int_equal(head.query.ptr != NULL, rows[i].query != NULL);
        if (rows[i].query)
            check_str(head.query, rows[i].query, rows[i].bytes);
    }
}

static void test_fields_keep_order_case_duplicates_and_bytes(void **state)
{
    struct head head;
    (void)state;
    assert_int_equal(parse_request(STR("GET / HTTP/1.1\r\n" HOST "X-a:1\r\nx-A: \t two \t words \t\r\nEmpty:\r\n"
                                       "Blank:   \r\n!#$%&'*+-.^_`|~09: caf\xc3\xa9\r\n"
                                       "A-very-long-field-name-of-more-than-two-blocks: v\r\n\r\n"),
                                   &head),
                     REFUSAL_NONE);
    assert_int_equal(head.field_count, 7);
    check_str(head.fields[1].name, "X-a", "case");
    check_str(head.fields[1].value, "1", "no blank");
    check_str(head.fields[2].name, "x-A", "case");
    check_str(head.fields[2].value, "two \t words", "inner blanks");
    check_str(head.fields[3].value, "", "empty");
    check_str(head.fields[4].value, "", "blank");
    check_str(head.fields[5].name, "!#$%&'*+-.^_`|~09", "all tchars");
    check_str(head.fields[5].value, "caf\xc3\xa9", "obs-text");
    check_str(head.fields[6].name, "A-very-long-field-name-of-more-than-two-blocks", "long name");
    assert_int_equal(head.fields[0].id, FIELD_HOST);
    assert_int_equal(head.fields[1].id, FIELD_OTHER);
}

static void test_framing_and_connection_follow_rfc_9112(void **state)
{
    static const struct {
        const char *bytes;
        enum body_kind body;
        uint64_t length;
        bool is_keep_alive, has_expect, has_upgrade;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", BODY_NONE, 0, true, false, false},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"POST / HTTP/1.1\r\n" HOST "content-length: 0042\r\n\r\n", BODY_LENGTH, 42, true, false, false},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\n", BODY_LENGTH, INT64_MAX, true, false,
         false},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n", BODY_STREAM, 0, true, false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n", BODY_NONE, 0, false, false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: x, close ,y\r\n\r\n", BODY_NONE, 0, false, false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", BODY_NONE, 0, false, false,
         false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"GET / HTTP/1.0\r\n\r\n", BODY_NONE, 0, false, false, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", BODY_LENGTH, 3, false, false, false},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n", BODY_LENGTH, 3, true, true,
         false},
        {"GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", BODY_NONE, 0, true, false,
         true},
        {"GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\n\r\n", BODY_NONE, 0, true, false, false},
        {"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", BODY_NONE, 0, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        struct str bytes = str_from_c(rows[i].bytes);
        check_refusal(parse_request(bytes, &head), REFUSAL_NONE, bytes);
        if (head.body != rows[i].body || head.content_length != rows[i].length ||
            head.is_keep_alive != rows[i].is_keep_alive || head.has_expect_continue != rows[i].has_expect ||
            head.has_upgrade != rows[i].has_upgrade)
            fail_msg("%s: body %d, length %lu, keep-alive %d, expect %d, upgrade %d", rows[i].bytes, head.body,
                     (unsigned long)head.content_length, head.is_keep_alive, head.has_expect_continue,
                     head.has_upgrade);
    }
}

static void test_malformed_requests_are_refused_by_name(void **state)
{
    static const struct {
        struct str bytes;
        enum refusal refusal;
    } rows[] = {
        /* request line */
        {STR_INIT("GET /\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT(" GET / HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET  / HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET /  HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1 \r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET /a b HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("G(T / HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / http/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.10\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1,1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTPS/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/0.9\r\n" HOST "\r\n"), REFUSAL_VERSION},
        {STR_INIT("GET / HTTP/1.2\r\n" HOST "\r\n"), REFUSAL_VERSION},
        {STR_INIT("GET / HTTP/3.0\r\n" HOST "\r\n"), REFUSAL_VERSION},
        {STR_INIT("PRI * HTTP/2.0\r\n\r\n"), REFUSAL_VERSION},
        /* target */
        {STR_INIT("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET /a\tb HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET /a\x01 HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET /a\x7f HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET a/b HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET * HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("GET http://a:99999/ HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("CONNECT a HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("CONNECT a: HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("CONNECT / HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        {STR_INIT("CONNECT http://a:1/ HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_TARGET},
        /* Host */
        {STR_INIT("GET / HTTP/1.1\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET / HTTP/1.1\r\nHost: caf\xc3\xa9\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET http://a/ HTTP/1.1\r\n\r\n"), REFUSAL_HOST},
        {STR_INIT("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"), REFUSAL_HOST},
        /* fields */
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A : c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A\t: c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST ": c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc: d\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n " HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A(: c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "caf\xc3\xa9: c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\r\n" HOST "A: b\nc: d\r\n\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("GET / HTTP/1.1\n" HOST "\r\n"), REFUSAL_SYNTAX},
        {STR_INIT("\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"), REFUSAL_SYNTAX},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        check_refusal(parse_request(rows[i].bytes, &head), rows[i].refusal, rows[i].bytes);
    }
}

/* Fills `bytes` with a request of one target and `fields` fields; returns the length. */
static size_t write_request(char *bytes, size_t target_len, size_t fields)
{
    char *at = bytes;
    memcpy(at, "GET /", 5);
    memset(at + 5, 'a', target_len - 1);
    at += 4 + target_len;
    memcpy(at, " HTTP/1.1\r\n", 11);
    at += 11;
    for (size_t i = 0; i < fields; i++, at += 9)
        memcpy(at, i == 0 ? "Host: a\r\n" : "X-Foo: \r\n", 9);
    memcpy(at, "\r\n", 2);
    return (size_t)(at + 2 - bytes);
}

static void test_limits_are_inclusive_and_refused_beyond(void **state)
{
    static char bytes[HEAD_MAX_BYTES];
    static const struct {
        size_t target_len, fields;
        enum refusal refusal;
    } rows[] = {
        {1, HEAD_MAX_FIELDS, REFUSAL_NONE},         {1, HEAD_MAX_FIELDS + 1, REFUSAL_HEADER_SIZE},
        {HEAD_MAX_TARGET, 1, REFUSAL_NONE},         {HEAD_MAX_TARGET + 1, 1, REFUSAL_URI_SIZE},
        {3 * HEAD_MAX_TARGET, 1, REFUSAL_URI_SIZE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head;
        struct str request = {bytes, write_request(bytes, rows[i].target_len, rows[i].fields)};
        check_refusal(parse_request(request, &head), rows[i].refusal, STR("limits"));
    }
}

/* Options are compared with fields, each with each. */
static void test_more_connection_options_than_fields_are_refused(void **state)
{
    static char request[HEAD_MAX_BYTES], response[HEAD_MAX_BYTES];
    char options[2 * HEAD_MAX_FIELDS + 8];
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct head head;
        size_t commas = HEAD_MAX_FIELDS - 2 + more; /* one option more than that, and the other field's */
        memset(options, ',', commas);
        options[commas] = '\0';
        enum refusal wanted = more ? REFUSAL_HEADER_SIZE : REFUSAL_NONE;
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n" HOST "Connection: b\r\nConnection: %s\r\n\r\n", options);
        check_refusal(parse_request(str_from_c(request), &head), wanted, STR("options of a request"));
        snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nConnection: b\r\nConnection: %s\r\n\r\n", options);
        check_refusal(parse_response(str_from_c(response), METHOD_GET, &head), wanted, STR("options of a response"));
    }
}

static void test_a_head_that_is_not_whole_is_refused(void **state)
{
    static const struct str rows[] = {
        STR_INIT(""),
        STR_INIT("\r\n"),
        STR_INIT("\r\n\r\n"),
        STR_INIT("\r\n\r\n\r\n\r\n"),
        STR_INIT("GET / HTTP/1.1\r\n" HOST),
        STR_INIT("GET / HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field fields[HEAD_MAX_FIELDS];
        struct head head = {.fields = fields};
        enum refusal refusal;
        assert_int_equal(http1_parse_request(rows[i], &head, &refusal), PARSE_BAD);
        assert_int_equal(refusal, REFUSAL_SYNTAX);
    }
}

static void test_refusals_have_names_and_statuses(void **state)
{
    static const struct {
        enum refusal refusal;
        const char *name;
        uint16_t status;
    } rows[] = {
        {REFUSAL_FRAMING, "framing", 400},   {REFUSAL_SYNTAX, "syntax", 400},
        {REFUSAL_HOST, "host", 400},         {REFUSAL_TARGET, "target", 400},
        {REFUSAL_URI_SIZE, "uri_size", 414}, {REFUSAL_HEADER_SIZE, "header_size", 431},
        {REFUSAL_VERSION, "version", 505},   {REFUSAL_TIMEOUT, "timeout", 408},
        {REFUSAL_MARKER, "marker", 0},       {REFUSAL_CONNECTIONS, "connections", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(refusal_name(rows[i].refusal), rows[i].name);
        assert_int_equal(refusal_status(rows[i].refusal), rows[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_forms_give_path_query_and_authority),
        cmocka_unit_test(test_fields_keep_order_case_duplicates_and_bytes),
        cmocka_unit_test(test_framing_and_connection_follow_rfc_9112),
        cmocka_unit_test(test_malformed_requests_are_refused_by_name),
        cmocka_unit_test(test_limits_are_inclusive_and_refused_beyond),
        cmocka_unit_test(test_more_connection_options_than_fields_are_refused),
        cmocka_unit_test(test_a_head_that_is_not_whole_is_refused),
        cmocka_unit_test(test_refusals_have_names_and_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
