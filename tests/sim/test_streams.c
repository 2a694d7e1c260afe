/* SPDX-License-Identifier: Apache-2.0 */
/* The real proxy and mirror over a multiplexed protocol (fake_mux.h): they know streams only, so nothing in them changes. */
#include "mux_play.h"

static void test_a_request_its_answer_and_its_copy_pass(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_asks(client, 1);
    mux_answers(sim_live(sim), 1, "hello");
    mux_expects_answer(client, 1, "hello");
    struct actor *shadow = sim_shadow(sim);
    struct str head = mux_expects(shadow, 1, "HEAD", "GET / HTTP/1.1\r\n");
    head_expects_field(head, "X-Umbra-Shadow", NULL);
    head_expects_field(head, "baggage", "umbra.shadow=true");
    mux_expects(shadow, 1, "END", "");
    mux_sends(shadow, 1, "LAST", "HTTP/1.1 204 No Content\r\n\r\n");
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_streams_share_connections_and_end_in_any_order(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    for (unsigned id = 1; id <= 5; id++)
        mux_asks(client, id);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    sim_expects_no_live(sim);
    sim_expects_no_shadow(sim);
    for (unsigned id = 5; id >= 1; id--) {
        char body[2] = {(char)('0' + id), 0};
        mux_answers(live, id, body);
        mux_expects_answer(client, id, body);
    }
    for (unsigned id = 3; id <= 5; id++)
        mux_sends(shadow, id, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, 3);
    sim_expects_under_way(sim, 0, 2);
    sim_close(sim);
}

static void test_one_stream_without_credit_holds_nobody_up(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_sends(client, 1, "LAST", GET); /* no credit for its answer */
    mux_asks(client, 2);
    struct actor *live = sim_live(sim);
    mux_sends(live, 1, "HEAD", HEAD_OK);
    assert_int_equal(mux_credit(live, 1), STREAM_WINDOW);
    mux_sends_data(live, 1, 0, STREAM_WINDOW);
    mux_expects(client, 1, "HEAD", "HTTP/1.1 200 OK\r\n");
    mux_expects_nothing(client, 1);
    assert_int_equal(mux_credit(live, 1), 0); /* live is not read on for it */
    mux_expects(live, 1, "HEAD", NULL);
    mux_expects(live, 1, "END", "");
    mux_answers(live, 2, "second");
    mux_expects_answer(client, 2, "second");
    mux_sends(client, 1, "CREDIT", "100000");
    mux_expects_body(client, 1, 0, 100000);
    assert_true(mux_credit(live, 1) > 0); /* and now it is */
    mux_sends(client, 1, "CREDIT", "1000000");
    mux_sends(live, 1, "END", "");
    mux_expects_body(client, 1, 100000, STREAM_WINDOW - 100000);
    mux_expects(client, 1, "END", "");
    sim_close(sim);
}

static void test_an_upload_has_the_credit_that_live_gives(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim);
    assert_int_equal(mux_credit(client, 1), STREAM_WINDOW);
    mux_sends_data(client, 1, 0, STREAM_WINDOW);
    mux_expects(live, 1, "HEAD", "POST / HTTP/1.1\r\n");
    mux_expects_nothing(live, 1);
    assert_int_equal(mux_credit(client, 1), 0);
    mux_asks(client, 2);
    mux_answers(live, 2, "meanwhile");
    mux_expects_answer(client, 2, "meanwhile");
    mux_sends(live, 1, "CREDIT", "300000");
    mux_expects_body(live, 1, 0, STREAM_WINDOW);
    assert_int_equal(mux_credit(client, 1), STREAM_WINDOW);
    mux_sends(client, 1, "END", "");
    mux_expects(live, 1, "END", "");
    mux_sends(live, 1, "LAST", HEAD_OK);
    mux_expects(client, 1, "HEAD", "HTTP/1.1 200 OK\r\n");
    mux_expects(client, 1, "END", "");
    sim_close(sim);
}

