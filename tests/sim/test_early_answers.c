/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that come before the request has left: what becomes of the rest of the request, and of the connection. */
#include "play.h"

#define POST_HEAD(length) "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"
#define TARGET_CONNECTION 98304 /* what the kernel may keep for a shadow's connection */

static void test_the_rest_of_a_request_follows_its_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("300000"));
    struct actor *live = sim_live(sim);
    actor_stops_reading(live, 65536);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_sends_body(client, 0, 300000);
    sim_advance_ms(sim, 10000);
    actor_reads_again(live);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 300000);
    actor_sends(client, GET);
    actor_expects_head(live, "GET / HTTP/1.1");
    sim_close(sim);
}

static void test_a_backend_that_takes_no_more_after_its_answer_is_left_after_15_seconds(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("200000"));
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "POST / HTTP/1.1");
    size_t head = live->total;
    actor_stops_reading(live, 65536);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_sends_body(client, 0, 200000);
    sim_expects_status(sim, 200, 1);
    actor_expects_open(live);
    sim_advance_ms(sim, 20000);
    actor_reads_again(live);
    assert_true(live->total - head < 200000);
    actor_expects_gone(live);
    sim_close(sim);
}

static void test_a_shadow_that_takes_no_more_after_its_answer_gives_back_all(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    host_answers(sim_live_host(sim, 0), OK_2);
    actor_sends(client, POST_HEAD("400000"));
    struct actor *shadow = sim_shadow(sim);
    actor_stops_reading(shadow, 65536);
    actor_sends(shadow, OK_2);
    actor_sends_body(client, 0, 400000);
    actor_expects(client, OK_2);
    assert_true(sim_budget_used(sim) > TARGET_CONNECTION);
    sim_advance_ms(sim, 40000);
    sim_expects_completed(sim, 0, 1);
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_an_end_with_the_answer_still_on_its_way_aborts_the_request(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("100"));
    actor_sends(client, "half");
    actor_stops_reading(client, 10);
    struct actor *live = sim_live(sim);
    actor_sends(live, OK_2);
    actor_shuts(client);
    actor_expects_gone(live);
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    actor_reads_again(client);
    actor_expects(client, OK_2);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_an_upgrade_is_declined_with_and_without_a_body(void **state)
{
    (void)state;
    static const char *const answers[] = {EMPTY_200, OK_2, "HTTP/1.1 204 No Content\r\n\r\n",
                                          "HTTP/1.1 304 No\r\n\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct sim *sim = sim_open(PLAIN);
        struct actor *client = sim_client(sim);
        actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
        struct actor *live = sim_live(sim);
        actor_sends(live, answers[i]);
        actor_sends(client, GET);
        sim_expects_no_live(sim);
        actor_sends(live, answers[i]);
        sim_expects_status(sim, i < 2 ? 200 : i == 2 ? 204 : 304, 2);
        sim_close(sim);
    }
}

static void test_bytes_before_the_next_request_are_not_its_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("100000"));
    struct actor *live = sim_live(sim);
    actor_stops_reading(live, 1000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_sends_body(client, 0, 100000);
    actor_sends(live, "HTTP/1.1 200 OK\r\nX-Junk: ");
    actor_reads_again(live);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 100000);
    actor_expects_gone(live);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rest_of_a_request_follows_its_answer),
        cmocka_unit_test(test_a_backend_that_takes_no_more_after_its_answer_is_left_after_15_seconds),
        cmocka_unit_test(test_a_shadow_that_takes_no_more_after_its_answer_gives_back_all),
        cmocka_unit_test(test_an_end_with_the_answer_still_on_its_way_aborts_the_request),
        cmocka_unit_test(test_an_upgrade_is_declined_with_and_without_a_body),
        cmocka_unit_test(test_bytes_before_the_next_request_are_not_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
