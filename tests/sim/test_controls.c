/* SPDX-License-Identifier: Apache-2.0 */
/* A control gets exactly what its shadow gets, as far as its own limits allow, and has accounts of its own. */
#include "play.h"
#include "sim_records.h"

#define RING (4 * 1024 * 1024)
/* A shadow and its control, with the same further rules, as a policy has them. */
#define CONTROLLED(...) \
    (&(struct sim_rules){.ring_bytes = RING, \
                         .mirrors = 2, \
                         .mirror = {{.is_compared = true, __VA_ARGS__}, {.is_control = true, __VA_ARGS__}}})

static struct sim *open_served(const struct sim_rules *rules, struct actor **client)
{
    struct sim *sim = sim_open(rules);
    host_answers(sim_live_host(sim, 0), OK_2);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    host_answers(sim_shadow_host(sim, 1, 0), OK_2);
    *client = sim_client(sim);
    return sim;
}

/* Shadow and control got the same exchanges: each leg of the one has its like among those of the other. Returns how many. */
static unsigned count_same(struct sim *sim)
{
    unsigned shadows = 0, controls = 0;
    sim_reads_records(sim);
    for (struct list *node = sim->records->legs.next; node != &sim->records->legs; node = node->next) {
        const struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        bool has_like = leg->leg == LEG_LIVE;
        shadows += leg->leg == LEG_SHADOW;
        controls += leg->leg == LEG_CONTROL;
        for (struct list *other = sim->records->legs.next; other != &sim->records->legs && !has_like;
             other = other->next) {
            const struct sim_leg *like = CONTAINER_OF(other, struct sim_leg, node);
            has_like = like->leg != leg->leg && like->leg != LEG_LIVE && like->id.hi == leg->id.hi &&
                       like->id.lo == leg->id.lo && like->leg_id == leg->leg_id;
        }
        if (!has_like)
            sim_fail("a leg of kind %d has none of the other kind beside it", (int)leg->leg);
    }
    assert_int_equal(shadows, controls);
    return shadows;
}

static void test_a_control_s_leg_is_beside_that_of_its_shadow(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_served(CONTROLLED(.timeout_ms = 15000), &client);
    actor_sends(client, GET);
    actor_expects(client, OK_2);
    assert_int_equal(sim_takes_leg(sim, LEG_LIVE, OUTCOME_COMPLETE)->end.copies, 2);
    const struct sim_leg *shadow = sim_takes_leg(sim, LEG_SHADOW, OUTCOME_COMPLETE);
    const struct sim_leg *control = sim_takes_leg(sim, LEG_CONTROL, OUTCOME_COMPLETE);
    assert_string_equal(control->mirror, "shadow-0:80");
    assert_string_equal(control->backend, "shadow-1:80");
    assert_string_equal(shadow->backend, "shadow-0:80");
    assert_int_equal(shadow->leg_id, 1);
    assert_int_equal(control->leg_id, 1);
    sim_expects_no_leg(sim);
    sim_close(sim);
}

static void test_two_mirrors_have_a_control_each(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){
        .ring_bytes = RING,
        .mirrors = 4,
        .backend_mirrors = 2,
        .mirror = {{.is_compared = true}, {.is_control = true}, {.is_compared = true}, {.is_control = true}}});
    host_answers(sim_live_host(sim, 0), OK_2);
    for (unsigned i = 0; i < 4; i++)
        host_answers(sim_shadow_host(sim, i, 0), OK_2);
    actor_sends(sim_client(sim), GET);
    assert_int_equal(sim_takes_leg(sim, LEG_LIVE, OUTCOME_COMPLETE)->end.copies, 4);
    assert_int_equal(count_same(sim), 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct sim_leg *control = sim_takes_leg(sim, LEG_CONTROL, OUTCOME_COMPLETE);
        assert_string_equal(control->mirror, control->leg_id == 1 ? "shadow-0:80" : "shadow-2:80");
        assert_string_equal(control->backend, control->leg_id == 1 ? "shadow-1:80" : "shadow-3:80");
    }
    sim_close(sim);
}

