/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of HTTP/2 clients, from server_accept to streams, against a peer that sends any frames. */
#include "http2_peer.h"

#include "base/mem.h"
#include "http/http2.h"

#include <stdio.h>
#include <stdlib.h>

#define GET ":method: GET\n:scheme: http\n:path: /x?y=1\n:authority: a.example\n"
#define POST ":method: POST\n:scheme: http\n:path: /up\n:authority: a.example\n"
#define END_HEADERS NGHTTP2_FLAG_END_HEADERS
#define WHOLE (NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM)

struct table {
    struct loop *loop;
    struct codec codec;
    struct server server;
    struct peer_end client;
    struct seen seen;
    unsigned refused[REFUSAL_COUNT];
    unsigned closed;
};

static struct table *table_of(struct server *server)
{
    return CONTAINER_OF(server, struct table, server);
}

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    table_of(server)->refused[why]++;
}

static void on_close(struct server *server)
{
    table_of(server)->closed++;
}

static void connect_client(struct table *table)
{
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    const struct peer peer = {.remote = address, .local = address};
    struct wire *wire = wire_new(table->loop, &address);
    peer_init(&table->client, wire);
    server_accept(&table->server, wire->fd, &peer);
}

static int setup_bare(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    struct err err;
    table->loop = loop_new(&err);
    codec_init(&table->codec, table->loop);
    server_init(&table->server, &table->codec, &seen_handler, &table->seen);
    table->server.on_refused = on_refused;
    table->server.on_close = on_close;
    table->seen.pull = STREAM_WINDOW;
    connect_client(table);
    *state = table;
    return 0;
}

