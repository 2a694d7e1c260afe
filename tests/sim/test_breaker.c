/* SPDX-License-Identifier: Apache-2.0 */
/* A shadow that fails five times in a row is left alone, then probed; what it answers after that decides. */
#include "play.h"

static struct sim *open_with_live(struct actor **client)
{
    struct sim *sim = sim_open(MIRRORED);
    host_answers(sim_live_host(sim, 0), OK_2);
    *client = sim_client(sim);
    return sim;
}

static void ask(struct actor *client, int times)
{
    for (int i = 0; i < times; i++) {
        actor_sends(client, GET);
        actor_expects(client, OK_2);
    }
}

static uint32_t breaker(struct sim *sim)
{
    return atomic_load(&sim_mirror(sim, 0)->breaker);
}

static void test_it_opens_after_five_failures_and_a_probe_closes_it(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    struct host *shadow = sim_shadow_host(sim, 0, 0);
    shadow->is_refusing = true;
    ask(client, 4);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    ask(client, 1);
    assert_int_equal(breaker(sim), BREAKER_OPEN);
    sim_expects_failed(sim, 0, FAILED_CONNECT, 5);
    ask(client, 3);
    sim_expects_dropped(sim, 0, DROPPED_BREAKER, 3);
    assert_int_equal(shadow->attempts, 5);
    shadow->is_refusing = false;
    host_answers(shadow, EMPTY_200);
    sim_advance_ms(sim, 990);
    ask(client, 1);
    sim_expects_dropped(sim, 0, DROPPED_BREAKER, 4);
    sim_advance_ms(sim, 270); /* a second, and up to a quarter more */
    ask(client, 1);
    sim_expects_completed(sim, 0, 1);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    ask(client, 5);
    sim_expects_completed(sim, 0, 6);
    sim_close(sim);
}

static void test_only_one_probe_goes_while_it_is_half_open(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    struct host *host = sim_shadow_host(sim, 0, 0);
    host->is_refusing = true;
    ask(client, 5);
    host->is_refusing = false;
    sim_advance_ms(sim, 1260);
    ask(client, 4);
    assert_int_equal(breaker(sim), BREAKER_HALF_OPEN);
    sim_expects_under_way(sim, 0, 1);
    sim_expects_dropped(sim, 0, DROPPED_BREAKER, 3);
    actor_sends(sim_shadow(sim), EMPTY_200);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    sim_close(sim);
}

static void test_the_wait_doubles_up_to_thirty_seconds(void **state)
{
    (void)state;
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    sim_shadow_host(sim, 0, 0)->is_refusing = true;
    ask(client, 5);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        unsigned attempts = sim_shadow_host(sim, 0, 0)->attempts;
        sim_advance_ms(sim, waits[i] - 10);
        ask(client, 1);
        assert_int_equal(sim_shadow_host(sim, 0, 0)->attempts, attempts);
        sim_advance_ms(sim, waits[i] / 4 + 20);
        ask(client, 1);
        assert_int_equal(sim_shadow_host(sim, 0, 0)->attempts, attempts + 1);
    }
    sim_close(sim);
}

static void test_timeouts_and_503_are_failures_and_other_errors_are_not(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    struct host *shadow = sim_shadow_host(sim, 0, 0);
    host_answers(shadow, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    ask(client, 10);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    host_answers(shadow, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    ask(client, 4);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    host_answers(shadow, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    ask(client, 1); /* in a row, it says */
    host_answers(shadow, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
    ask(client, 4);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    ask(client, 1);
    assert_int_equal(breaker(sim), BREAKER_OPEN);
    sim_close(sim);
}

static void test_retry_after_is_respected_at_once(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    struct host *shadow = sim_shadow_host(sim, 0, 0);
    host_answers(shadow, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    ask(client, 1);
    assert_int_equal(breaker(sim), BREAKER_OPEN);
    sim_advance_ms(sim, 6980);
    ask(client, 1);
    sim_expects_dropped(sim, 0, DROPPED_BREAKER, 1);
    sim_advance_ms(sim, 1800);
    ask(client, 1);
    sim_expects_completed(sim, 0, 2);
    sim_close(sim);
}

static void test_copies_under_way_when_it_opens_do_not_lengthen_it(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&client);
    sim_shadow_host(sim, 0, 0)->is_black_hole = true;
    ask(client, 20);
    sim_advance_ms(sim, 1010);
    sim_expects_failed(sim, 0, FAILED_CONNECT, 20);
    assert_int_equal(atomic_load(&sim_mirror(sim, 0)->breaker_backoff_ms), 1000);
    sim_close(sim);
}

static void test_a_probe_that_is_lost_is_replaced(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    host_answers(sim_live_host(sim, 0), OK_2);
    sim_shadow_host(sim, 0, 0)->is_refusing = true;
    ask(client, 5);
    sim_shadow_host(sim, 0, 0)->is_refusing = false;
    sim_advance_ms(sim, 1260);
    struct actor *prober = sim_client(sim);
    actor_sends(prober, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
    actor_resets(prober); /* the probe goes with its client: nothing was learnt */
    sim_expects_failed(sim, 0, FAILED_CLIENT_ABORT, 1);
    assert_int_equal(breaker(sim), BREAKER_HALF_OPEN);
    host_answers(sim_shadow_host(sim, 0, 0), EMPTY_200);
    sim_advance_ms(sim, 1260);
    ask(client, 1);
    sim_expects_completed(sim, 0, 1);
    assert_int_equal(breaker(sim), BREAKER_CLOSED);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_opens_after_five_failures_and_a_probe_closes_it),
        cmocka_unit_test(test_only_one_probe_goes_while_it_is_half_open),
        cmocka_unit_test(test_the_wait_doubles_up_to_thirty_seconds),
        cmocka_unit_test(test_timeouts_and_503_are_failures_and_other_errors_are_not),
        cmocka_unit_test(test_retry_after_is_respected_at_once),
        cmocka_unit_test(test_copies_under_way_when_it_opens_do_not_lengthen_it),
        cmocka_unit_test(test_a_probe_that_is_lost_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
