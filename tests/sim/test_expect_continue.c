/* SPDX-License-Identifier: Apache-2.0 */
/* Expect: 100-continue: live alone decides, and the copy is offered when live says 100 or the client sends its body anyway. */
#include "play.h"

#define ASK "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

static void test_live_agrees_and_the_copy_goes_without_expect(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK);
    struct actor *live = sim_live(sim);
    head_expects_field(actor_expects_head(live, "POST / HTTP/1.1"), "Expect", "100-continue");
    sim_expects_matched(sim, 0, 0);
    actor_sends(live, CONTINUE);
    actor_expects(client, CONTINUE);
    struct actor *shadow = sim_shadow(sim);
    head_expects_no_field(actor_expects_head(shadow, "POST / HTTP/1.1"), "Expect");
    actor_sends(client, "body");
    actor_expects(live, "body");
    actor_expects(shadow, "body");
    actor_sends(shadow, EMPTY_200);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_live_refuses_and_nothing_is_copied(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    actor_expects_answer(client, "HTTP/1.1 417 Expectation Failed");
    sim_expects_matched(sim, 0, 0);
    sim_expects_no_shadow(sim);
    sim_expects_status(sim, 417, 1);
    sim_close(sim);
}

static void test_a_client_that_does_not_wait_is_copied_from_its_first_byte(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK "bo");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(client, "dy");
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "body");
    actor_sends(live, CONTINUE OK_2); /* says 100 late: offered once all the same */
    actor_expects(client, CONTINUE OK_2);
    sim_expects_matched(sim, 0, 1);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_other_informational_answers_pass_and_decide_nothing(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    actor_expects(client, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    sim_expects_matched(sim, 0, 0);
    actor_sends(live, CONTINUE);
    sim_expects_matched(sim, 0, 1);
    sim_close(sim);
}

static void test_a_client_that_leaves_before_live_agrees_is_never_copied(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK);
    struct actor *live = sim_live(sim);
    actor_resets(client);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_gone(live);
    sim_expects_matched(sim, 0, 0);
    sim_close(sim);
}

static void test_a_shadow_s_own_100_changes_nothing(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, ASK);
    struct actor *live = sim_live(sim);
    actor_sends(live, CONTINUE);
    actor_expects(client, CONTINUE);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, CONTINUE "HTTP/1.1 102 Processing\r\n\r\n");
    actor_expects_nothing(client);
    actor_sends(client, "body");
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_agrees_and_the_copy_goes_without_expect),
        cmocka_unit_test(test_live_refuses_and_nothing_is_copied),
        cmocka_unit_test(test_a_client_that_does_not_wait_is_copied_from_its_first_byte),
        cmocka_unit_test(test_other_informational_answers_pass_and_decide_nothing),
        cmocka_unit_test(test_a_client_that_leaves_before_live_agrees_is_never_copied),
        cmocka_unit_test(test_a_shadow_s_own_100_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
