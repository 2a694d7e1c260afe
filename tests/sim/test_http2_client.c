/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to backends that speak HTTP/2, from http2_client_adopt to streams, against a peer that sends any frames. */
#include "http2_peer.h"

#include "base/mem.h"
#include "http/http2.h"

#define END_HEADERS NGHTTP2_FLAG_END_HEADERS
#define WHOLE (NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM)
#define MAX_STREAMS 50

struct table {
    struct loop *loop;
    struct codec codec;
    struct socket sock;
    struct client_conn *conn;
    struct peer_end backend;
    struct seen seen;
    unsigned rooms, retired, gone;
};

/* The pool, as far as a connection knows it. */
static struct table *table_of(struct client_conn *conn)
{
    return (struct table *)(void *)conn->pool;
}

static void on_room(struct client_conn *conn)
{
    table_of(conn)->rooms++;
}

static void on_leaving(struct client_conn *conn)
{
    (void)conn;
    fail();
}

static void on_retire(struct client_conn *conn)
{
    table_of(conn)->retired++;
}

static void on_gone(struct client_conn *conn, int error)
{
    (void)error;
    table_of(conn)->gone++;
}

static const struct client_conn_events events = {
    .on_room = on_room, .on_leaving = on_leaving, .on_retire = on_retire, .on_gone = on_gone};

static void on_early(struct socket *sock)
{
    (void)sock;
}

static void on_early_broken(struct socket *sock, int error)
{
    (void)sock;
    (void)error;
}

static const struct socket_ops early_ops = {"early", on_early, on_early, on_early_broken};

static int setup(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    const struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 5};
    struct err err;
    table->loop = loop_new(&err);
    codec_init(&table->codec, table->loop);
    table->seen.pull = STREAM_WINDOW;
    peer_init(&table->backend, wire_new(table->loop, &address));
    socket_open(&table->sock, table->loop, table->backend.wire->fd, &early_ops);
    table->conn = http2_client_adopt(&table->codec, &table->sock, &events, (struct client_pool *)(void *)table,
                                     MAX_STREAMS);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    struct table *table = *state;
    if (!table->gone)
        table->conn->ops->close(table->conn);
    (void)peer_look(&table->backend);
    assert_int_equal(table->gone, 1);
    peer_deinit(&table->backend);
    seen_deinit(&table->seen);
    codec_deinit(&table->codec);
    loop_free(table->loop);
    chunk_cache_trim();
    mem_free(table);
    return 0;
}

static void greet(struct table *table)
{
    (void)peer_look(&table->backend);
    peer_setting(&table->backend, 0, 0);
    peer_frame(&table->backend, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, STR(""));
    (void)peer_look(&table->backend);
}

static struct stream *open_stream(struct table *table)
{
    assert_true(table->conn->streams < table->conn->max_streams);
    struct stream *stream = table->conn->ops->open(table->conn);
    stream->handler = &seen_handler;
    stream->user = &table->seen;
    seen_add(&table->seen, stream);
    return stream;
}

/* A request with these, ended unless it has a body. */
static struct stream *ask(struct table *table, struct str method, enum body_kind body)
{
    struct field fields[] = {{STR("Host"), STR("a.example"), FIELD_HOST},
                             {STR("X-Case"), STR("Kept"), FIELD_OTHER},
                             {STR("Connection"), STR("x"), FIELD_CONNECTION}};
    struct head head = {.version = HTTP_1_1,
                        .method = method,
                        .method_id = method_from_str(method),
                        .target = STR("/x?y"),
                        .path = STR("/x"),
                        .authority = STR("a.example"),
                        .body = body,
                        .content_length = 5,
                        .fields = fields,
                        .field_count = 3};
    struct stream *stream = open_stream(table);
    stream_send_head(stream, &head);
    if (body == BODY_NONE)
        stream_send_end(stream, NULL, 0);
    return stream;
}

static struct stream *get(struct table *table)
{
    return ask(table, STR("GET"), BODY_NONE);
}

static void test_preface_comes_at_once_and_forbids_push(void **state)
{
    struct table *table = *state;
    while (!twin_is_quiet(table->loop))
        twin_turn(table->loop);
    assert_true(str_starts_with(flow_peek(&table->backend.wire->written), STR(HTTP2_PREFACE)));
    const char *got = peer_look(&table->backend);
    assert_has(got, "SETTINGS\n  2=0\n");
    assert_has(got, "  6=65536\n");
}

