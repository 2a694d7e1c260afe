/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of HTTP/2 clients, from server_accept to streams: beginnings, heads, bodies. */
#include "http2_table.h"

#include <stdio.h>

/* ---- beginnings ---- */

static void test_settings_announce_streams_header_list_and_no_priorities(void **state)
{
    (void)table_setup_bare(state);
    struct table *table = *state;
    table_send_preface(table);
    const char *got = peer_look(&table->client);
    assert_has(got, "  3=128\n");
    assert_has(got, "  4=65535\n");
    assert_has(got, "  6=65536\n");
    assert_has(got, "  9=1\n");
    assert_has(got, "WINDOW_UPDATE 0 983041\n");
}

static void test_preface_that_comes_byte_by_byte_is_waited_for(void **state)
{
    struct table *table = *state;
    const char *preface = HTTP2_PREFACE;
    for (size_t i = 0; i < HTTP2_PREFACE_LEN; i++) {
        assert_string_equal(peer_look(&table->client), "");
        wire_send(table->client.wire, preface + i, 1);
    }
    assert_has(peer_look(&table->client), "SETTINGS\n");
    assert_int_equal(table->server.count, 1);
    assert_int_equal(table->closed, 0);
}

static void test_preface_that_goes_wrong_is_refused_as_http1(void **state)
{
    struct table *table = *state;
    wire_send(table->client.wire, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 24);
    table_settle(table);
    assert_true(str_starts_with(flow_peek(&table->client.wire->written), STR("HTTP/1.1 505 ")));
    assert_int_equal(table->refused[REFUSAL_VERSION], 1);
}

static void test_method_that_begins_like_the_preface_is_http1(void **state)
{
    struct table *table = *state;
    const char request[] = "PRINT /a HTTP/1.1\r\nHost: h\r\n\r\n";
    wire_send(table->client.wire, request, sizeof request - 1);
    table_settle(table);
    assert_has(seen_text(&table->seen), "1 head PRINT /a");
}

static void test_client_without_settings_is_closed_in_time(void **state)
{
    struct table *table = *state;
    wire_send(table->client.wire, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
    (void)peer_look(&table->client);
    table_pass_ms(table, server_default_timeouts.head_ms - 100);
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 0);
    table_pass_ms(table, 200);
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 1);
    assert_has(peer_look(&table->client), "GOAWAY 0 NO_ERROR\n");
    table_pass_ms(table, server_default_timeouts.linger_ms + 100);
    assert_int_equal(table->server.count, 0);
}

/* ---- heads ---- */

static void test_request_becomes_a_head_with_host_first(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET "user-agent: t\nte: trailers\n");
    (void)peer_look(&table->client);
    assert_string_equal(seen_text(&table->seen), "1 head GET /x?y=1 path=/x host=a.example body=none\n"
                                                 "  host: a.example\n  user-agent: t\n  te: trailers\n1 end\n");
}

static void test_cookies_become_one_field(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET "cookie: a=1\nx: y\ncookie: b=2\ncookie: c=3\n");
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "  cookie: a=1; b=2; c=3\n  x: y\n1 end\n");
}

static void test_host_field_stands_for_a_missing_authority(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, ":method: GET\n:scheme: http\n:path: /\nx: y\nhost: b.example\n");
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "host=b.example body=none\n  host: b.example\n  x: y\n1 end\n");
}

static void test_header_list_in_many_frames_is_one_head(void **state)
{
    struct table *table = *state;
    struct str block = peer_encode(&table->client, GET "x: y\n");
    peer_frame(&table->client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, str_slice(block, 0, 3));
    assert_string_equal(peer_look(&table->client), "");
    peer_frame(&table->client, NGHTTP2_CONTINUATION, 0, 1, str_slice(block, 3, 6));
    (void)peer_look(&table->client);
    peer_frame(&table->client, NGHTTP2_CONTINUATION, END_HEADERS, 1, str_slice(block, 6, block.len));
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "  host: a.example\n  x: y\n1 end\n");
}

