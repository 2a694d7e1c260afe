/* SPDX-License-Identifier: Apache-2.0 */
/* A rule's timeouts and retries: what live is asked how often, what the client sees of it, and that a copy is made once. */
#include "play.h"

#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"
#define TIMEOUT "HTTP/1.1 504 Gateway Timeout"
#define BACKOFF 100

static struct sim_rules retrying(unsigned attempts)
{
    return (struct sim_rules){.live_endpoints = 2,
                              .mirrors = 1,
                              .retry_attempts = attempts,
                              .retry_backoff_ms = BACKOFF,
                              .retry_codes = {503, 500}};
}

/* The least pause, and what jitter may add. */
static void wait_for_retry(struct sim *sim)
{
    sim_advance_ms(sim, BACKOFF - 1);
    sim_expects_no_live(sim);
    sim_advance_ms(sim, BACKOFF / 4 + 3);
}

static void shadow_answers(struct sim *sim)
{
    sim_expects_matched(sim, 0, 1);
    actor_sends(sim_shadow(sim), OK_2);
    sim_expects_no_shadow(sim);
    sim_expects_sent(sim, 0, 1);
    sim_expects_completed(sim, 0, 1);
}

static void test_a_listed_status_is_tried_again_at_another_endpoint(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *first = sim_live(sim);
    actor_sends(first, UNAVAILABLE);
    actor_expects_nothing(client);
    actor_expects_head(first, "GET / HTTP/1.1");
    actor_expects_gone(first);
    wait_for_retry(sim);
    struct actor *second = sim_live(sim);
    assert_ptr_not_equal(first->host, second->host);
    actor_expects_head(second, "GET / HTTP/1.1");
    actor_sends(second, OK_2);
    actor_expects(client, OK_2);
    sim_expects_status(sim, 200, 1);
    sim_expects_status(sim, 503, 0);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_other_statuses_pass(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
    shadow_answers(sim);
    sim_close(sim);
}

static void test_the_last_answer_passes(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(2);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    for (int i = 0; i < 2; i++) {
        actor_sends(sim_live(sim), UNAVAILABLE);
        actor_expects_nothing(client);
        wait_for_retry(sim);
    }
    actor_sends(sim_live(sim), "HTTP/1.1 500 Internal Server Error\r\nX-Last: yes\r\nContent-Length: 3\r\n\r\nend");
    head_expects_field(actor_expects_head(client, "HTTP/1.1 500 Internal Server Error"), "X-Last", "yes");
    actor_expects(client, "end");
    sim_advance_ms(sim, 1000);
    sim_expects_no_live(sim);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_a_connection_that_breaks_off_is_tried_again(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_resets(sim_live(sim));
    wait_for_retry(sim);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_an_answer_that_breaks_off_behind_its_head_is_not_tried_again(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_resets(live);
    actor_expects(client, "half");
    actor_expects_gone(client);
    sim_advance_ms(sim, 1000);
    sim_expects_no_live(sim);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_breaking_off_every_time_is_503(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_resets(sim_live(sim));
    wait_for_retry(sim);
    actor_resets(sim_live(sim));
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    shadow_answers(sim);
    sim_close(sim);
}

static void test_what_can_t_be_reached_is_tried_again(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    sim_live_host(sim, 0)->is_refusing = sim_live_host(sim, 1)->is_refusing = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_expects_nothing(client);
    sim_expects_matched(sim, 0, 0);
    sim_live_host(sim, 0)->is_refusing = sim_live_host(sim, 1)->is_refusing = false;
    wait_for_retry(sim);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_what_can_never_be_reached_is_503_after_all_attempts(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(3);
    struct sim *sim = sim_open(&rules);
    sim_live_host(sim, 0)->is_unreachable = sim_live_host(sim, 1)->is_unreachable = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 3 * BACKOFF - 1);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 100);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    assert_int_equal(sim_live_host(sim, 0)->attempts + sim_live_host(sim, 1)->attempts, 2 + 3);
    sim_expects_matched(sim, 0, 0);
    sim_close(sim);
}

static void test_many_attempts_without_a_backoff_do_not_nest(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.retry_attempts = 20000});
    sim_live_host(sim, 0)->is_unreachable = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 60000);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    assert_int_equal(sim_live_host(sim, 0)->attempts, 20001);
    sim_close(sim);
}

