/* SPDX-License-Identifier: Apache-2.0 */
/* Every timeout, within ten milliseconds: a timer may be a tick late each time it is armed. */
#include "play.h"

static void test_a_client_that_says_nothing_is_closed_after_ten_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_advance_ms(sim, 9990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_end(client);
    sim_expects_refused(sim, REFUSAL_TIMEOUT, 0);
    sim_close(sim);
}

static void test_a_head_that_is_not_whole_after_ten_seconds_gets_408(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost:");
    sim_advance_ms(sim, 9990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 408 Request Timeout");
    actor_expects_end(client);
    sim_expects_refused(sim, REFUSAL_TIMEOUT, 1);
    sim_expects_no_live(sim);
    sim_close(sim);
}

static void test_a_byte_now_and_then_does_not_prolong_a_head(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 9; i++) {
        sim_advance_ms(sim, 1000);
        actor_sends(client, "x");
    }
    actor_expects_open(client);
    sim_advance_ms(sim, 1010);
    actor_expects_answer(client, "HTTP/1.1 408 Request Timeout");
    sim_close(sim);
}

static void test_a_second_head_has_ten_seconds_from_its_first_byte(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    sim_advance_ms(sim, 50000);
    actor_sends(client, "GET");
    sim_advance_ms(sim, 9990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 408 Request Timeout");
    sim_close(sim);
}

static void test_a_pipelined_rest_of_a_head_counts_from_when_its_turn_comes(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET "GET");
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 30000); /* live thinks; the client is not to blame */
    actor_sends(live, OK_2);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_advance_ms(sim, 9990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 408 Request Timeout");
    sim_close(sim);
}

static void test_a_body_may_rest_for_sixty_seconds_and_no_longer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12");
    struct actor *live = sim_live(sim);
    for (int i = 0; i < 3; i++) {
        sim_advance_ms(sim, 59990);
        actor_expects_open(client);
        actor_sends(client, "x");
    }
    sim_advance_ms(sim, 59990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 408 Request Timeout");
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects(live, "12xxx");
    actor_expects_gone(live);
    sim_expects_refused(sim, REFUSAL_TIMEOUT, 1);
    sim_expects_status(sim, 408, 1);
    sim_close(sim);
}

static void test_a_client_that_does_not_read_its_answer_is_reset_after_sixty_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_stops_reading(client, 10000);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    actor_sends_body(live, 0, 100000);
    sim_advance_ms(sim, 59990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_reset(client);
    sim_close(sim);
}

static void test_an_idle_connection_is_kept_for_seventy_five_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    sim_advance_ms(sim, 74990);
    actor_expects_open(client);
    sim_warms_up(sim, client);
    sim_advance_ms(sim, 74990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_end(client);
    sim_expects_refused(sim, REFUSAL_TIMEOUT, 0);
    sim_close(sim);
}

static void test_an_idle_connection_to_live_closes_after_four_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 3990);
    actor_expects_open(live);
    sim_warms_up(sim, client); /* used again: its time begins anew */
    sim_expects_no_live(sim);
    sim_advance_ms(sim, 3990);
    actor_expects_open(live);
    sim_advance_ms(sim, 20);
    actor_expects_end(live);
    sim_close(sim);
}

static void test_each_idle_connection_has_its_own_four_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *one = sim_client(sim), *two = sim_client(sim);
    actor_sends(one, GET);
    actor_sends(two, GET);
    struct actor *first = sim_live(sim), *second = sim_live(sim);
    actor_expects_head(first, "GET / HTTP/1.1");
    actor_expects_head(second, "GET / HTTP/1.1");
    actor_sends(first, EMPTY_200);
    sim_advance_ms(sim, 2000);
    actor_sends(second, EMPTY_200);
    sim_advance_ms(sim, 2010);
    actor_expects_end(first);
    actor_expects_open(second);
    sim_advance_ms(sim, 2010);
    actor_expects_end(second);
    sim_close(sim);
}

static void test_live_that_does_not_answer_in_time_is_504(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.request_timeout_ms = 2000});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 100 Continue\r\n\r\n");
    actor_expects_head(client, "HTTP/1.1 100 Continue");
    sim_advance_ms(sim, 1990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 504 Gateway Timeout");
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_expects_gone(live);
    sim_expects_status(sim, 504, 1);
    sim_warms_up(sim, client); /* the client's connection goes on */
    sim_close(sim);
}

static void test_without_a_request_timeout_live_may_think_for_an_hour(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 3600 * 1000);
    actor_expects_open(client);
    actor_sends(live, OK_2);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_a_shadow_that_does_not_answer_fails_after_fifteen_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    struct actor *shadow = sim_shadow(sim);
    sim_advance_ms(sim, 14990);
    sim_expects_under_way(sim, 0, 1);
    sim_advance_ms(sim, 20);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_expects_gone(shadow);
    sim_close(sim);
}