static void test_malformed_requests_reset_their_stream_and_nothing_else(void **state)
{
    static const char *const lists[] = {
        GET "Upper: case\n",
        GET "connection: close\n",
        GET "transfer-encoding: chunked\n",
        GET "keep-alive: 5\n",
        GET "upgrade: x\n",
        GET "te: gzip\n",
        GET "bad name: x\n",
        GET "x: a\rb\n",
        GET ":late: x\n",
        "x: y\n" GET,
        GET ":method: GET\n",
        GET ":protocol: websocket\n",
        GET "content-length: 1\ncontent-length: 1\n",
        GET "content-length: -1\n",
        GET "content-length: 5\n", /* and END_STREAM */
        ":method: GET\n:scheme: http\n:authority: a\n",
        ":method: GET\n:path: /\n:authority: a\n",
        ":scheme: http\n:path: /\n:authority: a\n",
        ":method: GET\n:scheme: http\n:path: /\n",
        ":method: GET\n:scheme: http\n:path: x\n:authority: a\n",
        ":method: GET\n:scheme: http\n:path: /\n:authority: a b\n",
        ":status: 200\n",
    };
    struct table *table = *state;
    uint32_t id = 1;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++, id += 2) {
        char wanted[64];
        peer_headers(&table->client, WHOLE, id, lists[i]);
        snprintf(wanted, sizeof wanted, "RST_STREAM %u PROTOCOL_ERROR\n", id);
        const char *got = peer_look(&table->client);
        if (!strstr(got, wanted) || table->refused[REFUSAL_HTTP2_PROTOCOL] != i + 1)
            fail_msg("list %zu: %s\n%s%u refused", i, lists[i], got, table->refused[REFUSAL_HTTP2_PROTOCOL]);
    }
    assert_has_not(seen_text(&table->seen), "end");
    peer_headers(&table->client, WHOLE, id, GET);
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "head GET /x");
}

static void test_value_with_blanks_around_is_malformed(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET "x:   y\n");
    assert_has(peer_look(&table->client), "RST_STREAM 1 PROTOCOL_ERROR\n");
}

static void check_answer(struct table *table, uint32_t id, const char *list, const char *status, enum refusal why)
{
    char wanted[64];
    unsigned before = table->refused[why];
    peer_headers(&table->client, WHOLE, id, list);
    snprintf(wanted, sizeof wanted, "HEADERS %u\n  :status: %s\n", id, status);
    assert_has(peer_look(&table->client), wanted);
    assert_int_equal(table->refused[why], before + 1);
    assert_string_equal(seen_text(&table->seen), "");
}

static void test_requests_that_http1_would_refuse_are_answered(void **state)
{
    static const struct {
        const char *list, *status;
        enum refusal why;
    } cases[] = {
        {GET "host: b.example\n", "400", REFUSAL_HOST},
        {":method: GET\n:scheme: http\n:path: /\n:authority: user@a\n", "400", REFUSAL_HOST},
        {":method: GET\n:scheme: http\n:path: /a#b\n:authority: a\n", "400", REFUSAL_TARGET},
        {":method: GET\n:scheme: http\n:path: /\xc3\xa4\n:authority: a\n", "400", REFUSAL_TARGET},
        {":method: GET\n:scheme: ftp\n:path: x\n:authority: a\n", "400", REFUSAL_TARGET},
        {":method: CONNECT\n:authority: a\n", "400", REFUSAL_TARGET},
    };
    struct table *table = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_answer(table, (uint32_t)(1 + 2 * i), cases[i].list, cases[i].status, cases[i].why);
}