static void send_preface(struct table *table)
{
    wire_send(table->client.wire, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
    peer_setting(&table->client, 0, 0);
}

static int setup(void **state)
{
    (void)setup_bare(state);
    send_preface(*state);
    assert_has(peer_look(&((struct table *)*state)->client), "SETTINGS\n");
    return 0;
}

static void settle(struct table *table)
{
    while (!twin_is_quiet(table->loop))
        twin_turn(table->loop);
}

static int teardown(void **state)
{
    struct table *table = *state;
    server_close_all(&table->server);
    settle(table);
    assert_int_equal(table->server.count, 0);
    assert_int_equal(table->closed, 1);
    peer_deinit(&table->client);
    seen_deinit(&table->seen);
    codec_deinit(&table->codec);
    loop_free(table->loop);
    chunk_cache_trim();
    mem_free(table);
    return 0;
}

static void pass_ms(struct table *table, uint64_t ms)
{
    uint64_t end = twin_now_ms(table->loop) + ms;
    settle(table);
    while (twin_next_ms(table->loop) <= end) {
        twin_set_ms(table->loop, twin_next_ms(table->loop));
        settle(table);
    }
    twin_set_ms(table->loop, end);
}

/* ---- beginnings ---- */

static void test_settings_announce_streams_header_list_and_no_priorities(void **state)
{
    (void)setup_bare(state);
    struct table *table = *state;
    send_preface(table);
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
    settle(table);
    assert_true(str_starts_with(flow_peek(&table->client.wire->written), STR("HTTP/1.1 505 ")));
    assert_int_equal(table->refused[REFUSAL_VERSION], 1);
}

static void test_method_that_begins_like_the_preface_is_http1(void **state)
{
    struct table *table = *state;
    const char request[] = "PRINT /a HTTP/1.1\r\nHost: h\r\n\r\n";
    wire_send(table->client.wire, request, sizeof request - 1);
    settle(table);
    assert_has(seen_text(&table->seen), "1 head PRINT /a");
}

static void test_client_without_settings_is_closed_in_time(void **state)
{
    struct table *table = *state;
    wire_send(table->client.wire, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
    (void)peer_look(&table->client);
    pass_ms(table, server_default_timeouts.head_ms - 100);
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 0);
    pass_ms(table, 200);
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 1);
    assert_has(peer_look(&table->client), "GOAWAY 0 NO_ERROR\n");
    pass_ms(table, server_default_timeouts.linger_ms + 100);
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

static void send_body(struct table *table, uint32_t id, size_t len, bool is_last)
{
    static const char bytes[16384];
    while (len) {
        size_t part = len < sizeof bytes ? len : sizeof bytes;
        len -= part;
        peer_frame(&table->client, NGHTTP2_DATA, is_last && !len ? NGHTTP2_FLAG_END_STREAM : 0, id,
                   (struct str){bytes, part});
    }
}

static void test_body_is_delivered_within_credit_and_its_window_returned_when_taken(void **state)
{
    struct table *table = *state;
    table->seen.pull = 0;
    peer_headers(&table->client, END_HEADERS, 1, POST "content-length: 65535\n");
    send_body(table, 1, 65535, true);
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
        send_body(table, id, 65535, false);
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
    send_body(table, 1, 65535 + 1, false);
    assert_has(peer_look(&table->client), "FLOW_CONTROL_ERROR\n");
    assert_has(seen_text(&table->seen), "1 reset protocol\n");
}

static void test_body_that_is_not_as_long_as_said_resets_the_stream(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST "content-length: 10\n");
    send_body(table, 1, 9, true);
    assert_has(peer_look(&table->client), "RST_STREAM 1 PROTOCOL_ERROR\n");
    assert_has(seen_text(&table->seen), "1 reset protocol\n");
    peer_headers(&table->client, END_HEADERS, 3, POST "content-length: 10\n");
    send_body(table, 3, 11, false);
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
    send_body(table, 1, 5, false);
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
    send_body(table, 1, 1, true);
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
    send_body(table, 1, 7, false);
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

/* ---- limits ---- */

static void test_more_streams_than_announced_are_refused_one_by_one(void **state)
{
    struct table *table = *state;
    peer_frame(&table->client, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, STR(""));
    for (uint32_t i = 0; i < HTTP2_MAX_STREAMS; i++)
        peer_headers(&table->client, WHOLE, 1 + 2 * i, GET);
    assert_string_equal(peer_look(&table->client), "");
    peer_headers(&table->client, WHOLE, 1 + 2 * HTTP2_MAX_STREAMS, GET);
    assert_string_equal(peer_look(&table->client), "RST_STREAM 257 REFUSED_STREAM\n");
    assert_int_equal(table->refused[REFUSAL_HTTP2_STREAMS], 1);
    server_answer(table->seen.streams[0], 200, STR("hello"));
    (void)peer_look(&table->client);
    peer_headers(&table->client, WHOLE, 3 + 2 * HTTP2_MAX_STREAMS, GET);
    (void)peer_look(&table->client);
    assert_int_equal(table->seen.count, HTTP2_MAX_STREAMS + 1);
}

static void flood_resets(struct table *table)
{
    for (uint32_t id = 1; id < 1 + 2 * (HTTP2_MAX_RESETS + 2); id += 2) {
        peer_headers(&table->client, WHOLE, id, GET);
        peer_number(&table->client, NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
    }
    table->seen.count = 0;
}

static void flood_malformed(struct table *table)
{
    for (uint32_t id = 1; id < 1 + 2 * (HTTP2_MAX_RESETS + 2); id += 2)
        peer_headers(&table->client, WHOLE, id, GET "connection: x\n");
}

static void flood_pings(struct table *table)
{
    for (int i = 0; i <= HTTP2_MAX_ANSWERED; i++)
        peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
}

static void flood_settings(struct table *table)
{
    for (int i = 0; i <= HTTP2_MAX_ANSWERED; i++)
        peer_setting(&table->client, 0, 0);
}

static void flood_empty_data(struct table *table)
{
    peer_headers(&table->client, END_HEADERS, 1, POST);
    for (int i = 0; i <= HTTP2_MAX_EMPTY + 2; i++)
        peer_frame(&table->client, NGHTTP2_DATA, 0, 1, STR(""));
}

static void flood_priorities(struct table *table)
{
    for (int i = 0; i <= HTTP2_MAX_EMPTY; i++)
        peer_frame(&table->client, NGHTTP2_PRIORITY, 0, 1, STR("\0\0\0\0\1"));
}

static void flood_windows(struct table *table)
{
    for (int i = 0; i <= HTTP2_MAX_EMPTY; i++)
        peer_number(&table->client, NGHTTP2_WINDOW_UPDATE, 0, 1);
}

static void flood_continuations(struct table *table)
{
    struct str block = peer_encode(&table->client, GET);
    peer_frame(&table->client, NGHTTP2_HEADERS, 0, 1, block);
    for (int i = 0; i <= HTTP2_MAX_CONTINUATIONS; i++)
        peer_frame(&table->client, NGHTTP2_CONTINUATION, 0, 1, STR(""));
}

/* One entry of 3 KiB in the table, and thousands of references to it of a byte each. */
static void flood_header_bomb(struct table *table)
{
    char list[4096];
    static char references[16000];
    snprintf(list, sizeof list, GET "x-bomb: %03000d\n", 1);
    struct str block = peer_encode(&table->client, list);
    peer_frame(&table->client, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block);
    memset(references, 0x80 | 62, sizeof references);
    peer_frame(&table->client, NGHTTP2_CONTINUATION, END_HEADERS, 1, (struct str){references, sizeof references});
}

static void test_floods_end_the_connection_and_are_counted(void **state)
{
    static const struct {
        void (*send)(struct table *);
        enum refusal why;
    } floods[] = {
        {flood_resets, REFUSAL_HTTP2_RESET_FLOOD},      {flood_malformed, REFUSAL_HTTP2_RESET_FLOOD},
        {flood_pings, REFUSAL_HTTP2_PING_FLOOD},        {flood_settings, REFUSAL_HTTP2_SETTINGS_FLOOD},
        {flood_empty_data, REFUSAL_HTTP2_EMPTY_FLOOD},  {flood_priorities, REFUSAL_HTTP2_EMPTY_FLOOD},
        {flood_windows, REFUSAL_HTTP2_EMPTY_FLOOD},     {flood_continuations, REFUSAL_HTTP2_CONTINUATION_FLOOD},
        {flood_header_bomb, REFUSAL_HTTP2_HEADER_BOMB},
    };
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        (void)setup(state);
        struct table *table = *state;
        floods[i].send(table);
        const char *got = peer_look(&table->client);
        if (!strstr(got, "ENHANCE_YOUR_CALM\n") || table->refused[floods[i].why] != 1)
            fail_msg("flood %zu (%s):\n%s", i, refusal_name(floods[i].why), got);
        assert_true(table->client.wire->is_shut);
        pass_ms(table, server_default_timeouts.linger_ms + 100);
        assert_int_equal(table->server.count, 0);
        (void)teardown(state);
    }
}

static void test_what_content_explains_is_no_flood(void **state)
{
    struct table *table = *state;
    table->seen.is_answering = true;
    for (uint32_t i = 0; i < 3 * HTTP2_MAX_ANSWERED; i++) {
        peer_headers(&table->client, END_HEADERS, 1 + 2 * i, POST);
        send_body(table, 1 + 2 * i, 1, true);
        peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
        peer_number(&table->client, NGHTTP2_WINDOW_UPDATE, 0, 5);
        table->seen.count = 0;
        assert_has_not(peer_look(&table->client), "GOAWAY");
    }
}

static void test_old_abuse_is_forgotten(void **state)
{
    struct table *table = *state;
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < HTTP2_MAX_ANSWERED; k++)
            peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
        assert_has_not(peer_look(&table->client), "GOAWAY");
        pass_ms(table, HTTP2_ABUSE_MS);
    }
}