static void test_large_answers_are_interleaved(void **state)
{
    (void)state;
    struct actor *client;
    struct mux_frame frame;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_sends(client, 1, "LAST", GET);
    mux_sends(client, 2, "LAST", GET);
    struct actor *live = sim_live(sim);
    for (unsigned id = 1; id <= 2; id++) {
        mux_sends(live, id, "HEAD", HEAD_OK);
        mux_sends_data(live, id, id, 20000);
        mux_sends(live, id, "END", "");
    }
    mux_sends(client, 1, "CREDIT", "1"); /* both begin, then both may go on at once */
    mux_sends(client, 2, "CREDIT", "1");
    wire_send(client->wire, "1 CREDIT 5\n500002 CREDIT 5\n50000", 32);
    sim_rest(sim);
    unsigned turns = 0, last = 0;
    for (size_t at = 0; mux_frame_at(flow_peek(&client->got), at, &frame); at = frame.end) {
        turns += str_eq(frame.kind, STR("DATA")) && frame.id != last;
        last = frame.id;
    }
    assert_true(turns > 20);
    for (unsigned id = 1; id <= 2; id++) {
        mux_expects(client, id, "HEAD", NULL);
        mux_expects_body(client, id, id, 20000);
        mux_expects(client, id, "END", "");
    }
    sim_close(sim);
}

static void test_trailers_pass_both_ways_and_to_the_shadow(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "CREDIT", "10");
    mux_sends(shadow, 1, "CREDIT", "10");
    mux_sends(client, 1, "CREDIT", "10");
    mux_sends(client, 1, "DATA", "abc");
    mux_sends(client, 1, "END", "Sum: 3\r\nB: c\r\n");
    mux_expects(live, 1, "HEAD", NULL);
    mux_expects(live, 1, "DATA", "abc");
    mux_expects(live, 1, "END", "Sum: 3\r\nB: c\r\n");
    mux_expects(shadow, 1, "HEAD", NULL);
    mux_expects(shadow, 1, "DATA", "abc");
    mux_expects(shadow, 1, "END", "Sum: 3\r\nB: c\r\n");
    mux_sends(live, 1, "HEAD", HEAD_OK);
    mux_sends(live, 1, "DATA", "ok");
    mux_sends(live, 1, "END", "grpc-status: 0\r\n");
    mux_expects(client, 1, "HEAD", NULL);
    mux_expects(client, 1, "DATA", "ok");
    mux_expects(client, 1, "END", "grpc-status: 0\r\n");
    mux_sends(shadow, 1, "HEAD", HEAD_OK);
    mux_sends(shadow, 1, "END", "grpc-status: 13\r\n");
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

/* The end needs no credit, so it may come before live is there. */
static void test_trailers_that_come_before_live_is_connected_are_kept(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    sim_live_host(sim, 0)->latency_ms = 100;
    mux_sends(client, 1, "HEAD", POST);
    mux_sends(client, 1, "END", "Sum: 0\r\n");
    sim_advance_ms(sim, 100);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_expects(live, 1, "HEAD", NULL);
    mux_expects(live, 1, "END", "Sum: 0\r\n");
    mux_expects(shadow, 1, "HEAD", NULL);
    mux_expects(shadow, 1, "END", "Sum: 0\r\n");
    sim_close(sim);
}