static void test_what_is_too_large_is_said_in_the_answer(void **state)
{
    struct table *table = *state;
    struct strbuf list = STRBUF_INIT;
    strbuf_add(&list, STR(GET));
    for (int i = 0; i < HEAD_MAX_FIELDS; i++)
        strbuf_printf(&list, "x-%d: y\n", i);
    strbuf_add(&list, (struct str){"", 1});
    check_answer(table, 1, list.ptr, "431", REFUSAL_HEADER_SIZE);
    strbuf_clear(&list);
    strbuf_add(&list, STR(GET));
    for (int i = 0; i < 3; i++)
        strbuf_printf(&list, "x-%d: %030000d\n", i, i);
    strbuf_add(&list, (struct str){"", 1});
    check_answer(table, 3, list.ptr, "431", REFUSAL_HEADER_SIZE);
    strbuf_clear(&list);
    strbuf_printf(&list, ":method: GET\n:scheme: http\n:authority: a\n:path: /%020000d\n", 1);
    strbuf_add(&list, (struct str){"", 1});
    check_answer(table, 5, list.ptr, "414", REFUSAL_URI_SIZE);
    strbuf_deinit(&list);
}

static void test_as_many_fields_as_http1_takes_are_taken(void **state)
{
    struct table *table = *state;
    struct strbuf list = STRBUF_INIT;
    strbuf_add(&list, STR(GET));
    for (int i = 0; i < HEAD_MAX_FIELDS - 1; i++)
        strbuf_printf(&list, "x-%d: y\n", i);
    strbuf_add(&list, (struct str){"", 1});
    peer_headers(&table->client, WHOLE, 1, list.ptr);
    strbuf_deinit(&list);
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "  x-126: y\n1 end\n");
}

/* ---- bodies ---- */

static void test_body_is_delivered_within_credit_and_its_window_returned_when_taken(void **state)
{
    struct table *table = *state;
    table->seen.pull = 0;
    peer_headers(&table->client, END_HEADERS, 1, POST "content-length: 65535\n");
    table_send_body(table, 1, 65535, true);
    assert_has_not(peer_look(&table->client), "WINDOW_UPDATE 1 ");
    assert_has_not(seen_text(&table->seen), "data");
    stream_pull(table->seen.streams[0], 1000);
    assert_has(seen_text(&table->seen), "1 data 1000\n");
    assert_has_not(seen_text(&table->seen), "end");
    stream_pull(table->seen.streams[0], STREAM_WINDOW);
    assert_has(seen_text(&table->seen), "1 end\n");
}

static void test_stream_window_follows_its_user_and_the_connection_window_does_not(void **state)
{
    struct table *table = *state;
    table->seen.pull = 0;
    for (uint32_t id = 1; id < 1 + 2 * 10; id += 2) {
        peer_headers(&table->client, END_HEADERS, id, POST);
        table_send_body(table, id, 65535, false);
    }
    const char *got = peer_look(&table->client);
    assert_has(got, "WINDOW_UPDATE 0 ");
    assert_has_not(got, "WINDOW_UPDATE 1 ");
    stream_pull(table->seen.streams[0], 40000);
    got = peer_look(&table->client);
    assert_has(got, "WINDOW_UPDATE 1 ");
    assert_has_not(got, "WINDOW_UPDATE 3 ");
}

static void test_body_beyond_the_window_is_a_flow_control_error(void **state)
{
    struct table *table = *state;
    table->seen.pull = 0;
    peer_headers(&table->client, END_HEADERS, 1, POST);
    table_send_body(table, 1, 65535 + 1, false);
    assert_has(peer_look(&table->client), "FLOW_CONTROL_ERROR\n");
    assert_has(seen_text(&table->seen), "1 reset protocol\n");
}

static void test_body_that_is_not_as_long_as_said_resets_the_stream(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST "content-length: 10\n");
    table_send_body(table, 1, 9, true);
    assert_has(peer_look(&table->client), "RST_STREAM 1 PROTOCOL_ERROR\n");
    assert_has(seen_text(&table->seen), "1 reset protocol\n");
    peer_headers(&table->client, END_HEADERS, 3, POST "content-length: 10\n");
    table_send_body(table, 3, 11, false);
    assert_has(peer_look(&table->client), "RST_STREAM 3 PROTOCOL_ERROR\n");
    assert_has(seen_text(&table->seen), "2 reset protocol\n");
    assert_int_equal(table->refused[REFUSAL_HTTP2_PROTOCOL], 2);
}