#define POST_HEAD "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n"

static struct actor *post(struct sim *sim, unsigned size)
{
    char head[128];
    struct actor *client = sim_client(sim);
    snprintf(head, sizeof head, POST_HEAD, size);
    actor_sends(client, head);
    actor_sends_body(client, 0, size);
    return client;
}

static void test_a_body_within_the_window_is_sent_again_whole(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = post(sim, 65536);
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_expects_nothing(client);
    wait_for_retry(sim);
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 65536);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    struct actor *shadow = sim_shadow(sim);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects_body(shadow, 0, 65536);
    actor_expects_nothing(shadow);
    actor_sends(shadow, OK_2);
    sim_expects_completed(sim, 0, 1);
    sim_expects_matched(sim, 0, 1);
    sim_close(sim);
}

static void test_a_body_beyond_the_window_is_not_sent_again(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = post(sim, 65537);
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    shadow_answers(sim);
    sim_close(sim);
}

static void test_a_body_that_comes_during_the_pause_is_sent_with_the_rest(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_sends(client, "cd");
    wait_for_retry(sim);
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects(live, "abcd");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_a_body_of_unknown_length_that_goes_on_is_not_tried_again(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    actor_closes(client);
    sim_close(sim);
}

static void test_a_client_that_leaves_during_the_pause_ends_it(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_resets(client);
    sim_advance_ms(sim, 1000);
    sim_expects_no_live(sim);
    sim_expects_status(sim, 499, 1);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_without_a_rule_nothing_is_tried_again(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), UNAVAILABLE);
    actor_expects(client, UNAVAILABLE);
    struct actor *other = sim_client(sim);
    sim_advance_ms(sim, 5000); /* the idle connection goes */
    actor_sends(other, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_resets(live);
    actor_expects_answer(other, "HTTP/1.1 502 Bad Gateway");
    sim_close(sim);
}

/* ---- timeouts ---- */

static void test_a_slow_attempt_is_given_up_for_another(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    rules.backend_timeout_ms = 200;
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *first = sim_live(sim);
    actor_expects_head(first, "GET / HTTP/1.1");
    sim_advance_ms(sim, 195);
    actor_expects_open(first);
    sim_advance_ms(sim, 10);
    actor_expects_gone(first);
    wait_for_retry(sim);
    struct actor *second = sim_live(sim);
    assert_ptr_not_equal(first->host, second->host);
    sim_advance_ms(sim, 150);
    actor_sends(second, OK_2);
    actor_expects(client, OK_2);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_slow_attempts_end_in_504(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(1);
    rules.backend_timeout_ms = 200;
    struct sim *sim = sim_open(&rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 2 * 200 + BACKOFF - 5);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 50);
    actor_expects_answer(client, TIMEOUT);
    sim_expects_status(sim, 504, 1);
    shadow_answers(sim);
    sim_close(sim);
}

static void test_the_clock_of_an_attempt_runs_while_connecting(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.backend_timeout_ms = 200});
    sim_live_host(sim, 0)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 195);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 10);
    actor_expects_answer(client, TIMEOUT);
    sim_close(sim);
}

static void test_the_clock_of_the_exchange_runs_while_connecting(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.request_timeout_ms = 4000, .live_endpoints = 3});
    for (unsigned i = 0; i < 3; i++)
        sim_live_host(sim, i)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 3995);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 10);
    actor_expects_answer(client, TIMEOUT);
    sim_close(sim);
}

static void test_the_clock_of_the_exchange_runs_through_pauses(void **state)
{
    (void)state;
    struct sim_rules rules = retrying(9);
    rules.retry_backoff_ms = 1000;
    rules.request_timeout_ms = 1500;
    struct sim *sim = sim_open(&rules);
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    host_answers(sim_live_host(sim, 1), UNAVAILABLE);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 1495);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 10);
    actor_expects_answer(client, TIMEOUT);
    sim_advance_ms(sim, 5000);
    assert_int_equal(sim_live_host(sim, 0)->attempts + sim_live_host(sim, 1)->attempts, 2);
    shadow_answers(sim);
    sim_close(sim);
}