static void test_a_client_s_reset_touches_one_stream(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_sends(client, 1, "HEAD", POST);
    mux_sends(client, 2, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(client, 1, "RESET", "");
    for (int i = 0; i < 2; i++) {
        struct actor *far = i ? shadow : live;
        mux_expects(far, 1, "HEAD", NULL);
        mux_expects(far, 1, "RESET", "");
        mux_expects(far, 2, "HEAD", NULL);
        mux_expects_nothing(far, 2);
        mux_sends(far, 2, "CREDIT", "100");
    }
    mux_sends(client, 2, "DATA", "on we go");
    mux_sends(client, 2, "END", "");
    for (int i = 0; i < 2; i++) {
        struct actor *far = i ? shadow : live;
        mux_expects(far, 2, "DATA", "on we go");
        mux_expects(far, 2, "END", "");
        mux_sends(far, 2, "LAST", HEAD_OK);
    }
    mux_expects(client, 2, "HEAD", "HTTP/1.1 200 OK\r\n");
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    sim_expects_completed(sim, 0, 1);
    sim_expects_status(sim, 499, 1);
    sim_close(sim);
}

static void test_live_s_reset_touches_one_stream(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    for (unsigned id = 1; id <= 3; id++)
        mux_asks(client, id);
    struct actor *live = sim_live(sim);
    mux_sends(live, 1, "RESET", ""); /* before its head */
    mux_sends(live, 2, "HEAD", HEAD_OK);
    mux_sends(live, 2, "DATA", "par");
    mux_sends(live, 2, "RESET", "");
    mux_answers(live, 3, "third");
    mux_expects(client, 1, "HEAD", "HTTP/1.1 502 Bad Gateway\r\n");
    mux_expects(client, 2, "HEAD", "HTTP/1.1 200 OK\r\n");
    mux_expects(client, 2, "DATA", "par");
    mux_expects(client, 2, "RESET", "");
    mux_expects_answer(client, 3, "third");
    sim_expects_status(sim, 502, 1);
    sim_close(sim);
}

static void test_a_shadow_s_reset_touches_one_copy(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_asks(client, 1);
    mux_asks(client, 2);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(shadow, 1, "RESET", "");
    mux_sends(shadow, 2, "LAST", HEAD_OK);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_expects_completed(sim, 0, 1);
    for (unsigned id = 1; id <= 2; id++) {
        mux_answers(live, id, "ok");
        mux_expects_answer(client, id, "ok");
    }
    sim_close(sim);
}

static void test_a_shadow_that_gives_no_credit_lags_alone(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.window_bytes = 300000}}}, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "CREDIT", "10000000");
    size_t sent = 0;
    for (int i = 0; i < 10; i++) {
        size_t credit = (size_t)mux_credit(client, 1);
        assert_true(credit > 0); /* live's pace */
        mux_sends_data(client, 1, sent, credit);
        sent += credit;
        mux_asks(client, 2 + (unsigned)i);
        mux_answers(live, 2 + (unsigned)i, "ok");
        mux_expects_answer(client, 2 + (unsigned)i, "ok");
        mux_sends(shadow, 2 + (unsigned)i, "LAST", HEAD_OK);
    }
    mux_expects(live, 1, "HEAD", NULL);
    mux_expects_body(live, 1, 0, sent);
    sim_expects_failed(sim, 0, FAILED_LAG, 1);
    sim_expects_completed(sim, 0, 10);
    mux_expects(shadow, 1, "HEAD", NULL);
    mux_expects(shadow, 1, "RESET", "");
    sim_close(sim);
}

static void test_goaway_of_live_lets_streams_end_and_new_ones_go_elsewhere(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_asks(client, 1);
    struct actor *old = sim_live(sim);
    mux_sends(old, 0, "GOAWAY", "");
    mux_asks(client, 2);
    struct actor *new = sim_live(sim);
    mux_answers(new, 1, "new");
    mux_expects_answer(client, 2, "new");
    assert_false(old->wire->is_closed);
    mux_answers(old, 1, "old");
    mux_expects_answer(client, 1, "old");
    assert_true(old->wire->is_closed);
    sim_close(sim);
}

static void test_a_drain_says_goaway_and_finishes_what_it_has(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_asks(client, 1);
    mux_asks(client, 2);
    struct actor *live = sim_live(sim);
    server_drain(&sim->server);
    mux_answers(live, 1, "one");
    mux_expects_answer(client, 1, "one");
    mux_expects(client, 0, "GOAWAY", "");
    mux_asks(client, 3);
    mux_expects(client, 3, "RESET", "");
    mux_answers(live, 2, "two");
    mux_expects_answer(client, 2, "two");
    sim_close(sim);
}

static void test_a_dying_connection_is_replaced_for_all_its_streams(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_asks(client, 1);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_answers(live, 1, "warm");
    mux_expects_answer(client, 1, "warm");
    mux_sends(shadow, 1, "LAST", HEAD_OK);
    for (unsigned id = 2; id <= 4; id++)
        mux_asks(client, id);
    mux_sends(client, 5, "LAST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    actor_closes(live);
    actor_closes(shadow);
    struct actor *next = sim_live(sim), *next_shadow = sim_shadow(sim);
    for (unsigned id = 1; id <= 3; id++) {
        mux_answers(next, id, "again");
        mux_sends(next_shadow, id, "LAST", HEAD_OK);
    }
    for (unsigned id = 2; id <= 4; id++)
        mux_expects_answer(client, id, "again");
    mux_expects(client, 5, "HEAD", "HTTP/1.1 502 Bad Gateway\r\n"); /* a POST is not sent twice */
    sim_expects_completed(sim, 0, 4);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_client_that_goes_takes_all_its_streams_along(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct actor *client;
        struct sim *sim = mux_open(MIRRORED, &client);
        mux_asks(client, 1);
        for (unsigned id = 2; id <= 4; id++)
            mux_sends(client, id, "HEAD", POST);
        struct actor *live = sim_live(sim);
        if (how)
            actor_resets(client);
        else
            actor_sends(client, "what is this?\n");
        for (unsigned id = 1; id <= 4; id++) {
            mux_expects(live, id, "HEAD", NULL);
            if (id == 1)
                mux_expects(live, id, "END", "");
            mux_expects(live, id, "RESET", "");
        }
        sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 3);
        sim_expects_under_way(sim, 0, 1); /* the GET was whole */
        assert_int_equal(sim->proxy.in_flight, 0);
        sim_close(sim);
    }
}

