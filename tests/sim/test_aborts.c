/* SPDX-License-Identifier: Apache-2.0 */
/* Clients and live that go away at whatever point: what is left never looks whole, and everything is counted and given back. */
#include "play.h"

#define BEGUN "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345"

static void leave(struct actor *actor, bool is_reset)
{
    if (is_reset)
        actor_resets(actor);
    else
        actor_closes(actor);
}

static void test_a_client_that_leaves_in_its_head_costs_nothing(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        struct sim *sim = sim_open(MIRRORED);
        struct actor *client = sim_client(sim);
        actor_sends(client, "GET / HTT");
        leave(client, is_reset);
        assert_true(client->wire->is_closed);
        sim_expects_no_live(sim);
        sim_expects_matched(sim, 0, 0);
        sim_close(sim);
    }
}

static void test_a_client_that_leaves_while_live_is_connected_to_is_forgotten(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    sim_live_host(sim, 0)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_resets(client);
    assert_int_equal(sim->proxy.in_flight, 0);
    sim_expects_status(sim, 499, 1);
    sim_expects_matched(sim, 0, 0);
    sim_close(sim);
}

static void test_a_client_that_leaves_in_its_body_leaves_a_visible_stump(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        struct sim *sim = sim_open(MIRRORED);
        struct actor *client = sim_client(sim);
        actor_sends(client, BEGUN);
        struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
        leave(client, is_reset);
        actor_expects_head(live, "POST / HTTP/1.1");
        actor_expects(live, "12345");
        actor_expects_gone(live);
        actor_expects_head(shadow, "POST / HTTP/1.1");
        actor_expects(shadow, "12345");
        actor_expects_gone(shadow);
        sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
        sim_expects_status(sim, 499, 1);
        sim_close(sim);
    }
}

static void test_a_copy_that_had_not_been_sent_is_dropped(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}});
    struct actor *first = sim_client(sim), *second = sim_client(sim);
    actor_sends(first, BEGUN);
    actor_sends(second, BEGUN); /* waits for the one connection */
    actor_resets(second);
    sim_expects_dropped(sim, 0, DROPPED_CLIENT_ABORT, 1);
    actor_resets(first);
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    sim_close(sim);
}

static void test_a_client_that_leaves_while_it_waits_does_not_take_the_copy_along(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_resets(client);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_expects_gone(live);
    sim_expects_status(sim, 499, 1);
    actor_sends(sim_shadow(sim), EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_client_that_leaves_in_its_answer_ends_live_s_connection(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        struct sim *sim = sim_open(PLAIN);
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        struct actor *live = sim_live(sim);
        actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
        leave(client, is_reset);
        actor_sends(live, "456"); /* a close is noticed when the next bytes are answered with a reset */
        actor_expects_head(live, "GET / HTTP/1.1");
        actor_expects_gone(live);
        sim_expects_status(sim, 200, 1);
        sim_close(sim);
    }
}

static void test_a_client_may_end_its_direction_and_still_has_its_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_shuts(client);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_the_end_may_come_with_the_request(void **state)
{
    (void)state;
    static const char *const requests[] = {GET, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
                                           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"};
    for (size_t i = 0; i < 4; i++) {
        struct sim *sim = sim_open(PLAIN);
        struct actor *client = sim_client(sim);
        wire_send(client->wire, requests[i], strlen(requests[i]));
        actor_shuts(client);
        actor_sends(sim_live(sim), "HTTP/1.1 204 No Content\r\n\r\n");
        actor_expects_head(client, "HTTP/1.1 204 No Content");
        actor_expects_end(client);
        sim_close(sim);
    }
}

static void test_a_refused_client_that_ended_its_direction_hears_why(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    wire_send(client->wire, "GARBAGE\r\n\r\n", 11);
    actor_shuts(client);
    actor_expects_answer(client, "HTTP/1.1 400 Bad Request");
    actor_expects_end(client);
    sim_close(sim);
}

static void test_a_body_that_breaks_the_framing_is_400_and_whole_for_nobody(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(client, "+5\r\nhello\r\n0\r\n\r\n");
    actor_expects_answer(client, "HTTP/1.1 400 Bad Request");
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects(live, "5\r\nhello\r\n");
    actor_expects_nothing(live);
    actor_expects_gone(live);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "5\r\nhello\r\n");
    actor_expects_nothing(shadow);
    actor_expects_gone(shadow);
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    sim_expects_refused(sim, REFUSAL_FRAMING, 1);
    sim_expects_status(sim, 400, 1);
    sim_close(sim);
}

static const char whole_request[] = "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: u\r\n\r\n";

static void play_abort(size_t bytes, bool is_reset, bool is_live_warm)
{
    struct sim *sim = sim_open(MIRRORED);
    struct actor *warm = sim_client(sim), *client = sim_client(sim);
    if (is_live_warm)
        sim_warms_up(sim, warm);
    actor_sends_bytes(client, (struct str){whole_request, bytes});
    leave(client, is_reset);
    sim_expects_completed(sim, 0, is_live_warm ? 1 : 0);
    sim_expects_under_way(sim, 0, 0);
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        if (actor->host && flow_len(&actor->got)) {
            struct str got = flow_peek(&actor->got);
            assert_false(str_ends_with(got, STR("\r\n0\r\nT: u\r\n\r\n")));
            actor_expects_gone(actor);
        }
    }
    sim_close(sim);
}

