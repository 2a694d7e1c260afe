/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors are the process's: shadows have a share of them, so that clients and live find theirs. */
#include "play.h"

static void test_copies_beyond_the_shadows_share_wait_and_live_does_not(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 2});
    host_answers(sim_live_host(sim, 0), OK_2);
    sim->mirror.budget.max_connections = 3;
    for (int i = 0; i < 3; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        actor_expects(client, OK_2);
    }
    sim_expects_matched(sim, 0, 3);
    sim_expects_matched(sim, 1, 3);
    struct actor *shadows[] = {sim_shadow(sim), sim_shadow(sim), sim_shadow(sim)};
    sim_expects_no_shadow(sim);
    for (size_t i = 0; i < sizeof shadows / sizeof *shadows; i++)
        actor_resets(shadows[i]);
    sim_advance_ms(sim, 1000);
    for (int i = 0; i < 3; i++)
        actor_sends(sim_shadow(sim), EMPTY_200);
    sim_expects_no_shadow(sim);
    sim_expects_under_way(sim, 0, 0);
    sim_expects_under_way(sim, 1, 0);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_beyond_the_shadows_share_wait_and_live_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