static void test_answers_of_umbra_itself_wait_for_credit_too(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.live_endpoints = SIM_NONE}, &client);
    mux_sends(client, 1, "HEAD", POST);
    mux_sends(client, 2, "LAST", GET);
    for (unsigned id = 1; id <= 2; id++) {
        mux_expects(client, id, "HEAD", "HTTP/1.1 503 Service Unavailable\r\n");
        mux_expects_nothing(client, id);
        mux_sends(client, id, "CREDIT", "1000");
        mux_expects(client, id, "DATA", NULL);
        mux_expects(client, id, "END", "");
    }
    mux_expects(client, 1, "RESET", ""); /* the rest of its request is not wanted */
    sim_close(sim);
}

static void test_live_that_answers_early_goes_on_with_the_request(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "LAST", HEAD_OK);
    mux_sends(shadow, 1, "LAST", HEAD_OK);
    mux_expects(client, 1, "HEAD", NULL);
    mux_expects(client, 1, "END", "");
    mux_sends(live, 1, "CREDIT", "100");
    mux_sends(shadow, 1, "CREDIT", "100");
    mux_sends(client, 1, "DATA", "still");
    mux_sends(client, 1, "END", "");
    mux_expects(live, 1, "HEAD", NULL);
    mux_expects(live, 1, "DATA", "still");
    mux_expects(live, 1, "END", "");
    mux_expects(shadow, 1, "HEAD", NULL);
    mux_expects(shadow, 1, "DATA", "still");
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_live_connects_once_for_many_that_ask_at_once(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    sim_live_host(sim, 0)->latency_ms = 50;
    sim_shadow_host(sim, 0, 0)->is_refusing = true;
    for (unsigned id = 1; id <= 3; id++)
        mux_asks(client, id);
    mux_sends(client, 2, "RESET", "");
    sim_advance_ms(sim, 50);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 1);
    struct actor *live = sim_live(sim);
    mux_answers(live, 1, "one");
    mux_answers(live, 2, "three");
    mux_expects_answer(client, 1, "one");
    mux_expects_answer(client, 3, "three");
    sim_expects_failed(sim, 0, FAILED_CONNECT, 2);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_its_answer_and_its_copy_pass),
        cmocka_unit_test(test_streams_share_connections_and_end_in_any_order),
        cmocka_unit_test(test_one_stream_without_credit_holds_nobody_up),
        cmocka_unit_test(test_an_upload_has_the_credit_that_live_gives),
        cmocka_unit_test(test_large_answers_are_interleaved),
        cmocka_unit_test(test_trailers_pass_both_ways_and_to_the_shadow),
        cmocka_unit_test(test_trailers_that_come_before_live_is_connected_are_kept),
        cmocka_unit_test(test_a_client_s_reset_touches_one_stream),
        cmocka_unit_test(test_live_s_reset_touches_one_stream),
        cmocka_unit_test(test_a_shadow_s_reset_touches_one_copy),
        cmocka_unit_test(test_a_shadow_that_gives_no_credit_lags_alone),
        cmocka_unit_test(test_goaway_of_live_lets_streams_end_and_new_ones_go_elsewhere),
        cmocka_unit_test(test_a_drain_says_goaway_and_finishes_what_it_has),
        cmocka_unit_test(test_a_dying_connection_is_replaced_for_all_its_streams),
        cmocka_unit_test(test_a_client_that_goes_takes_all_its_streams_along),
        cmocka_unit_test(test_answers_of_umbra_itself_wait_for_credit_too),
        cmocka_unit_test(test_live_that_answers_early_goes_on_with_the_request),
        cmocka_unit_test(test_live_connects_once_for_many_that_ask_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
