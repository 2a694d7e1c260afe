/* SPDX-License-Identifier: Apache-2.0 */
/* New rules while requests and copies are under way: exchanges go on with what they began with, and what has no place any more goes. */
#include "play.h"

static struct sim *open_with_live(const struct sim_rules *rules, struct actor **client)
{
    struct sim *sim = sim_open(rules);
    host_answers(sim_live_host(sim, 0), OK_2);
    *client = sim_client(sim);
    return sim;
}

static void ask(struct actor *client)
{
    actor_sends(client, GET);
    actor_expects(client, OK_2);
}

static void test_copies_that_wait_for_a_mirror_that_goes_are_dropped(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}}, &client);
    ask(client);
    ask(client);
    ask(client);
    struct actor *shadow = sim_shadow(sim);
    sim_apply(sim, PLAIN);
    sim_expects_dropped(sim, 0, DROPPED_REMOVED, 2);
    sim_expects_under_way(sim, 0, 1); /* what was sent may finish */
    ask(client);
    sim_expects_matched(sim, 0, 3);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_expects_gone(shadow); /* nobody needs the connection any more */
    sim_close(sim);
}

static void test_an_idle_connection_of_a_mirror_that_goes_is_closed(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    ask(client);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200);
    sim_apply(sim, PLAIN);
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_expects_end(shadow);
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_a_copy_under_way_to_a_mirror_that_went_ends_with_the_drain(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    ask(client);
    (void)sim_shadow(sim);
    sim_apply(sim, PLAIN);
    mirror_abort_all(&sim->mirror);
    sim_rest(sim);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_mirror_that_comes_back_goes_on_counting(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    ask(client);
    sim_apply(sim, PLAIN);
    ask(client);
    sim_apply(sim, MIRRORED);
    ask(client);
    sim_expects_completed(sim, 0, 2);
    sim_close(sim);
}

static void test_a_mirror_that_stays_keeps_its_connections(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    ask(client);
    sim_apply(sim, &(struct sim_rules){.mirrors = 2});
    ask(client);
    assert_int_equal(sim_shadow_host(sim, 0, 0)->attempts, 1);
    actor_sends(sim_shadow(sim), EMPTY_200);
    sim_expects_completed(sim, 1, 1);
    sim_close(sim);
}

static void test_a_stale_copy_whose_mirror_went_is_not_sent_again(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    ask(client);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200);
    ask(client);
    sim_apply(sim, PLAIN);
    actor_closes(shadow);
    sim_expects_no_shadow(sim);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_stale_copy_that_waits_goes_with_its_mirror(void **state)
{
    (void)state;
    struct sim_rules two = {.mirrors = 1, .mirror = {{.endpoints = 2, .max_connections = 1}}};
    struct actor *client;
    struct sim *sim = open_with_live(&two, &client);
    ask(client);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    for (int i = 0; i < 8; i++)
        ask(client); /* some for this endpoint, on its connection, others wait for theirs */
    sim_shadow_host(sim, 0, 0)->is_black_hole = sim_shadow_host(sim, 0, 1)->is_black_hole = true;
    actor_closes(shadow);
    sim_apply(sim, PLAIN);
    sim_advance_ms(sim, 1500);
    sim_expects_under_way(sim, 0, 0);
    sim_close(sim);
}

static void test_an_exchange_keeps_the_live_that_it_began_with(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.live_endpoints = 2});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim);
    sim_apply(sim, &(struct sim_rules){.live_endpoints = SIM_NONE});
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_expects_gone(live); /* no backend has the address any more */
    actor_sends(client, GET);
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    sim_close(sim);
}

static void test_a_stale_connection_to_an_address_that_went_is_replaced_there(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    struct actor *live = sim_live(sim);
    actor_sends(client, GET);
    sim_apply(sim, &(struct sim_rules){.live_endpoints = SIM_NONE});
    actor_closes(live);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_rules_may_come_a_hundred_times_under_load(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *live = NULL, *client = sim_client(sim);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    host_answers(sim_shadow_host(sim, 1, 0), EMPTY_200);
    for (int i = 0; i < 100; i++) {
        actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
        live = live ? live : sim_live(sim);
        sim_apply(sim, i % 3 == 0   ? MIRRORED
                       : i % 3 == 1 ? PLAIN
                                    : &(struct sim_rules){.mirrors = 1, .first_mirror = 1});
        actor_sends(client, "def");
        actor_sends(live, OK_2);
        actor_expects(client, OK_2);
    }
    sim_close(sim);
}

static void test_a_regular_expression_that_is_given_up_is_no_match_and_counted(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&(struct sim_rules){.path_regex = "/|/(x+x+)+[yz]"}, &client);
    counter *limit = &registry_totals(sim->registry)->regex_limit;
    ask(client);
    assert_int_equal(atomic_load(limit), 0);
    actor_sends(client,
                "GET /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\nHost: h\r\n\r\n");
    actor_expects_head(client, "HTTP/1.1 404 Not Found");
    assert_int_equal(atomic_load(limit), 1);
    sim_close(sim);
}

static void test_mirrors_of_the_backend_ref_are_offered_what_it_gets(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&(struct sim_rules){.mirrors = 3, .backend_mirrors = 2}, &client);
    ask(client);
    for (unsigned i = 0; i < 3; i++)
        sim_expects_under_way(sim, i, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_that_wait_for_a_mirror_that_goes_are_dropped),
        cmocka_unit_test(test_an_idle_connection_of_a_mirror_that_goes_is_closed),
        cmocka_unit_test(test_a_copy_under_way_to_a_mirror_that_went_ends_with_the_drain),
        cmocka_unit_test(test_a_mirror_that_comes_back_goes_on_counting),
        cmocka_unit_test(test_a_mirror_that_stays_keeps_its_connections),
        cmocka_unit_test(test_a_stale_copy_whose_mirror_went_is_not_sent_again),
        cmocka_unit_test(test_a_stale_copy_that_waits_goes_with_its_mirror),
        cmocka_unit_test(test_an_exchange_keeps_the_live_that_it_began_with),
        cmocka_unit_test(test_a_stale_connection_to_an_address_that_went_is_replaced_there),
        cmocka_unit_test(test_a_regular_expression_that_is_given_up_is_no_match_and_counted),
        cmocka_unit_test(test_mirrors_of_the_backend_ref_are_offered_what_it_gets),
        cmocka_unit_test(test_rules_may_come_a_hundred_times_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