static void test_connection_errors_are_counted_and_end_all_streams(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST);
    peer_frame(&table->client, NGHTTP2_DATA, 0, 0, STR("x"));
    assert_has(peer_look(&table->client), "PROTOCOL_ERROR\n");
    assert_int_equal(table->refused[REFUSAL_HTTP2_PROTOCOL], 1);
    assert_has(seen_text(&table->seen), "1 reset protocol\n");
}

/* ---- time ---- */

static void test_header_list_that_does_not_end_is_not_waited_for(void **state)
{
    struct table *table = *state;
    pass_ms(table, 2 * server_default_timeouts.head_ms);
    struct str block = peer_encode(&table->client, GET);
    peer_frame(&table->client, NGHTTP2_HEADERS, 0, 1, block);
    (void)peer_look(&table->client);
    pass_ms(table, server_default_timeouts.head_ms + 1000);
    assert_has(peer_look(&table->client), "GOAWAY");
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 1);
}

static void test_body_that_does_not_go_on_gets_408(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST);
    peer_headers(&table->client, WHOLE, 3, GET);
    (void)peer_look(&table->client);
    pass_ms(table, server_default_timeouts.body_idle_ms - 1000);
    assert_has_not(seen_text(&table->seen), "reset");
    pass_ms(table, 2000);
    const char *got = peer_look(&table->client);
    assert_has(got, "HEADERS 1\n  :status: 408\n");
    assert_has_not(got, " 3");
    assert_has(seen_text(&table->seen), "1 reset timeout\n");
}

