/* SPDX-License-Identifier: Apache-2.0 */
/* Between client and live each is read only as fast as the other takes it; a shadow is part of neither. */
#include "play.h"

#include "base/mem.h"
#include "http/http1_conn.h"
#include "sim_message.h"

#define MEGABYTES 8000000u
/* The stream's window, what a read may overshoot it by, and the kernels' buffers. */
#define HELD_MAX (STREAM_WINDOW + CODEC_BUFFER + 128 * 1024)

static struct actor *begin_upload(struct sim *sim, struct actor **live)
{
    char head[100];
    struct actor *client = sim_client(sim);
    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n", MEGABYTES);
    actor_sends(client, head);
    *live = sim_live(sim);
    return client;
}

static void test_a_client_is_read_as_fast_as_live_reads(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *live, *client = begin_upload(sim, &live);
    actor_stops_reading(live, 128 * 1024);
    actor_sends_body(client, 0, MEGABYTES);
    assert_true(MEGABYTES - actor_unread(client) <= HELD_MAX);
    size_t unread = actor_unread(client);
    actor_reads_bytes(live, 100000);
    assert_true(actor_unread(client) < unread && unread - actor_unread(client) < 100000 + CODEC_BUFFER);
    actor_reads_again(live);
    assert_int_equal(actor_unread(client), 0);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, MEGABYTES);
    actor_sends(live, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_live_is_read_as_fast_as_the_client_reads(void **state)
{
    (void)state;
    char head[100];
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_stops_reading(client, 128 * 1024);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", MEGABYTES);
    actor_sends(live, head);
    actor_sends_body(live, 0, MEGABYTES);
    assert_true(MEGABYTES - actor_unread(live) <= HELD_MAX);
    for (int i = 0; i < 20; i++) {
        sim_advance_ms(sim, 50000); /* slow, but never sixty seconds without a byte */
        actor_reads_bytes(client, 100000);
    }
    assert_true(actor_unread(live) > MEGABYTES / 2);
    actor_reads_again(client);
    actor_expects(client, head);
    actor_expects_body(client, 0, MEGABYTES);
    sim_close(sim);
}

static void test_a_body_until_close_stops_too(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_stops_reading(client, 1000);
    actor_sends(client, "GET / HTTP/1.0\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\n\r\n");
    actor_sends_body(live, 0, 1000000);
    actor_closes(live);
    assert_true(actor_unread(live) > 500000);
    actor_reads_again(client);
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_expects_body(client, 0, 1000000);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_two_clients_on_one_worker_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *live, *client = begin_upload(sim, &live);
    actor_stops_reading(live, 1000);
    actor_sends_body(client, 0, MEGABYTES);
    struct actor *other = sim_client(sim);
    actor_sends(other, GET);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(other, OK_2);
    sim_close(sim);
}

static void test_short_writes_of_the_kernel_change_nothing(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    struct actor *client = sim_client(sim);
    client->wire->write_max = 7;
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n");
    struct actor *live = sim_live(sim);
    live->wire->write_max = 11;
    actor_sends_body(client, 0, 3000);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 3000);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    actor_sends_body(live, 7, 5000);
    actor_expects(client, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    actor_expects_body(client, 7, 5000);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_messages_may_come_byte_by_byte(void **state)
{
    (void)state;
    static const char request[] = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: u\r\n\r\n" GET;
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nV: w\r\n\r\n";
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends_in_pieces(client, 1);
    actor_sends(client, request);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends_in_pieces(live, 1);
    actor_sends_in_pieces(shadow, 1);
    actor_expects_head(live, "POST /a HTTP/1.1");
    actor_expects_chunked(live, "hello world");
    actor_expects_head(shadow, "POST /a HTTP/1.1");
    actor_expects_chunked(shadow, "hello world");
    actor_sends(shadow, answer);
    actor_sends(live, answer);
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_expects_chunked(client, "abc");
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

/* Bytes that come one by one and have to wait are put together: a queue of many little pieces would cost memory and time. */
static void test_single_bytes_that_wait_are_put_together(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_stops_reading(live, 100);
    actor_stops_reading(shadow, 100);
    actor_sends_in_pieces(client, 1);
    actor_sends(client, "7530\r\n");
    actor_sends_body(client, 0, 30000);
    const struct http1_conn *to_live = CONTAINER_OF(live->wire->sock, struct http1_conn, sock);
    const struct http1_conn *to_shadow = CONTAINER_OF(shadow->wire->sock, struct http1_conn, sock);
    assert_in_range(to_live->out.count, 1, 60);
    assert_in_range(to_shadow->out.count, 1, 60);
    assert_true(sim_budget_used(sim) < 400000);
    actor_reads_again(live);
    actor_reads_again(shadow);
    actor_sends(client, "\r\n0\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        struct actor *far = i ? shadow : live;
        actor_expects_head(far, "POST / HTTP/1.1");
        struct str got = flow_peek(&far->got);
        char *data = mem_alloc_raw(got.len + 1);
        size_t len, used;
        assert_true(message_unchunk(got, data, &len, &used));
        assert_int_equal(len, 30000);
        for (size_t k = 0; k < len; k++)
            assert_int_equal(data[k], 'a' + k % 26);
        mem_free(data);
    }
    actor_sends(live, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

/* Live's pace is the client's; the shadow's own buffers never come into it. */
static void test_a_stuck_shadow_slows_no_upload(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *live, *client = begin_upload(sim, &live);
    actor_stops_reading(sim_shadow(sim), 1000);
    actor_sends_body(client, 0, MEGABYTES);
    assert_int_equal(actor_unread(client), 0);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, MEGABYTES);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_expects_failed(sim, 0, FAILED_LAG, 1);
    sim_close(sim);
}

static void test_a_shadow_that_keeps_up_with_live_gets_all_of_a_large_upload(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *live, *client = begin_upload(sim, &live), *shadow = sim_shadow(sim);
    for (size_t at = 0; at < MEGABYTES; at += 500000)
        actor_sends_body(client, at, 500000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects_body(shadow, 0, MEGABYTES);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

#define UPGRADE "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"

static void test_a_tunnel_goes_both_ways_and_is_not_copied(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, UPGRADE);
    struct actor *live = sim_live(sim);
    head_expects_field(actor_expects_head(live, "GET /ws HTTP/1.1"), "Upgrade", "chat");
    actor_sends(live, SWITCH "hello");
    head_expects_field(actor_expects_head(client, "HTTP/1.1 101 Switching Protocols"), "Upgrade", "chat");
    actor_expects(client, "hello");
    actor_sends(client, "and back");
    actor_expects(live, "and back");
    sim_advance_ms(sim, 3600000); /* no timeout of Umbra's own */
    actor_sends(live, "still there");
    actor_expects(client, "still there");
    actor_shuts(client);
    actor_expects_end(live);
    actor_sends(live, "bye");
    actor_expects(client, "bye");
    actor_shuts(live);
    actor_expects_end(client);
    sim_expects_filtered(sim, 0, FILTERED_UPGRADE, 1);
    sim_expects_status(sim, 101, 1);
    assert_int_equal(sim->proxy.in_flight, 0);
    sim_close(sim);
}

static void test_a_tunnel_has_backpressure(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, UPGRADE);
    struct actor *live = sim_live(sim);
    actor_sends(live, SWITCH);
    actor_expects_head(live, "GET /ws HTTP/1.1");
    actor_stops_reading(live, 1000);
    actor_sends_body(client, 0, 2000000);
    assert_true(actor_unread(client) > 1000000);
    actor_stops_reading(client, 1000);
    actor_sends_body(live, 0, 2000000);
    assert_true(actor_unread(live) > 1000000);
    actor_reads_again(live);
    actor_expects_body(live, 0, 2000000);
    actor_reads_again(client);
    actor_expects_head(client, "HTTP/1.1 101 Switching Protocols");
    actor_expects_body(client, 0, 2000000);
    sim_close(sim);
}

static void test_a_tunnel_dies_on_both_sides(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct sim *sim = sim_open(PLAIN);
        struct actor *client = sim_client(sim);
        actor_sends(client, UPGRADE);
        struct actor *live = sim_live(sim);
        actor_sends(live, SWITCH);
        actor_resets(who ? live : client);
        actor_expects_gone(who ? client : live);
        assert_int_equal(sim->proxy.in_flight, 0);
        sim_close(sim);
    }
}

static void test_an_upgrade_that_live_declines_is_a_request_like_others(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, UPGRADE);
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "GET /ws HTTP/1.1");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_sends(client, GET);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_is_read_as_fast_as_live_reads),
        cmocka_unit_test(test_live_is_read_as_fast_as_the_client_reads),
        cmocka_unit_test(test_a_body_until_close_stops_too),
        cmocka_unit_test(test_two_clients_on_one_worker_do_not_wait_for_each_other),
        cmocka_unit_test(test_short_writes_of_the_kernel_change_nothing),
        cmocka_unit_test(test_messages_may_come_byte_by_byte),
        cmocka_unit_test(test_single_bytes_that_wait_are_put_together),
        cmocka_unit_test(test_a_stuck_shadow_slows_no_upload),
        cmocka_unit_test(test_a_shadow_that_keeps_up_with_live_gets_all_of_a_large_upload),
        cmocka_unit_test(test_a_tunnel_goes_both_ways_and_is_not_copied),
        cmocka_unit_test(test_a_tunnel_has_backpressure),
        cmocka_unit_test(test_a_tunnel_dies_on_both_sides),
        cmocka_unit_test(test_an_upgrade_that_live_declines_is_a_request_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