static void test_trailers_pass_both_ways(void **state)
{
    struct table *table = *state;
    struct field trailers[] = {{STR("Grpc-Status"), STR("0"), FIELD_OTHER}};
    struct head head = seen_answer(200, BODY_STREAM, 0);
    peer_headers(&table->client, END_HEADERS, 1, POST);
    table_send_body(table, 1, 5, false);
    peer_headers(&table->client, WHOLE, 1, "x-sum: 1\nauthorization: x\n");
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "1 data 5\n1 end\n  x-sum: 1\n");
    assert_has_not(seen_text(&table->seen), "authorization");
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, "hello", 5});
    stream_send_end(table->seen.streams[0], trailers, 1);
    assert_string_equal(peer_look(&table->client),
                        "HEADERS 1\n  :status: 200\nDATA 1 5\nHEADERS 1 end\n  grpc-status: 0\n");
}

static void test_interim_answers_and_answers_without_a_body(void **state)
{
    struct table *table = *state;
    struct head interim = seen_answer(100, BODY_NONE, 0), empty = seen_answer(204, BODY_NONE, 0);
    peer_headers(&table->client, END_HEADERS, 1, POST "expect: 100-continue\n");
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &interim);
    assert_string_equal(peer_look(&table->client), "HEADERS 1\n  :status: 100\n");
    table_send_body(table, 1, 1, true);
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &empty);
    stream_send_end(table->seen.streams[0], NULL, 0);
    assert_string_equal(peer_look(&table->client), "HEADERS 1 end\n  :status: 204\n");
}

static void test_answer_to_head_says_its_length_and_has_no_body(void **state)
{
    struct table *table = *state;
    struct head head = seen_answer(200, BODY_LENGTH, 5);
    peer_headers(&table->client, WHOLE, 1, ":method: HEAD\n:scheme: http\n:path: /\n:authority: a\n");
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, "hello", 5});
    stream_send_end(table->seen.streams[0], NULL, 0);
    assert_string_equal(peer_look(&table->client), "HEADERS 1 end\n  :status: 200\n  content-length: 5\n");
}

static void test_early_answer_is_followed_by_a_reset_without_error(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST);
    (void)peer_look(&table->client);
    server_answer(table->seen.streams[0], 403, STR("no"));
    const char *got = peer_look(&table->client);
    assert_has(got, ":status: 403\n");
    assert_has(got, "DATA 1 2 end\nRST_STREAM 1 NO_ERROR\n");
}

static void test_window_of_the_client_holds_up_its_own_stream_only(void **state)
{
    struct table *table = *state;
    static const char large[100000];
    struct head head = seen_answer(200, BODY_STREAM, 0);
    peer_headers(&table->client, WHOLE, 1, GET);
    peer_headers(&table->client, WHOLE, 3, GET);
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, large, sizeof large});
    assert_int_equal(table->seen.streams[0]->send_credit, 0);
    (void)peer_look(&table->client);
    assert_int_equal(table->seen.streams[0]->queued, sizeof large - 65535);
    peer_number(&table->client, NGHTTP2_WINDOW_UPDATE, 0, 65535);
    seen_clear(&table->seen);
    server_answer(table->seen.streams[1], 200, STR("hello"));
    assert_has(peer_look(&table->client), "DATA 3 5 end\n");
    peer_number(&table->client, NGHTTP2_WINDOW_UPDATE, 1, 1 << 20);
    (void)peer_look(&table->client);
    assert_string_equal(seen_text(&table->seen), "1 credit 65536\n");
}

