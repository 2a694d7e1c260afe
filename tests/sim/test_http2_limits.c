/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of HTTP/2 may not do, how long they may take, and how their connections end. */
#include "http2_table.h"

#include <stdio.h>

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
        (void)table_setup(state);
        struct table *table = *state;
        floods[i].send(table);
        const char *got = peer_look(&table->client);
        if (!strstr(got, "ENHANCE_YOUR_CALM\n") || table->refused[floods[i].why] != 1)
            fail_msg("flood %zu (%s):\n%s", i, refusal_name(floods[i].why), got);
        assert_true(table->client.wire->is_shut);
        table_pass_ms(table, server_default_timeouts.linger_ms + 100);
        assert_int_equal(table->server.count, 0);
        (void)table_teardown(state);
    }
}

static void test_what_content_explains_is_no_flood(void **state)
{
    struct table *table = *state;
    table->seen.is_answering = true;
    for (uint32_t i = 0; i < 3 * HTTP2_MAX_ANSWERED; i++) {
        peer_headers(&table->client, END_HEADERS, 1 + 2 * i, POST);
        table_send_body(table, 1 + 2 * i, 1, true);
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
        table_pass_ms(table, HTTP2_ABUSE_MS);
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
    table_pass_ms(table, 2 * server_default_timeouts.head_ms);
    struct str block = peer_encode(&table->client, GET);
    peer_frame(&table->client, NGHTTP2_HEADERS, 0, 1, block);
    (void)peer_look(&table->client);
    table_pass_ms(table, server_default_timeouts.head_ms + 1000);
    assert_has(peer_look(&table->client), "GOAWAY");
    assert_int_equal(table->refused[REFUSAL_TIMEOUT], 1);
}

static void test_body_that_does_not_go_on_gets_408(void **state)
{
    struct table *table = *state;
    peer_headers(&table->client, END_HEADERS, 1, POST);
    peer_headers(&table->client, WHOLE, 3, GET);
    (void)peer_look(&table->client);
    table_pass_ms(table, server_default_timeouts.body_idle_ms - 1000);
    assert_has_not(seen_text(&table->seen), "reset");
    table_pass_ms(table, 2000);
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
    table_pass_ms(table, server_default_timeouts.body_idle_ms + 1000);
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
    table_pass_ms(table, server_default_timeouts.body_idle_ms + 1000);
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
    table_settle(table);
    stream_send_head(table->seen.streams[0], &head);
    stream_send_data(table->seen.streams[0], (struct slice){NULL, large, sizeof large});
    for (uint32_t ms = 0; ms < server_default_timeouts.body_idle_ms + 5000; ms += 5000) {
        peer_frame(&table->client, NGHTTP2_PING, 0, 0, STR("12345678"));
        table_pass_ms(table, 5000);
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
    table_pass_ms(table, server_default_timeouts.keep_alive_ms - 1000);
    assert_string_equal(peer_look(&table->client), "");
    table_pass_ms(table, 2000);
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
        table_pass_ms(table, 10000);
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
    table_pass_ms(table, 2000);
    assert_has(peer_look(&table->client), "GOAWAY 0 NO_ERROR\n");
    assert_true(table->client.wire->is_shut);
}

static void test_connection_made_while_draining_is_served_and_ends(void **state)
{
    struct table *table = *state;
    server_drain(&table->server);
    table_send_preface(table);
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
    table_pass_ms(table, SERVER_PATIENCE_MS + 10);
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

#define PLAY(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)
#define BARE(test) cmocka_unit_test_setup_teardown(test, table_setup_bare, table_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BARE(test_connection_made_while_draining_is_served_and_ends),
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