static void test_host_becomes_authority_and_names_lower_case(void **state)
{
    struct table *table = *state;
    greet(table);
    (void)get(table);
    assert_string_equal(peer_look(&table->backend), "HEADERS 1 end\n  :method: GET\n  :scheme: http\n  :path: /x?y\n"
                                                    "  :authority: a.example\n  x-case: Kept\n");
    assert_int_equal(table->conn->streams, 1);
}

static void test_te_is_passed_on_and_length_said(void **state)
{
    struct table *table = *state;
    struct head head = {.method = STR("POST"),
                        .method_id = METHOD_POST,
                        .target = STR("/"),
                        .authority = STR("a"),
                        .body = BODY_LENGTH,
                        .content_length = 5,
                        .takes_trailers = true};
    struct field trailers[] = {{STR("X-Sum"), STR("1"), FIELD_OTHER}};
    greet(table);
    struct stream *stream = open_stream(table);
    stream_send_head(stream, &head);
    stream_send_data(stream, (struct slice){NULL, "hello", 5});
    stream_send_end(stream, trailers, 1);
    const char *got = peer_look(&table->backend);
    assert_has(got, "  :authority: a\n  content-length: 5\n  te: trailers\n");
    assert_has(got, "DATA 1 5\nHEADERS 1 end\n  x-sum: 1\n");
}

static void test_answer_with_interim_and_trailers(void **state)
{
    struct table *table = *state;
    greet(table);
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 103\nlink: x\n");
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 200\nx: y\n");
    peer_frame(&table->backend, NGHTTP2_DATA, 0, 1, STR("hello"));
    peer_headers(&table->backend, WHOLE, 1, "grpc-status: 0\n");
    (void)peer_look(&table->backend);
    assert_string_equal(
        seen_text(&table->seen),
        "1 head 103 body=none\n  link: x\n1 head 200 body=stream\n  x: y\n1 data 5\n1 end\n  grpc-status: 0\n");
    assert_int_equal(table->conn->streams, 0);
    assert_int_equal(table->rooms, 1);
}

static void test_body_kinds_of_answers(void **state)
{
    static const struct {
        const char *method, *list;
        uint8_t flags;
        const char *seen;
    } cases[] = {
        {"GET", ":status: 200\n", WHOLE, "body=none"},
        {"GET", ":status: 200\ncontent-length: 5\n", END_HEADERS, "body=length"},
        {"GET", ":status: 200\n", END_HEADERS, "body=stream"},
        {"HEAD", ":status: 200\ncontent-length: 5\n", WHOLE, "body=none"},
        {"HEAD", ":status: 200\ncontent-length: 5\n", END_HEADERS, "body=none"},
        {"GET", ":status: 204\n", WHOLE, "body=none"},
        {"GET", ":status: 304\ncontent-length: 5\n", WHOLE, "body=none"},
    };
    struct table *table = *state;
    greet(table);
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)ask(table, str_from_c(cases[i].method), BODY_NONE);
        (void)peer_look(&table->backend);
        seen_clear(&table->seen);
        peer_headers(&table->backend, cases[i].flags, 1 + 2 * i, cases[i].list);
        (void)peer_look(&table->backend);
        assert_has(seen_text(&table->seen), cases[i].seen);
        assert_int_equal(strstr(seen_text(&table->seen), "end") != NULL,
                         (cases[i].flags & NGHTTP2_FLAG_END_STREAM) != 0);
    }
}

static void test_goaway_gives_back_what_was_not_looked_at_and_lets_the_rest_end(void **state)
{
    struct table *table = *state;
    greet(table);
    (void)get(table);
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_frame(&table->backend, NGHTTP2_GOAWAY, 0, 0, STR("\0\0\0\1\0\0\0\0"));
    (void)peer_look(&table->backend);
    assert_string_equal(seen_text(&table->seen), "2 reset refused\n");
    assert_int_equal(table->retired, 1);
    assert_int_equal(table->gone, 0);
    peer_headers(&table->backend, WHOLE, 1, ":status: 200\n");
    (void)peer_look(&table->backend);
    assert_has(seen_text(&table->seen), "1 head 200 body=none\n1 end\n");
    assert_int_equal(table->gone, 1);
}

static void test_refused_stream_may_be_sent_again(void **state)
{
    struct table *table = *state;
    greet(table);
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_number(&table->backend, NGHTTP2_RST_STREAM, 1, NGHTTP2_REFUSED_STREAM);
    (void)peer_look(&table->backend);
    assert_string_equal(seen_text(&table->seen), "1 reset refused\n");
    assert_int_equal(table->conn->streams, 0);
    assert_int_equal(table->gone, 0);
}

