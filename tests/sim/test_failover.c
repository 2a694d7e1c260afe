/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to live: a failure tries up to two further endpoints, since nothing was sent. Which is tried first is drawn, so plays are
 * repeated with other draws until each order has come. */
#include "play.h"

#define FOUR_LIVES (&(struct sim_rules){.live_endpoints = 4, .mirrors = 1})
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable"
#define DRAWS 64

static struct sim *open_with_draw(const struct sim_rules *rules, uint64_t draw)
{
    struct sim *sim = sim_open(rules);
    sim->proxy.random.state[0] += draw;
    (void)random_next(&sim->proxy.random);
    (void)random_next(&sim->proxy.random);
    return sim;
}

static unsigned attempts(struct sim *sim)
{
    unsigned total = 0;
    for (unsigned i = 0; i < SIM_ENDPOINTS; i++)
        total += sim_live_host(sim, i)->attempts;
    return total;
}

static void test_the_other_endpoint_answers_when_the_first_refuses(void **state)
{
    (void)state;
    unsigned seen[3] = {0};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        struct sim *sim = open_with_draw(&(struct sim_rules){.live_endpoints = 2}, draw);
        sim_live_host(sim, 0)->is_refusing = true;
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        struct actor *live = sim_live(sim);
        assert_ptr_equal(live->host, sim_live_host(sim, 1));
        actor_sends(live, OK_2);
        actor_expects(client, OK_2);
        seen[attempts(sim)]++;
        sim_close(sim);
    }
    assert_true(seen[1] && seen[2]);
}

static void test_the_third_answers_when_two_fail_at_once_or_later(void **state)
{
    (void)state;
    unsigned seen[4] = {0};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        struct sim *sim = open_with_draw(&(struct sim_rules){.live_endpoints = 3}, draw);
        sim_live_host(sim, 0)->is_unreachable = true;
        sim_live_host(sim, 1)->is_refusing = true;
        sim_live_host(sim, 1)->latency_ms = 50;
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        sim_advance_ms(sim, 50);
        actor_sends(sim_live(sim), OK_2);
        actor_expects(client, OK_2);
        seen[attempts(sim)]++;
        sim_close(sim);
    }
    assert_true(seen[1] && seen[2] && seen[3]);
}

static void test_the_fourth_is_not_tried(void **state)
{
    (void)state;
    struct sim *sim = sim_open(FOUR_LIVES);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->is_refusing = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_expects_answer(client, UNAVAILABLE);
    assert_int_equal(attempts(sim), 3);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(sim_live_host(sim, i)->attempts, 0, 1);
    sim_expects_status(sim, 503, 1);
    sim_expects_matched(sim, 0, 0);
    sim_close(sim);
}

static void test_two_endpoints_are_tried_once_each(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.live_endpoints = 2});
    sim_live_host(sim, 0)->is_refusing = sim_live_host(sim, 1)->is_unreachable = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_expects_answer(client, UNAVAILABLE);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 1);
    assert_int_equal(sim_live_host(sim, 1)->attempts, 1);
    sim_close(sim);
}

static void test_black_holes_cost_three_seconds_each(void **state)
{
    (void)state;
    struct sim *sim = sim_open(FOUR_LIVES);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 5990);
    assert_int_equal(attempts(sim), 2);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->is_black_hole = false;
    sim_expects_no_live(sim);
    sim_advance_ms(sim, 30);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_a_connection_that_comes_late_is_used(void **state)
{
    (void)state;
    struct sim *sim = sim_open(FOUR_LIVES);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->latency_ms = 2900;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 2900);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    assert_int_equal(attempts(sim), 1);
    sim_close(sim);
}

static void test_a_body_waits_unread_while_live_is_looked_for(void **state)
{
    (void)state;
    struct sim *sim = sim_open(FOUR_LIVES);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->is_black_hole = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n");
    actor_sends_body(client, 0, 500000);
    assert_true(actor_unread(client) > 400000);
    for (unsigned i = 0; i < 4; i++)
        sim_live_host(sim, i)->is_black_hole = false;
    sim_advance_ms(sim, 3010);
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 500000);
    actor_sends(live, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    struct actor *shadow = sim_shadow(sim);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects_body(shadow, 0, 500000);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_copy_goes_once_however_often_live_is_tried(void **state)
{
    (void)state;
    struct sim *sim = sim_open(FOUR_LIVES);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    sim_live_host(sim, 0)->is_refusing = sim_live_host(sim, 1)->is_refusing = true;
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    sim_expects_matched(sim, 0, 1);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_stale_replacement_that_can_t_connect_fails_over(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.live_endpoints = 2});
    struct actor *client = sim_client(sim), *busy_client = sim_client(sim);
    sim_warms_up(sim, client);
    struct actor *live = sim_live(sim);
    struct host *other_host = sim_live_host(sim, live->host == sim_live_host(sim, 0));
    while (!other_host->attempts) { /* until one of two at a time goes there, and keeps it busy */
        actor_sends(busy_client, GET);
        if (!other_host->attempts) {
            actor_expects_head(live, "GET / HTTP/1.1");
            actor_sends(live, OK_2);
            actor_expects(busy_client, OK_2);
        }
    }
    struct actor *busy = sim_live(sim);
    actor_sends(client, GET);
    actor_expects_head(live, "GET / HTTP/1.1");
    live->host->is_refusing = true;
    actor_closes(live);
    struct actor *other = sim_live(sim);
    assert_ptr_equal(other->host, other_host);
    actor_sends(other, OK_2);
    actor_expects(client, OK_2);
    actor_sends(busy, OK_2);
    actor_expects(busy_client, OK_2);
    sim_close(sim);
}

static void test_live_without_endpoints_is_503(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.live_endpoints = SIM_NONE, .mirrors = 1});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_expects_answer(client, UNAVAILABLE);
    sim_expects_matched(sim, 0, 0);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_other_endpoint_answers_when_the_first_refuses),
        cmocka_unit_test(test_the_third_answers_when_two_fail_at_once_or_later),
        cmocka_unit_test(test_the_fourth_is_not_tried),
        cmocka_unit_test(test_two_endpoints_are_tried_once_each),
        cmocka_unit_test(test_black_holes_cost_three_seconds_each),
        cmocka_unit_test(test_a_connection_that_comes_late_is_used),
        cmocka_unit_test(test_a_body_waits_unread_while_live_is_looked_for),
        cmocka_unit_test(test_a_copy_goes_once_however_often_live_is_tried),
        cmocka_unit_test(test_a_stale_replacement_that_can_t_connect_fails_over),
        cmocka_unit_test(test_live_without_endpoints_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