static void test_a_client_may_leave_at_any_byte_of_its_request(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_request - 1; bytes++) {
        play_abort(bytes, false, false);
        play_abort(bytes, true, false);
        play_abort(bytes, true, true);
    }
}

static const char whole_answer[] =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\n";

static void play_live_dies(size_t bytes, bool is_reset)
{
    size_t head = strstr(whole_answer, "\r\n\r\n") + 4 - whole_answer;
    struct sim *sim = sim_open(MIRRORED);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_sends_bytes(live, (struct str){whole_answer, bytes});
    leave(live, is_reset);
    if (bytes < head) {
        actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
        actor_expects_open(client);
    } else if (bytes < sizeof whole_answer - 1) {
        actor_expects_head(client, "HTTP/1.1 200 OK");
        assert_false(str_ends_with(flow_peek(&client->got), STR("\r\n\r\n")));
        assert_true(client->wire->is_closed_hard);
    } else {
        actor_expects_head(client, "HTTP/1.1 200 OK");
        actor_expects(client, "5\r\nhello\r\n0\r\nT: u\r\n\r\n");
        actor_expects_open(client);
    }
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_live_may_die_at_any_byte_of_its_answer(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer; bytes++) {
        play_live_dies(bytes, false);
        play_live_dies(bytes, true);
    }
}

static void test_live_that_answers_early_and_closes_is_heard(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, BEGUN);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(live, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    actor_expects_answer(client, "HTTP/1.1 413 Content Too Large");
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "12345");
    actor_expects_gone(shadow);
    actor_sends(client, "67890");
    sim_advance_ms(sim, 2010);
    actor_expects_end(client);
    sim_close(sim);
}

/* The answer waits for a client that sends but does not read: what it sends meanwhile is for nobody. */
static void test_bytes_behind_an_early_answer_hurt_nobody(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_stops_reading(client, 1000);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n");
    actor_sends_body(live, 0, 100000);
    for (int i = 0; i < 5; i++)
        actor_sends_body(client, 0, 100000);
    actor_reads_again(client);
    actor_expects_head(client, "HTTP/1.1 413 Content Too Large");
    actor_expects_body(client, 0, 100000);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_live_that_answers_early_and_goes_on_reading_gets_all(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, BEGUN);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_sends(client, "67890");
    actor_sends(client, GET);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects(live, "1234567890");
    actor_expects_head(live, "GET / HTTP/1.1"); /* both connections go on */
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "1234567890");
    actor_sends(shadow, EMPTY_200);
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 0);
    sim_close(sim);
}

static void test_live_that_answers_early_and_then_dies_cuts_the_request(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, BEGUN);
    struct actor *live = sim_live(sim);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_resets(live);
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    actor_sends(client, "67890");
    sim_advance_ms(sim, 2010);
    actor_expects_gone(client);
    sim_expects_status(sim, 200, 1);
    sim_close(sim);
}

static void test_a_client_may_leave_after_an_early_answer(void **state)
{
    (void)state;
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        struct sim *sim = sim_open(MIRRORED);
        struct actor *client = sim_client(sim);
        actor_sends(client, BEGUN);
        struct actor *live = sim_live(sim);
        actor_sends(live, OK_2);
        leave(client, is_reset);
        actor_expects_head(live, "POST / HTTP/1.1");
        actor_expects(live, "12345");
        actor_expects_gone(live);
        sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
        sim_close(sim);
    }
}

static void test_a_client_may_leave_while_several_requests_wait_in_line(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET GET GET);
    struct actor *live = sim_live(sim);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_resets(client);
    sim_expects_matched(sim, 0, 2); /* the third never had its turn */
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_leaves_in_its_head_costs_nothing),
        cmocka_unit_test(test_a_client_that_leaves_while_live_is_connected_to_is_forgotten),
        cmocka_unit_test(test_a_client_that_leaves_in_its_body_leaves_a_visible_stump),
        cmocka_unit_test(test_a_copy_that_had_not_been_sent_is_dropped),
        cmocka_unit_test(test_a_client_that_leaves_while_it_waits_does_not_take_the_copy_along),
        cmocka_unit_test(test_a_client_that_leaves_in_its_answer_ends_live_s_connection),
        cmocka_unit_test(test_a_client_may_end_its_direction_and_still_has_its_answer),
        cmocka_unit_test(test_the_end_may_come_with_the_request),
        cmocka_unit_test(test_a_refused_client_that_ended_its_direction_hears_why),
        cmocka_unit_test(test_a_body_that_breaks_the_framing_is_400_and_whole_for_nobody),
        cmocka_unit_test(test_a_client_may_leave_at_any_byte_of_its_request),
        cmocka_unit_test(test_live_may_die_at_any_byte_of_its_answer),
        cmocka_unit_test(test_live_that_answers_early_and_closes_is_heard),
        cmocka_unit_test(test_bytes_behind_an_early_answer_hurt_nobody),
        cmocka_unit_test(test_live_that_answers_early_and_goes_on_reading_gets_all),
        cmocka_unit_test(test_live_that_answers_early_and_then_dies_cuts_the_request),
        cmocka_unit_test(test_a_client_may_leave_after_an_early_answer),
        cmocka_unit_test(test_a_client_may_leave_while_several_requests_wait_in_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
