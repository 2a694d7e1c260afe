/* SPDX-License-Identifier: Apache-2.0 */
/* inFlight, connections, requestsPerSecond, the budget and sampling: what a limit refuses is counted, and given back when it is over. */
#include "play.h"

#define LIMITED(...) (&(struct sim_rules){.mirrors = 1, .mirror = {{__VA_ARGS__}}})

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

static void test_in_flight_is_a_limit_of_queued_and_sent_together(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.max_in_flight = 2, .max_connections = 1), &client);
    for (int i = 0; i < 3; i++)
        ask(client);
    sim_expects_under_way(sim, 0, 2); /* one sent, one queued */
    sim_expects_sent(sim, 0, 1);
    sim_expects_dropped(sim, 0, DROPPED_INFLIGHT, 1);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    ask(client); /* there is room for one again */
    sim_expects_under_way(sim, 0, 2);
    sim_expects_dropped(sim, 0, DROPPED_INFLIGHT, 1);
    sim_close(sim);
}

static void test_connections_are_a_limit_and_the_rest_waits_in_line(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.max_connections = 2), &client);
    for (int i = 0; i < 5; i++)
        ask(client);
    struct actor *one = sim_shadow(sim), *two = sim_shadow(sim);
    sim_expects_no_shadow(sim);
    sim_expects_sent(sim, 0, 2);
    for (int i = 0; i < 3; i++) {
        struct actor *next = i % 2 ? two : one;
        actor_expects_head(next, "GET / HTTP/1.1");
        actor_sends(next, EMPTY_200);
        sim_expects_sent(sim, 0, 3 + (unsigned)i);
    }
    sim_expects_no_shadow(sim);
    sim_close(sim);
}

static void test_what_waits_for_fifteen_seconds_is_dropped(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.max_connections = 1, .timeout_ms = 20000), &client);
    ask(client);
    sim_advance_ms(sim, 10000);
    ask(client);
    sim_advance_ms(sim, 10010);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1); /* the first's own timeout makes room */
    sim_expects_sent(sim, 0, 2);
    ask(client);
    sim_advance_ms(sim, 19980);
    sim_expects_dropped(sim, 0, DROPPED_QUEUE_TIMEOUT, 0);
    sim_advance_ms(sim, 40);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 2);
    sim_close(sim);
}

static void test_the_wait_for_a_connection_ends_by_the_timeout(void **state)
{
    (void)state;
    struct actor *client, *slow;
    struct sim *sim = sim_open(LIMITED(.max_connections = 1));
    slow = sim_client(sim);
    actor_sends(slow, GET); /* live does not answer it, so its copy may take its time */
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    client = sim_client(sim);
    actor_sends(client, GET);
    for (int i = 0; i < 3; i++) {
        sim_advance_ms(sim, 4990);
        actor_sends(shadow, "HTTP/1.1 102 Processing\r\n\r\n");
    }
    sim_expects_under_way(sim, 0, 2);
    sim_advance_ms(sim, 50);
    sim_expects_dropped(sim, 0, DROPPED_QUEUE_TIMEOUT, 1);
    sim_expects_under_way(sim, 0, 1);
    actor_sends(live, OK_2);
    actor_expects(slow, OK_2);
    sim_close(sim);
}