static void test_a_control_gets_what_was_sampled_for_its_shadow(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_served(CONTROLLED(.numerator = 1, .denominator = 3), &client);
    for (int i = 0; i < 300; i++) {
        actor_sends(client, GET);
        actor_expects(client, OK_2);
    }
    sim_expects_matched(sim, 0, 300);
    sim_expects_completed(sim, 0, 100);
    sim_expects_matched(sim, 1, 100);
    sim_expects_completed(sim, 1, 100);
    assert_int_equal(counter_get(&sim_mirror(sim, 1)->sequence), 0);
    assert_int_equal(count_same(sim), 100);
    sim_close(sim);
}

/* Slow services and little room: what the shadow has no room for the control is not asked for. */
static void test_a_control_follows_the_limits_of_its_shadow(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CONTROLLED(.max_in_flight = 2));
    host_answers(sim_live_host(sim, 0), OK_2);
    struct actor *client = sim_client(sim);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 3; i++) {
            actor_sends(client, GET);
            actor_expects(client, OK_2);
        }
        for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
            struct actor *actor = CONTAINER_OF(node, struct actor, node);
            if (actor->host && actor->host->is_shadow)
                actor_sends(actor, OK_2);
        }
    }
    sim_expects_dropped(sim, 0, DROPPED_INFLIGHT, 20);
    sim_expects_completed(sim, 0, 40);
    sim_expects_matched(sim, 1, 40);
    sim_expects_completed(sim, 1, 40);
    assert_int_equal(count_same(sim), 40);
    sim_close(sim);
}

static void test_a_control_without_room_takes_nothing_from_its_shadow(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){
        .ring_bytes = RING, .mirrors = 2, .mirror = {{.is_compared = true}, {.is_control = true, .max_in_flight = 1}}});
    host_answers(sim_live_host(sim, 0), OK_2);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    struct actor *client = sim_client(sim);
    for (int i = 0; i < 3; i++)
        actor_sends(client, GET);
    sim_expects_completed(sim, 0, 3);
    sim_expects_matched(sim, 1, 3);
    sim_expects_dropped(sim, 1, DROPPED_INFLIGHT, 2);
    sim_expects_under_way(sim, 1, 1);
    assert_int_equal(sim_takes_leg(sim, LEG_LIVE, OUTCOME_COMPLETE)->end.copies, 2);
    assert_int_equal(sim_takes_leg(sim, LEG_LIVE, OUTCOME_COMPLETE)->end.copies, 1);
    sim_close(sim);
}

static void test_a_control_that_is_dead_harms_nobody(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct actor *client;
        struct sim_rules rules = *CONTROLLED(.timeout_ms = 15000);
        rules.mirror[1].endpoints = how == 0 ? 1 : SIM_NONE;
        struct sim *sim = open_served(&rules, &client);
        sim_shadow_host(sim, 1, 0)->is_refusing = true;
        for (int i = 0; i < 20; i++) {
            actor_sends(client, GET);
            actor_expects(client, OK_2);
        }
        sim_expects_completed(sim, 0, 20);
        sim_expects_matched(sim, 1, 20);
        if (how == 0)
            assert_true(counter_get(&sim_mirror(sim, 1)->dropped[DROPPED_BREAKER]) > 0);
        else
            sim_expects_dropped(sim, 1, DROPPED_NO_ENDPOINT, 20);
        sim_close(sim);
    }
}

static void test_a_control_s_switch_is_its_own(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_served(CONTROLLED(.timeout_ms = 15000), &client);
    atomic_store(&sim_mirror(sim, 1)->is_off, 1);
    actor_sends(client, GET);
    sim_expects_completed(sim, 0, 1);
    sim_expects_filtered(sim, 1, FILTERED_OFF, 1);
    atomic_store(&sim_mirror(sim, 1)->is_off, 0);
    atomic_store(&sim_mirror(sim, 0)->is_off, 1);
    actor_sends(client, GET);
    sim_expects_filtered(sim, 0, FILTERED_OFF, 1);
    sim_expects_matched(sim, 1, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_control_s_leg_is_beside_that_of_its_shadow),
        cmocka_unit_test(test_two_mirrors_have_a_control_each),
        cmocka_unit_test(test_a_control_gets_what_was_sampled_for_its_shadow),
        cmocka_unit_test(test_a_control_follows_the_limits_of_its_shadow),
        cmocka_unit_test(test_a_control_without_room_takes_nothing_from_its_shadow),
        cmocka_unit_test(test_a_control_that_is_dead_harms_nobody),
        cmocka_unit_test(test_a_control_s_switch_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