static void test_reset_by_the_client_is_told_once(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    seen_clear(&table->seen);
    peer_number(&table->client, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    (void)peer_look(&table->client);
    assert_string_equal(seen_text(&table->seen), "1 reset closed\n");
    assert_int_equal(table->refused[REFUSAL_HTTP2_PROTOCOL], 0);
}

static void test_stream_of_a_user_that_gives_up_is_reset(void **state)
{
    struct table *table = *state;
    struct head head = seen_answer(200, BODY_STREAM, 0);
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, "hello", 5});
    stream_reset(table->seen.streams[0], RESET_CLOSED);
    assert_has(peer_look(&table->client), "RST_STREAM 1 INTERNAL_ERROR\n");
    assert_has_not(seen_text(&table->seen), "reset");
}

static void test_connect_is_a_tunnel_once_it_is_answered(void **state)
{
    struct table *table = *state;
    struct head head = seen_answer(200, BODY_TUNNEL, 0);
    peer_headers(&table->client, END_HEADERS, 1, ":method: CONNECT\n:authority: a:443\n");
    table_send_body(table, 1, 7, false);
    (void)peer_look(&table->client);
    assert_string_equal(seen_text(&table->seen), "1 head CONNECT a:443 path= host=a:443 body=none\n  host: a:443\n");
    stream_send_head(table->seen.streams[0], &head);
    assert_has(seen_text(&table->seen), "1 data 7\n");
    stream_send_data(table->seen.streams[0], (struct slice){NULL, "hello", 5});
    assert_string_equal(peer_look(&table->client), "HEADERS 1\n  :status: 200\nDATA 1 5\n");
    peer_frame(&table->client, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, STR(""));
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "1 end\n");
}

static void test_connect_that_is_refused_was_whole(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, ":method: CONNECT\n:authority: a:443\n");
    (void)peer_look(&table->client);
    server_answer(table->seen.streams[0], 403, STR("no"));
    assert_has(peer_look(&table->client), "DATA 1 2 end\nRST_STREAM 1 NO_ERROR\n");
}

#define PLAY(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)
#define BARE(test) cmocka_unit_test_setup_teardown(test, table_setup_bare, table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_settings_announce_streams_header_list_and_no_priorities, table_teardown),
        BARE(test_preface_that_comes_byte_by_byte_is_waited_for),
        BARE(test_preface_that_goes_wrong_is_refused_as_http1),
        BARE(test_method_that_begins_like_the_preface_is_http1),
        BARE(test_client_without_settings_is_closed_in_time),
        PLAY(test_request_becomes_a_head_with_host_first),
        PLAY(test_cookies_become_one_field),
        PLAY(test_host_field_stands_for_a_missing_authority),
        PLAY(test_header_list_in_many_frames_is_one_head),
        PLAY(test_malformed_requests_reset_their_stream_and_nothing_else),
        PLAY(test_value_with_blanks_around_is_malformed),
        PLAY(test_requests_that_http1_would_refuse_are_answered),
        PLAY(test_what_is_too_large_is_said_in_the_answer),
        PLAY(test_as_many_fields_as_http1_takes_are_taken),
        PLAY(test_body_is_delivered_within_credit_and_its_window_returned_when_taken),
        PLAY(test_stream_window_follows_its_user_and_the_connection_window_does_not),
        PLAY(test_body_beyond_the_window_is_a_flow_control_error),
        PLAY(test_body_that_is_not_as_long_as_said_resets_the_stream),
        PLAY(test_trailers_pass_both_ways),
        PLAY(test_interim_answers_and_answers_without_a_body),
        PLAY(test_answer_to_head_says_its_length_and_has_no_body),
        PLAY(test_early_answer_is_followed_by_a_reset_without_error),
        PLAY(test_window_of_the_client_holds_up_its_own_stream_only),
        PLAY(test_reset_by_the_client_is_told_once),
        PLAY(test_stream_of_a_user_that_gives_up_is_reset),
        PLAY(test_connect_is_a_tunnel_once_it_is_answered),
        PLAY(test_connect_that_is_refused_was_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
