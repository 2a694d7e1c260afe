/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of http/client.h when connections carry many streams: room, limits, refusals, and connections that are clogged. */
#include "mux_play.h"

/* RFC 9113 8.7: what was refused was not looked at, so that any method may be sent again. */
static void test_what_is_refused_is_sent_again_whatever_the_method(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "CREDIT", "100");
    mux_sends(shadow, 1, "CREDIT", "100");
    mux_sends(client, 1, "DATA", "abc");
    mux_sends(client, 1, "END", "");
    mux_sends(client, 1, "CREDIT", "100");
    mux_sends(live, 1, "REFUSED", "");
    mux_sends(shadow, 1, "REFUSED", "");
    struct actor *again[] = {sim_live(sim), sim_shadow(sim)};
    for (int i = 0; i < 2; i++) {
        mux_sends(again[i], 1, "CREDIT", "100");
        mux_expects(again[i], 1, "HEAD", "POST / HTTP/1.1\r\n");
        mux_expects(again[i], 1, "DATA", "abc");
        mux_expects(again[i], 1, "END", "");
        mux_sends(again[i], 1, "LAST", HEAD_OK);
    }
    mux_expects(client, 1, "HEAD", "HTTP/1.1 200 OK\r\n");
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_what_is_refused_again_and_again_is_given_up(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(MIRRORED, &client);
    mux_asks(client, 1);
    for (int i = 0; i <= STREAM_REFUSALS; i++) {
        mux_sends(sim_live(sim), 1, "REFUSED", "");
        mux_sends(sim_shadow(sim), 1, "REFUSED", "");
    }
    mux_expects(client, 1, "HEAD", "HTTP/1.1 502 Bad Gateway\r\n");
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_full_connection_gets_a_second_one_beside_it(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_asks(client, 1);
    struct actor *first = sim_live(sim);
    mux_sends(first, 0, "LIMIT", "2");
    for (unsigned id = 2; id <= 5; id++)
        mux_asks(client, id);
    struct actor *second = sim_live(sim);
    sim_expects_no_live(sim);
    mux_answers(first, 1, "one");
    mux_expects_answer(client, 1, "one");
    mux_asks(client, 6); /* there is room again, and it was used last */
    mux_answers(first, 3, "six");
    mux_expects_answer(client, 6, "six");
    mux_answers(first, 2, "two");
    for (unsigned id = 1; id <= 3; id++)
        mux_answers(second, id, "second");
    sim_close(sim);
}

static void test_copies_wait_for_room_within_the_limit_of_connections(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}}, &client);
    mux_asks(client, 1);
    struct actor *shadow = sim_shadow(sim);
    mux_sends(shadow, 0, "LIMIT", "1");
    mux_asks(client, 2);
    mux_asks(client, 3);
    sim_live(sim);
    sim_expects_sent(sim, 0, 1);
    mux_sends(shadow, 1, "LAST", HEAD_OK);
    sim_expects_sent(sim, 0, 2);
    mux_sends(shadow, 2, "LAST", HEAD_OK);
    mux_sends(shadow, 3, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, 3);
    sim_expects_no_shadow(sim);
    sim_close(sim);
}

/* More calls joined the attempt than the connection takes: the rest have a turn, and no failure. */
static void test_calls_that_found_no_place_wait_for_their_turn(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}}, &client);
    sim_shadow_host(sim, 0, 0)->latency_ms = 100;
    for (unsigned id = 1; id <= CLIENT_MAX_STREAMS + 3; id++)
        mux_asks(client, id);
    sim_live(sim);
    sim_advance_ms(sim, 100);
    struct actor *shadow = sim_shadow(sim);
    sim_advance_ms(sim, 1500); /* longer than an attempt may take */
    for (unsigned id = 1; id <= CLIENT_MAX_STREAMS + 3; id++)
        mux_sends(shadow, id, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, CLIENT_MAX_STREAMS + 3);
    sim_close(sim);
}