static void test_who_waits_longest_gets_the_next_connection(void **state)
{
    (void)state;
    struct sim *sim = sim_open(LIMITED(.max_connections = 1));
    host_answers(sim_live_host(sim, 0), OK_2);
    struct actor *client = sim_client(sim);
    static const char *const requests[] = {"GET /0 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"};
    static const char *const lines[] = {"GET /0 HTTP/1.1", "GET /1 HTTP/1.1", "GET /2 HTTP/1.1", "GET /3 HTTP/1.1"};
    for (int i = 0; i < 3; i++)
        actor_sends(client, requests[i]);
    for (int i = 0; i < 4; i++) {
        struct actor *shadow = sim_shadow(sim); /* each answer closes its connection */
        if (i == 1)
            actor_sends(client, requests[3]);
        actor_expects_head(shadow, lines[i]);
        actor_sends(shadow, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    sim_expects_completed(sim, 0, 4);
    sim_close(sim);
}

/* The limit is the mirror's, its endpoints share it: a connection that is idle at one must not keep copies from the other. */
static void test_a_connection_freed_at_one_endpoint_is_used_by_another(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.endpoints = 2, .max_connections = 1), &client);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    host_answers(sim_shadow_host(sim, 0, 1), EMPTY_200);
    for (int i = 0; i < 20; i++)
        ask(client);
    sim_advance_ms(sim, 4100); /* an idle connection closes by then at the latest */
    sim_advance_ms(sim, 4100);
    sim_expects_under_way(sim, 0, 0);
    sim_expects_completed(sim, 0, 20);
    sim_close(sim);
}

static void test_a_rate_lets_so_many_through_in_a_second(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.rate_per_second = 10), &client);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    for (int i = 0; i < 1000; i++) {
        ask(client);
        sim_advance_ms(sim, 10);
    }
    uint64_t completed = counter_get(&sim_mirror(sim, 0)->completed[registry_code_index(200)]);
    assert_in_range(completed, 100, 102); /* ten seconds */
    sim_expects_dropped(sim, 0, DROPPED_RATE, 1000 - completed);
    sim_close(sim);
}

static void test_even_sampling_is_exact(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.numerator = 1, .denominator = 5), &client);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    for (int i = 0; i < 100; i++)
        ask(client);
    sim_expects_completed(sim, 0, 20);
    assert_int_equal(counter_get(&sim_mirror(sim, 0)->sampled_out), 80);
    sim_close(sim);
}

static void test_the_budget_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    sim_set_budget(sim, 1000); /* not even a copy's head */
    ask(client);
    sim_expects_dropped(sim, 0, DROPPED_BUDGET, 1);
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_a_budget_without_room_for_a_connection_lets_copies_wait(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    sim_set_budget(sim, 20000); /* the kernel's buffers of a connection are more */
    ask(client);
    sim_expects_sent(sim, 0, 0);
    sim_advance_ms(sim, 15010);
    sim_expects_dropped(sim, 0, DROPPED_QUEUE_TIMEOUT, 1);
    sim_close(sim);
}

static void test_a_body_that_outgrows_the_budget_costs_the_copy_only(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    sim_set_budget(sim, 400 * 1024);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_stops_reading(shadow, 1000);
    for (size_t at = 0; at < 1000000; at += 50000) {
        actor_sends_body(client, at, 50000);
        assert_true(sim_budget_used(sim) <= 400 * 1024);
    }
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 1000000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_expects_failed(sim, 0, FAILED_LAG, 1);
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_one_stalled_mirror_does_not_starve_the_other(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 2, .mirror = {{.timeout_ms = 60000}}});
    sim_set_budget(sim, 4 * 1024 * 1024);
    host_answers(sim_live_host(sim, 0), OK_2);
    host_answers(sim_shadow_host(sim, 1, 0), EMPTY_200);
    for (int i = 0; i < 20; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
        for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
            struct actor *actor = CONTAINER_OF(node, struct actor, node);
            if (actor->host == sim_shadow_host(sim, 0, 0))
                actor_stops_reading(actor, 1000);
        }
        actor_sends_body(client, 0, 300000);
        actor_expects(client, OK_2);
    }
    sim_expects_completed(sim, 1, 20);
    sim_close(sim);
}

/* What one or two shadows that do not read make the budget hold of the same 400,000 bytes. */
static int64_t held_by(unsigned deaf)
{
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 2});
    sim_set_budget(sim, 4 * 1024 * 1024); /* no room for larger sockets */
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    (void)sim_live(sim);
    struct actor *shadows[2] = {sim_shadow(sim), sim_shadow(sim)};
    for (unsigned i = 0; i < deaf; i++)
        actor_stops_reading(shadows[i], 1000);
    int64_t before = sim_budget_used(sim);
    actor_sends_body(client, 0, 400000);
    int64_t held = sim_budget_used(sim) - before;
    sim_close(sim);
    return held;
}