static void test_client_that_opens_no_window_loses_that_stream_only(void **state)
{
    struct table *table = *state;
    static const char large[100000];
    struct head head = seen_answer(200, BODY_STREAM, 0);
    peer_headers(&table->client, WHOLE, 1, GET);
    peer_headers(&table->client, WHOLE, 3, GET);
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, large, sizeof large});
    (void)peer_look(&table->client);
    pass_ms(table, server_default_timeouts.body_idle_ms + 1000);
    assert_has(peer_look(&table->client), "RST_STREAM 1 CANCEL\n");
    assert_has(seen_text(&table->seen), "1 reset timeout\n");
    assert_has_not(seen_text(&table->seen), "2 reset");
}

static void test_connection_whose_client_does_not_read_is_closed(void **state)
{
    struct table *table = *state;
    static const char large[60000];
    struct head head = seen_answer(200, BODY_STREAM, 0);
    table->client.wire->capacity = 1000;
    peer_headers(&table->client, WHOLE, 1, GET);
    for (int i = 0; i < 10; i++)
        twin_turn(table->loop);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, large, sizeof large});
    pass_ms(table, server_default_timeouts.body_idle_ms + 1000);
    assert_int_equal(table->server.count, 0);
    assert_has(seen_text(&table->seen), "1 reset timeout\n");
}

static void test_client_that_sends_but_never_reads_is_closed(void **state)
{
    struct table *table = *state;
    static const char large[60000];
    struct head head = seen_answer(200, BODY_STREAM, 0);
    table->client.wire->capacity = 1000;
    peer_headers(&table->client, WHOLE, 1, GET);
    settle(table);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, large, sizeof large});
    for (uint32_t ms = 0; ms < server_default_timeouts.body_idle_ms + 5000; ms += 5000) {
        peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
        pass_ms(table, 5000);
    }
    assert_int_equal(table->server.count, 0);
}

static void test_answer_with_a_head_as_large_as_http1_allows_is_passed_on(void **state)
{
    struct table *table = *state;
    static char value[HEAD_MAX_BYTES - 100];
    memset(value, '0', sizeof value);
    struct field fields[] = {{STR("X"), {value, sizeof value / 2}, FIELD_OTHER},
                             {STR("Y"), {value, sizeof value / 2}, FIELD_OTHER}};
    struct head head = seen_answer(200, BODY_NONE, 0);
    head.fields = fields;
    head.field_count = 2;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_end(table->seen.streams[0], NULL, 0);
    while (!twin_is_quiet(table->loop))
        twin_turn(table->loop);
    assert_true(flow_len(&table->client.wire->written) > 30000);
}

static void test_idle_connection_is_closed_in_order(void **state)
{
    struct table *table = *state;
    table->seen.is_answering = true;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    pass_ms(table, server_default_timeouts.keep_alive_ms - 1000);
    assert_string_equal(peer_look(&table->client), "");
    pass_ms(table, 2000);
    assert_has(peer_look(&table->client), "GOAWAY 1 NO_ERROR\n");
    wire_end(table->client.wire);
    (void)peer_look(&table->client);
    assert_int_equal(table->server.count, 0);
}

static void test_pings_keep_no_idle_connection(void **state)
{
    struct table *table = *state;
    for (uint32_t ms = 0; ms < server_default_timeouts.keep_alive_ms + 2000; ms += 10000) {
        peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
        (void)peer_look(&table->client);
        pass_ms(table, 10000);
    }
    assert_int_equal(table->server.count, 0);
}

/* ---- ends ---- */