static void test_a_clogged_connection_is_left_to_those_it_has(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 2}}}, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "CREDIT", "1000000");
    mux_sends(shadow, 1, "CREDIT", "1000000");
    actor_stops_reading(shadow, 4000);
    mux_sends_data(client, 1, 0, 100000);
    mux_asks(client, 2);
    struct actor *other = sim_shadow(sim); /* not held up by what the first has to take */
    mux_expects(other, 1, "HEAD", "GET / HTTP/1.1\r\n");
    mux_sends(other, 1, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, 1);
    actor_reads_again(shadow); /* and then it carries others again */
    mux_sends(client, 1, "END", "");
    mux_sends(shadow, 1, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, 2);
    sim_close(sim);
}

static void test_at_the_limit_a_clogged_connection_is_better_than_none(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}}, &client);
    mux_sends(client, 1, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    mux_sends(live, 1, "CREDIT", "1000000");
    mux_sends(shadow, 1, "CREDIT", "1000000");
    actor_stops_reading(shadow, 4000);
    mux_sends_data(client, 1, 0, 100000);
    mux_asks(client, 2);
    sim_expects_no_shadow(sim);
    sim_expects_sent(sim, 0, 2);
    actor_reads_again(shadow);
    mux_expects(shadow, 2, "HEAD", "GET / HTTP/1.1\r\n");
    sim_close(sim);
}

/* The lag of one copy ends that copy, with a RESET of its stream: the connection and its other streams go on. */
static void test_a_stalled_copy_ends_alone_and_gives_all_back(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(
        &(struct sim_rules){.mirrors = 1, .mirror = {{.window_bytes = 300000, .timeout_ms = 2000}}}, &client);
    mux_sends(client, 1, "HEAD", POST);
    mux_sends(client, 2, "HEAD", POST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    for (unsigned id = 1; id <= 2; id++) {
        mux_sends(live, id, "CREDIT", "1000000");
        mux_sends_data(client, id, 0, 100000);
        mux_sends(client, id, "END", "");
    }
    mux_sends(shadow, 2, "CREDIT", "1000000"); /* the first gets none */
    mux_expects(shadow, 2, "HEAD", NULL);
    mux_expects_body(shadow, 2, 0, 100000);
    mux_sends(shadow, 2, "LAST", HEAD_OK);
    sim_expects_completed(sim, 0, 1);
    mux_sends(live, 1, "LAST", HEAD_OK);
    sim_advance_ms(sim, 5000);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
    mux_expects(shadow, 1, "HEAD", NULL);
    mux_expects(shadow, 1, "RESET", "");
    sim_close(sim);
}

static void test_idle_connections_close(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = mux_open(PLAIN, &client);
    mux_asks(client, 1);
    mux_asks(client, 2);
    struct actor *live = sim_live(sim);
    mux_answers(live, 1, "one");
    sim_advance_ms(sim, CLIENT_IDLE_MS + 1000);
    assert_false(live->wire->is_closed); /* it has a stream */
    mux_answers(live, 2, "two");
    sim_advance_ms(sim, CLIENT_IDLE_MS + 1000);
    assert_true(live->wire->is_closed);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused_is_sent_again_whatever_the_method),
        cmocka_unit_test(test_what_is_refused_again_and_again_is_given_up),
        cmocka_unit_test(test_a_full_connection_gets_a_second_one_beside_it),
        cmocka_unit_test(test_copies_wait_for_room_within_the_limit_of_connections),
        cmocka_unit_test(test_calls_that_found_no_place_wait_for_their_turn),
        cmocka_unit_test(test_a_clogged_connection_is_left_to_those_it_has),
        cmocka_unit_test(test_at_the_limit_a_clogged_connection_is_better_than_none),
        cmocka_unit_test(test_a_stalled_copy_ends_alone_and_gives_all_back),
        cmocka_unit_test(test_idle_connections_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