static void test_a_shadow_s_timeout_is_of_progress_while_live_runs(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(shadow, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        sim_advance_ms(sim, 14990);
        actor_sends(shadow, "x");
    }
    sim_expects_under_way(sim, 0, 1); /* 75 s, but never 15 without a byte */
    sim_advance_ms(sim, 14990);
    sim_expects_under_way(sim, 0, 1);
    actor_sends(shadow, "x");
    sim_expects_under_way(sim, 0, 0);
    sim_expects_completed(sim, 0, 1);
    actor_sends(live, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_a_shadow_s_progress_counts_no_more_once_live_is_done(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(shadow, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    actor_sends(live, EMPTY_200);
    for (int i = 0; i < 14; i++) {
        sim_advance_ms(sim, 1000);
        actor_sends(shadow, "x");
    }
    sim_expects_under_way(sim, 0, 1);
    sim_advance_ms(sim, 1010);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
    sim_close(sim);
}

static void test_a_client_that_pauses_is_not_the_shadow_s_fault(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    sim_advance_ms(sim, 40000);
    actor_sends(client, "b");
    sim_advance_ms(sim, 14990);
    actor_sends(client, "c"); /* from now on the shadow has fifteen seconds */
    sim_advance_ms(sim, 14990);
    sim_expects_under_way(sim, 0, 1);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "abc");
    actor_sends(shadow, EMPTY_200);
    actor_sends(live, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_shadow_that_is_a_black_hole_fails_after_a_second(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    sim_shadow_host(sim, 0, 0)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), OK_2);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_advance_ms(sim, 990);
    sim_expects_under_way(sim, 0, 1);
    sim_advance_ms(sim, 20);
    sim_expects_failed(sim, 0, FAILED_CONNECT, 1);
    sim_close(sim);
}

static void test_live_that_is_a_black_hole_is_503_after_three_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    sim_live_host(sim, 0)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 2990);
    actor_expects_open(client);
    sim_advance_ms(sim, 20);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    sim_expects_matched(sim, 0, 0); /* nothing was written to live, so nothing is offered */
    sim_close(sim);
}

static void test_a_refused_client_has_two_seconds_to_read_its_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GARBAGE\r\n\r\n");
    actor_expects_answer(client, "HTTP/1.1 400 Bad Request");
    actor_sends_body(client, 0, 100000); /* is thrown away: a reset would overtake the answer */
    sim_advance_ms(sim, 1990);
    assert_false(client->wire->is_closed);
    sim_advance_ms(sim, 20);
    actor_expects_end(client);
    assert_true(client->wire->is_closed);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_says_nothing_is_closed_after_ten_seconds),
        cmocka_unit_test(test_a_head_that_is_not_whole_after_ten_seconds_gets_408),
        cmocka_unit_test(test_a_byte_now_and_then_does_not_prolong_a_head),
        cmocka_unit_test(test_a_second_head_has_ten_seconds_from_its_first_byte),
        cmocka_unit_test(test_a_pipelined_rest_of_a_head_counts_from_when_its_turn_comes),
        cmocka_unit_test(test_a_body_may_rest_for_sixty_seconds_and_no_longer),
        cmocka_unit_test(test_a_client_that_does_not_read_its_answer_is_reset_after_sixty_seconds),
        cmocka_unit_test(test_an_idle_connection_is_kept_for_seventy_five_seconds),
        cmocka_unit_test(test_an_idle_connection_to_live_closes_after_four_seconds),
        cmocka_unit_test(test_each_idle_connection_has_its_own_four_seconds),
        cmocka_unit_test(test_live_that_does_not_answer_in_time_is_504),
        cmocka_unit_test(test_without_a_request_timeout_live_may_think_for_an_hour),
        cmocka_unit_test(test_a_shadow_that_does_not_answer_fails_after_fifteen_seconds),
        cmocka_unit_test(test_a_shadow_s_timeout_is_of_progress_while_live_runs),
        cmocka_unit_test(test_a_shadow_s_progress_counts_no_more_once_live_is_done),
        cmocka_unit_test(test_a_client_that_pauses_is_not_the_shadow_s_fault),
        cmocka_unit_test(test_a_shadow_that_is_a_black_hole_fails_after_a_second),
        cmocka_unit_test(test_live_that_is_a_black_hole_is_503_after_three_seconds),
        cmocka_unit_test(test_a_refused_client_has_two_seconds_to_read_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