static void test_drain_serves_what_is_on_its_way_and_then_ends(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    server_drain(&table->server);
    const char *got = peer_look(&table->client);
    assert_has(got, "GOAWAY 2147483647 NO_ERROR\n");
    assert_has(got, "PING\n");
    peer_headers(&table->client, WHOLE, 3, GET);
    peer_frame(&table->client, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, STR("\0\0\0\0\0\0\0\0"));
    assert_string_equal(peer_look(&table->client), "GOAWAY 3 NO_ERROR\n");
    peer_headers(&table->client, WHOLE, 5, GET);
    (void)peer_look(&table->client);
    assert_int_equal(table->seen.count, 2);
    server_answer(table->seen.streams[0], 200, STR("hello"));
    assert_has(peer_look(&table->client), "DATA 1 5 end\n");
    assert_false(table->client.wire->is_shut);
    server_answer(table->seen.streams[1], 200, STR("hello"));
    assert_has(peer_look(&table->client), "DATA 3 5 end\n");
    assert_true(table->client.wire->is_shut);
}

static void test_drain_does_not_wait_for_an_answer_to_its_ping(void **state)
{
    struct table *table = *state;
    server_drain(&table->server);
    (void)peer_look(&table->client);
    pass_ms(table, 2000);
    assert_has(peer_look(&table->client), "GOAWAY 0 NO_ERROR\n");
    assert_true(table->client.wire->is_shut);
}

static void test_connection_made_while_draining_is_served_and_ends(void **state)
{
    struct table *table = *state;
    server_drain(&table->server);
    send_preface(table);
    peer_headers(&table->client, WHOLE, 1, GET);
    assert_has(peer_look(&table->client), "GOAWAY 2147483647 NO_ERROR\n");
    assert_has(seen_text(&table->seen), "1 head GET");
}

static void test_closing_idle_connections_leaves_those_in_use(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    server_close_idle(&table->server);
    (void)peer_look(&table->client);
    assert_int_equal(table->server.count, 1);
    server_answer(table->seen.streams[0], 200, STR("hello"));
    (void)peer_look(&table->client);
    server_close_idle(&table->server);
    assert_has(peer_look(&table->client), "GOAWAY 1 NO_ERROR\n");
    assert_int_equal(table->server.count, 0);
}

static void test_idle_connection_gives_way_after_patience(void **state)
{
    struct table *table = *state;
    assert_false(server_make_room(&table->server));
    pass_ms(table, SERVER_PATIENCE_MS + 10);
    assert_true(server_make_room(&table->server));
    (void)peer_look(&table->client);
    assert_int_equal(table->server.count, 0);
}

static void test_client_that_goes_away_resets_its_streams(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, WHOLE, 1, GET);
    (void)peer_look(&table->client);
    wire_end(table->client.wire);
    (void)peer_look(&table->client);
    assert_has(seen_text(&table->seen), "1 reset closed\n");
    assert_int_equal(table->server.count, 0);
}

#define PLAY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define BARE(test) cmocka_unit_test_setup_teardown(test, setup_bare, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_settings_announce_streams_header_list_and_no_priorities, teardown),
        BARE(test_preface_that_comes_byte_by_byte_is_waited_for),
        BARE(test_preface_that_goes_wrong_is_refused_as_http1),
        BARE(test_method_that_begins_like_the_preface_is_http1),
        BARE(test_client_without_settings_is_closed_in_time),
        BARE(test_connection_made_while_draining_is_served_and_ends),
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
        PLAY(test_more_streams_than_announced_are_refused_one_by_one),
        cmocka_unit_test(test_floods_end_the_connection_and_are_counted),
        PLAY(test_what_content_explains_is_no_flood),
        PLAY(test_old_abuse_is_forgotten),
        PLAY(test_connection_errors_are_counted_and_end_all_streams),
        PLAY(test_header_list_that_does_not_end_is_not_waited_for),
        PLAY(test_body_that_does_not_go_on_gets_408),
        PLAY(test_client_that_opens_no_window_loses_that_stream_only),
        PLAY(test_connection_whose_client_does_not_read_is_closed),
        PLAY(test_client_that_sends_but_never_reads_is_closed),
        PLAY(test_answer_with_a_head_as_large_as_http1_allows_is_passed_on),
        PLAY(test_idle_connection_is_closed_in_order),
        PLAY(test_pings_keep_no_idle_connection),
        PLAY(test_drain_serves_what_is_on_its_way_and_then_ends),
        PLAY(test_drain_does_not_wait_for_an_answer_to_its_ping),
        PLAY(test_closing_idle_connections_leaves_those_in_use),
        PLAY(test_idle_connection_gives_way_after_patience),
        PLAY(test_client_that_goes_away_resets_its_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