static void test_early_answer_is_delivered_whole_before_the_reset(void **state)
{
    struct table *table = *state;
    greet(table);
    table->seen.pull = 0;
    struct stream *stream = ask(table, STR("POST"), BODY_STREAM);
    stream_send_data(stream, (struct slice){NULL, "hello", 5});
    (void)peer_look(&table->backend);
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 413\n");
    peer_frame(&table->backend, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, STR("too large"));
    peer_number(&table->backend, NGHTTP2_RST_STREAM, 1, NGHTTP2_NO_ERROR);
    (void)peer_look(&table->backend);
    assert_string_equal(seen_text(&table->seen), "1 credit 65536\n1 head 413 body=stream\n");
    stream_pull(stream, 100);
    assert_has(seen_text(&table->seen), "1 data 9\n1 end\n1 reset closed\n");
    assert_int_equal(table->conn->streams, 0);
}

static void test_reset_with_an_error_throws_away_what_waits(void **state)
{
    struct table *table = *state;
    greet(table);
    table->seen.pull = 0;
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 200\n");
    peer_frame(&table->backend, NGHTTP2_DATA, 0, 1, STR("part"));
    peer_number(&table->backend, NGHTTP2_RST_STREAM, 1, NGHTTP2_INTERNAL_ERROR);
    (void)peer_look(&table->backend);
    assert_string_equal(seen_text(&table->seen), "1 head 200 body=stream\n1 reset closed\n");
}