static void test_a_chunk_that_two_mirrors_hold_is_charged_once(void **state)
{
    (void)state;
    int64_t of_one = held_by(1), of_both = held_by(2);
    assert_in_range(of_one, 350000, 700000);
    assert_true(of_both < of_one + of_one / 2);
}

static void test_an_idle_gateway_holds_nothing_of_the_budget(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
    actor_sends_body(client, 0, 60000);
    actor_sends(sim_live(sim), OK_2);
    actor_sends(sim_shadow(sim), EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_advance_ms(sim, 4010); /* the shadow's connection closes */
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_switches_and_methods_filter(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(LIMITED(.method_mask = 1u << METHOD_POST), &client);
    ask(client);
    sim_expects_filtered(sim, 0, FILTERED_METHOD, 1);
    atomic_store(&sim_mirror(sim, 0)->is_off, 1);
    ask(client);
    sim_expects_filtered(sim, 0, FILTERED_OFF, 1);
    atomic_store(&sim_mirror(sim, 0)->is_off, 0);
    atomic_store(&registry_totals(sim->registry)->is_off, 1);
    ask(client);
    sim_expects_filtered(sim, 0, FILTERED_OFF, 2);
    sim_apply(sim, LIMITED(.is_suspended = true));
    atomic_store(&registry_totals(sim->registry)->is_off, 0);
    ask(client);
    sim_expects_filtered(sim, 0, FILTERED_OFF, 3);
    sim_close(sim);
}

static void test_a_copy_that_comes_back_is_not_copied_again(void **state)
{
    (void)state;
    struct actor *client;
    char request[2048];
    struct sim *sim = open_with_live(MIRRORED, &client);
    ask(client);
    struct actor *shadow = sim_shadow(sim);
    struct str head = actor_expects_head(shadow, "GET / HTTP/1.1");
    int len = snprintf(request, sizeof request, "%.*s", STR_ARG(head));
    actor_sends_bytes(client, (struct str){request, (size_t)len}); /* the shadow is this gateway */
    actor_expects(client, OK_2);
    sim_expects_filtered(sim, 0, FILTERED_LOOP, 1);
    sim_expects_refused(sim, REFUSAL_MARKER, 0);
    sim_advance_ms(sim, 301000); /* the marker is worth nothing any more */
    client = sim_client(sim);
    actor_sends_bytes(client, (struct str){request, (size_t)len});
    actor_expects(client, OK_2);
    sim_expects_refused(sim, REFUSAL_MARKER, 1);
    sim_expects_filtered(sim, 0, FILTERED_LOOP, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_flight_is_a_limit_of_queued_and_sent_together),
        cmocka_unit_test(test_connections_are_a_limit_and_the_rest_waits_in_line),
        cmocka_unit_test(test_what_waits_for_fifteen_seconds_is_dropped),
        cmocka_unit_test(test_the_wait_for_a_connection_ends_by_the_timeout),
        cmocka_unit_test(test_who_waits_longest_gets_the_next_connection),
        cmocka_unit_test(test_a_connection_freed_at_one_endpoint_is_used_by_another),
        cmocka_unit_test(test_a_rate_lets_so_many_through_in_a_second),
        cmocka_unit_test(test_even_sampling_is_exact),
        cmocka_unit_test(test_the_budget_refuses_what_does_not_fit),
        cmocka_unit_test(test_a_budget_without_room_for_a_connection_lets_copies_wait),
        cmocka_unit_test(test_a_body_that_outgrows_the_budget_costs_the_copy_only),
        cmocka_unit_test(test_one_stalled_mirror_does_not_starve_the_other),
        cmocka_unit_test(test_a_chunk_that_two_mirrors_hold_is_charged_once),
        cmocka_unit_test(test_an_idle_gateway_holds_nothing_of_the_budget),
        cmocka_unit_test(test_switches_and_methods_filter),
        cmocka_unit_test(test_a_copy_that_comes_back_is_not_copied_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
