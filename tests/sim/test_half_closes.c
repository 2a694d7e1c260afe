/* SPDX-License-Identifier: Apache-2.0 */
/* A client that has closed its sending side may wait for its answer or be gone; which of the two, nobody says. */
#include "play.h"

static void test_a_client_that_closed_its_sending_side_gets_its_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_shuts(client);
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 50000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_end(client);
    sim_close(sim);
}

static void test_a_client_that_is_gone_does_not_hold_a_hanging_live(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_shadow(sim), EMPTY_200);
    struct actor *live = sim_live(sim);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_shuts(client);
    actor_expects_open(live);
    sim_advance_ms(sim, 120000);
    actor_expects_gone(live);
    actor_expects_gone(client);
    sim_expects_status(sim, 408, 1);
    sim_close(sim);
}

static void test_a_client_that_is_still_there_waits_as_long_as_it_likes(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 600000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_one_direction_of_a_tunnel_may_be_silent_for_long(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
    actor_expects_head(client, "HTTP/1.1 101 Switching Protocols");
    actor_shuts(client);
    sim_advance_ms(sim, 600000);
    actor_sends(live, "late");
    actor_expects(client, "late");
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_closed_its_sending_side_gets_its_answer),
        cmocka_unit_test(test_a_client_that_is_gone_does_not_hold_a_hanging_live),
        cmocka_unit_test(test_a_client_that_is_still_there_waits_as_long_as_it_likes),
        cmocka_unit_test(test_one_direction_of_a_tunnel_may_be_silent_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