static void test_streams_are_as_many_as_both_sides_allow(void **state)
{
    struct table *table = *state;
    assert_int_equal(table->conn->max_streams, MAX_STREAMS);
    (void)peer_look(&table->backend);
    peer_setting(&table->backend, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    (void)peer_look(&table->backend);
    assert_int_equal(table->conn->max_streams, 1);
    assert_int_equal(table->rooms, 0);
    peer_setting(&table->backend, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000);
    (void)peer_look(&table->backend);
    assert_int_equal(table->conn->max_streams, MAX_STREAMS);
    assert_int_equal(table->rooms, 1);
}

static void test_stream_that_its_user_gives_up_is_reset_and_makes_room(void **state)
{
    struct table *table = *state;
    greet(table);
    struct stream *stream = get(table);
    (void)peer_look(&table->backend);
    stream_reset(stream, RESET_CANCEL);
    assert_string_equal(peer_look(&table->backend), "RST_STREAM 1 CANCEL\n");
    assert_int_equal(table->conn->streams, 0);
    stream = open_stream(table);
    stream_reset(stream, RESET_CANCEL);
    assert_int_equal(table->conn->streams, 0);
    assert_string_equal(peer_look(&table->backend), "");
    assert_string_equal(seen_text(&table->seen), "");
}

static void test_lost_connection_resets_new_streams_as_closed_and_reused_ones_as_stale(void **state)
{
    struct table *table = *state;
    greet(table);
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_headers(&table->backend, WHOLE, 1, ":status: 200\n");
    (void)peer_look(&table->backend);
    seen_clear(&table->seen);
    (void)get(table);
    (void)get(table);
    (void)peer_look(&table->backend);
    peer_headers(&table->backend, END_HEADERS, 3, ":status: 200\n");
    wire_end(table->backend.wire);
    (void)peer_look(&table->backend);
    assert_has(seen_text(&table->seen), "2 reset closed\n");
    assert_has(seen_text(&table->seen), "3 reset stale\n");
    assert_int_equal(table->gone, 1);
}

static void test_shared_window_is_returned_though_a_stream_is_not_read(void **state)
{
    static const char bytes[16384];
    struct table *table = *state;
    greet(table);
    table->seen.pull = 0;
    for (uint32_t id = 1; id < 1 + 2 * 10; id += 2) {
        (void)get(table);
        (void)peer_look(&table->backend);
        peer_headers(&table->backend, END_HEADERS, id, ":status: 200\n");
        for (int i = 0; i < 3; i++)
            peer_frame(&table->backend, NGHTTP2_DATA, 0, id, (struct str){bytes, sizeof bytes});
    }
    (void)peer_look(&table->backend);
    for (uint32_t id = 21; id < 21 + 2 * 10; id += 2) {
        (void)get(table);
        (void)peer_look(&table->backend);
        peer_headers(&table->backend, END_HEADERS, id, ":status: 200\n");
        for (int i = 0; i < 3; i++)
            peer_frame(&table->backend, NGHTTP2_DATA, 0, id, (struct str){bytes, sizeof bytes});
        (void)peer_look(&table->backend);
    }
    assert_has_not(seen_text(&table->seen), "data");
    assert_int_equal(table->gone, 0);
    stream_pull(table->seen.streams[0], 100000);
    assert_has(seen_text(&table->seen), "1 data ");
    assert_has(peer_look(&table->backend), "WINDOW_UPDATE 1 ");
}

/* ---- hostile backends ---- */

static void send_garbage(struct table *table)
{
    wire_send(table->backend.wire, "HTTP/1.1 400 Bad Request\r\n\r\nand more of the same", 48);
}

static void send_interims(struct table *table)
{
    for (int i = 0; i < 17; i++)
        peer_headers(&table->backend, END_HEADERS, 1, ":status: 100\n");
}

static void send_large_head(struct table *table)
{
    struct strbuf list = STRBUF_INIT;
    strbuf_add(&list, STR(":status: 200\n"));
    for (int i = 0; i < 3; i++)
        strbuf_printf(&list, "x-%d: %030000d\n", i, i);
    strbuf_add(&list, (struct str){"", 1});
    peer_headers(&table->backend, END_HEADERS, 1, list.ptr);
    strbuf_deinit(&list);
}

static void send_endless_head(struct table *table)
{
    struct str block = peer_encode(&table->backend, ":status: 200\n");
    peer_frame(&table->backend, NGHTTP2_HEADERS, 0, 1, block);
    for (int i = 0; i <= HTTP2_MAX_CONTINUATIONS; i++)
        peer_frame(&table->backend, NGHTTP2_CONTINUATION, 0, 1, peer_encode(&table->backend, "x: y\n"));
}

static void send_push(struct table *table)
{
    peer_frame(&table->backend, NGHTTP2_PUSH_PROMISE, END_HEADERS, 1, STR("\0\0\0\2\x82\x84\x86"));
}

static void send_pings(struct table *table)
{
    for (int i = 0; i < HTTP2_MAX_ANSWERED + 10; i++)
        peer_frame(&table->backend, NGHTTP2_PING, 0, 0, STR("12345678"));
}

static void send_long_body(struct table *table)
{
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 200\ncontent-length: 1\n");
    peer_frame(&table->backend, NGHTTP2_DATA, 0, 1, STR("more"));
}

static void send_switch(struct table *table)
{
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 101\n");
}

static void send_low_status(struct table *table)
{
    peer_headers(&table->backend, END_HEADERS, 1, ":status: 099\n");
}

static void send_no_status(struct table *table)
{
    peer_headers(&table->backend, END_HEADERS, 1, "x: y\n");
}

static void test_hostile_answers_are_protocol_errors(void **state)
{
    static void (*const attacks[])(struct table *) = {
        send_garbage, send_interims, send_large_head, send_push,         send_long_body,
        send_switch,  send_pings,    send_no_status,  send_endless_head, send_low_status};
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        (void)setup(state);
        struct table *table = *state;
        greet(table);
        (void)get(table);
        (void)peer_look(&table->backend);
        attacks[i](table);
        (void)peer_look(&table->backend);
        if (!strstr(seen_text(&table->seen), "1 reset protocol\n"))
            fail_msg("attack %zu:\n%s", i, seen_text(&table->seen));
        (void)teardown(state);
    }
}

static void test_ping_of_the_backend_is_answered(void **state)
{
    struct table *table = *state;
    greet(table);
    peer_frame(&table->backend, NGHTTP2_PING, 0, 0, STR("12345678"));
    assert_string_equal(peer_look(&table->backend), "PING ack\n");
}

#define PLAY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAY(test_preface_comes_at_once_and_forbids_push),
        PLAY(test_host_becomes_authority_and_names_lower_case),
        PLAY(test_te_is_passed_on_and_length_said),
        PLAY(test_answer_with_interim_and_trailers),
        PLAY(test_body_kinds_of_answers),
        PLAY(test_goaway_gives_back_what_was_not_looked_at_and_lets_the_rest_end),
        PLAY(test_refused_stream_may_be_sent_again),
        PLAY(test_early_answer_is_delivered_whole_before_the_reset),
        PLAY(test_reset_with_an_error_throws_away_what_waits),
        PLAY(test_streams_are_as_many_as_both_sides_allow),
        PLAY(test_stream_that_its_user_gives_up_is_reset_and_makes_room),
        PLAY(test_lost_connection_resets_new_streams_as_closed_and_reused_ones_as_stale),
        PLAY(test_shared_window_is_returned_though_a_stream_is_not_read),
        cmocka_unit_test(test_hostile_answers_are_protocol_errors),
        PLAY(test_ping_of_the_backend_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
