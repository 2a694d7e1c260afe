/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a drain as a gateway's worker takes them (app/gateway_worker.c): answers say Connection: close, idle connections go, and
 * at the deadline the rest. */
#include "play.h"

static void test_answers_say_close_and_end_their_connections(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    server_drain(&sim->server);
    actor_sends(live, OK_2);
    head_expects_field(actor_expects_head(client, "HTTP/1.1 200 OK"), "Connection", "close");
    actor_expects(client, "ok");
    actor_expects_end(client);
    sim_advance_ms(sim, 2010);
    assert_int_equal(sim->server.count, 0);
    sim_close(sim);
}

static void test_a_request_on_an_idle_connection_is_still_answered(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    server_drain(&sim->server);
    sim_rest(sim);
    actor_expects_open(client);
    sim_warms_up(sim, client);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_idle_connections_close_and_others_stay(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *fresh = sim_client(sim), *idle = sim_client(sim), *partial = sim_client(sim), *busy = sim_client(sim);
    sim_warms_up(sim, idle);
    actor_sends(partial, "GET / HT");
    actor_sends(busy, GET);
    server_drain(&sim->server);
    server_close_idle(&sim->server);
    sim_rest(sim);
    actor_expects_end(fresh);
    actor_expects_end(idle);
    actor_expects_open(partial);
    actor_expects_open(busy);
    actor_sends(partial, "TP/1.1\r\nHost: a\r\n\r\n");
    actor_sends(sim_live(sim), OK_2);
    actor_sends(sim_live(sim), OK_2);
    actor_expects_head(busy, "HTTP/1.1 200 OK");
    actor_expects_head(partial, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_pipelined_requests_end_with_the_answer_that_says_close(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET GET);
    struct actor *live = sim_live(sim);
    server_drain(&sim->server);
    actor_sends(live, OK_2);
    head_expects_field(actor_expects_head(client, "HTTP/1.1 200 OK"), "Connection", "close");
    actor_expects(client, "ok");
    actor_expects_end(client); /* in order, so that the client may send the second again elsewhere */
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_expects_nothing(live);
    sim_close(sim);
}

static void test_copies_in_flight_may_finish(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), OK_2);
    struct actor *shadow = sim_shadow(sim);
    server_drain(&sim->server);
    server_close_idle(&sim->server);
    sim_advance_ms(sim, 5000);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_at_the_deadline_everything_is_counted(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}});
    struct actor *one = sim_client(sim), *two = sim_client(sim);
    actor_sends(one, GET);
    actor_sends(two, GET);
    (void)sim_live(sim);
    server_drain(&sim->server);
    server_close_all(&sim->server);
    mirror_abort_all(&sim->mirror);
    sim_rest(sim);
    actor_expects_reset(one);
    actor_expects_reset(two);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_expects_dropped(sim, 0, DROPPED_SHUTDOWN, 1);
    sim_expects_status(sim, 499, 2);
    assert_int_equal(sim->proxy.in_flight + sim->mirror.in_flight + sim->server.count, 0);
    sim_close(sim);
}

static void test_a_tunnel_ends_at_the_deadline(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    server_drain(&sim->server);
    server_close_idle(&sim->server);
    sim_rest(sim);
    actor_expects_head(client, "HTTP/1.1 101 Switching Protocols");
    actor_expects_open(client);
    server_close_all(&sim->server);
    sim_rest(sim);
    actor_expects_gone(client);
    actor_expects_gone(live);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_say_close_and_end_their_connections),
        cmocka_unit_test(test_a_request_on_an_idle_connection_is_still_answered),
        cmocka_unit_test(test_idle_connections_close_and_others_stay),
        cmocka_unit_test(test_pipelined_requests_end_with_the_answer_that_says_close),
        cmocka_unit_test(test_copies_in_flight_may_finish),
        cmocka_unit_test(test_at_the_deadline_everything_is_counted),
        cmocka_unit_test(test_a_tunnel_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