static void expect_broken_off(const struct sim_rules *rules)
{
    struct sim *sim = sim_open(rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12");
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_expects(client, "12");
    sim_advance_ms(sim, 995);
    actor_sends(live, "3");
    actor_expects(client, "3");
    actor_expects_open(client);
    sim_advance_ms(sim, 10);
    actor_expects_gone(client);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_expects_gone(live);
    sim_expects_status(sim, 200, 1);
    sim_close(sim);
}

static void test_an_answer_that_takes_too_long_is_broken_off(void **state)
{
    (void)state;
    expect_broken_off(&(struct sim_rules){.request_timeout_ms = 1000});
    expect_broken_off(&(struct sim_rules){.backend_timeout_ms = 1000});
    expect_broken_off(&(struct sim_rules){.backend_timeout_ms = 1000, .retry_attempts = 3});
}

static void test_a_tunnel_has_no_timeout(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.request_timeout_ms = 1000, .backend_timeout_ms = 500});
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    actor_expects_head(client, "HTTP/1.1 101 Switching Protocols");
    sim_advance_ms(sim, 5000);
    actor_sends(live, "still");
    actor_expects(client, "still");
    actor_closes(client);
    actor_closes(live);
    sim_close(sim);
}

static void test_an_upload_behind_an_early_answer_has_no_timeout(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.request_timeout_ms = 1000});
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    struct actor *live = sim_live(sim);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_advance_ms(sim, 5000);
    actor_sends(client, "b");
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects(live, "ab");
    sim_close(sim);
}

static void test_a_copy_outlives_live_s_timeout(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .request_timeout_ms = 1000});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 1010);
    actor_expects_answer(client, TIMEOUT);
    sim_advance_ms(sim, 5000);
    shadow_answers(sim);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_listed_status_is_tried_again_at_another_endpoint),
        cmocka_unit_test(test_other_statuses_pass),
        cmocka_unit_test(test_the_last_answer_passes),
        cmocka_unit_test(test_a_connection_that_breaks_off_is_tried_again),
        cmocka_unit_test(test_an_answer_that_breaks_off_behind_its_head_is_not_tried_again),
        cmocka_unit_test(test_breaking_off_every_time_is_503),
        cmocka_unit_test(test_what_can_t_be_reached_is_tried_again),
        cmocka_unit_test(test_what_can_never_be_reached_is_503_after_all_attempts),
        cmocka_unit_test(test_many_attempts_without_a_backoff_do_not_nest),
        cmocka_unit_test(test_a_body_within_the_window_is_sent_again_whole),
        cmocka_unit_test(test_a_body_beyond_the_window_is_not_sent_again),
        cmocka_unit_test(test_a_body_that_comes_during_the_pause_is_sent_with_the_rest),
        cmocka_unit_test(test_a_body_of_unknown_length_that_goes_on_is_not_tried_again),
        cmocka_unit_test(test_a_client_that_leaves_during_the_pause_ends_it),
        cmocka_unit_test(test_without_a_rule_nothing_is_tried_again),
        cmocka_unit_test(test_a_slow_attempt_is_given_up_for_another),
        cmocka_unit_test(test_slow_attempts_end_in_504),
        cmocka_unit_test(test_the_clock_of_an_attempt_runs_while_connecting),
        cmocka_unit_test(test_the_clock_of_the_exchange_runs_while_connecting),
        cmocka_unit_test(test_the_clock_of_the_exchange_runs_through_pauses),
        cmocka_unit_test(test_an_answer_that_takes_too_long_is_broken_off),
        cmocka_unit_test(test_a_tunnel_has_no_timeout),
        cmocka_unit_test(test_an_upload_behind_an_early_answer_has_no_timeout),
        cmocka_unit_test(test_a_copy_outlives_live_s_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
