/* SPDX-License-Identifier: Apache-2.0 */
/* Several endpoints: which one a request goes to, which are left alone, and when they return. */
#include "play.h"

#define LIVES(count) (&(struct sim_rules){.live_endpoints = (count)})
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
#define RESETS ""

static struct sim *open_play(const struct sim_rules *rules)
{
    struct sim *sim = sim_open(rules);
    for (unsigned i = 0; i < SIM_ENDPOINTS; i++)
        host_answers(sim_live_host(sim, i), EMPTY_200);
    return sim;
}

static unsigned requests(struct sim *sim, unsigned endpoint)
{
    return sim_live_host(sim, endpoint)->requests;
}

/* The status that the client got, all of whose answer is there. */
static unsigned take_status(struct actor *client)
{
    struct str got = flow_peek(&client->got);
    uint64_t status;
    if (got.len < 12 || !str_to_u64(str_slice(got, 9, 12), &status))
        sim_fail("no answer but \"%.*s\"", STR_ARG(got));
    flow_take(&client->got, got.len);
    return (unsigned)status;
}

/* Requests that wait at an endpoint which does not answer by itself. */
static void answer_held(struct sim *sim, unsigned endpoint)
{
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *live = CONTAINER_OF(node, struct actor, node);
        if (live->host != sim_live_host(sim, endpoint) || !flow_len(&live->got))
            continue;
        actor_expects_head(live, "GET / HTTP/1.1");
        actor_sends(live, EMPTY_200);
    }
}

/* Always the same client, as long as its connection is kept. */
static unsigned ask(struct sim *sim)
{
    struct actor *client = sim->user;
    if (!client || client->wire->is_closed || client->wire->is_shut)
        client = sim->user = sim_client(sim);
    actor_sends(client, GET);
    return take_status(client);
}

/* How many of so many requests get this status; the rest get 200. */
static unsigned ask_often(struct sim *sim, unsigned count, unsigned status)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned got = ask(sim);
        found += got == status;
        if (got != status && got != 200)
            sim_fail("a request got %u", got);
    }
    return found;
}

/* One request every 100 ms. */
static unsigned ask_for_ms(struct sim *sim, unsigned ms, unsigned status)
{
    unsigned found = 0;
    for (unsigned at = 0; at < ms; at += 100) {
        found += ask_often(sim, 1, status);
        sim_advance_ms(sim, 100);
    }
    return found;
}

/* ---- which one ---- */

static void test_requests_are_spread_evenly_over_healthy_endpoints(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(4));
    assert_int_equal(ask_often(sim, 800, 200), 800);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(requests(sim, i), 160, 240);
    sim_close(sim);
}

static void test_one_that_does_not_come_to_an_end_gets_no_more(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(3));
    host_answers(sim_live_host(sim, 0), NULL);
    struct actor *client;
    do { /* until one request hangs there */
        client = sim_client(sim);
        actor_sends(client, GET);
    } while (sim_live_host(sim, 0)->attempts == 0);
    unsigned before = requests(sim, 1) + requests(sim, 2);
    assert_int_equal(ask_often(sim, 200, 200), 200);
    assert_int_equal(requests(sim, 1) + requests(sim, 2), before + 200);
    actor_sends(sim_live(sim), EMPTY_200);
    assert_int_equal(take_status(client), 200);
    sim_close(sim);
}

static void test_a_slow_one_gets_less(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), NULL);
    unsigned slow = 0;
    for (unsigned i = 0; i < 300; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        if (client->total)
            continue;
        slow++;
        for (unsigned k = 0; k < 3; k++) /* meanwhile */
            assert_int_equal(ask(sim), 200);
        answer_held(sim, 0);
        assert_int_equal(take_status(client), 200);
    }
    assert_true(slow > 20);
    assert_true(requests(sim, 1) > 2 * slow);
    sim_close(sim);
}

static void test_what_a_client_gave_up_counts_no_more(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), NULL);
    for (unsigned i = 0; i < 40; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        actor_resets(client);
    }
    assert_in_range(sim_live_host(sim, 0)->attempts, 10, 30);
    sim_close(sim);
}

/* ---- those that can't be reached ---- */

static void test_one_that_refuses_costs_no_request_and_few_attempts(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    sim_live_host(sim, 0)->is_refusing = true;
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 1);
    sim_close(sim);
}

/* Pauses of 1, 2, 4, 8, 16, 30, 30, … s: in the first minute six attempts, with a little more time for each until it is drawn. */
static void test_pauses_of_one_that_refuses_double_to_half_a_minute(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    struct host *host = sim_live_host(sim, 0);
    host->is_refusing = true;
    assert_int_equal(ask_for_ms(sim, 60000, 200), 600);
    assert_in_range(host->attempts, 5, 6);
    unsigned before = host->attempts;
    assert_int_equal(ask_for_ms(sim, 300000, 200), 3000);
    assert_in_range(host->attempts - before, 8, 10);
    sim_close(sim);
}

static void test_one_that_can_be_reached_again_has_its_share_again(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    sim_live_host(sim, 0)->is_refusing = true;
    assert_int_equal(ask_often(sim, 20, 200), 20);
    sim_live_host(sim, 0)->is_refusing = false;
    assert_int_equal(ask_often(sim, 20, 200), 20);
    assert_int_equal(requests(sim, 0), 0);
    sim_advance_ms(sim, 1000);
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_in_range(requests(sim, 0), 30, 70);
    sim_close(sim);
}

static void test_a_black_hole_holds_up_one_request_at_a_time(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    sim_live_host(sim, 0)->is_black_hole = true;
    struct actor *client;
    do {
        client = sim_client(sim);
        actor_sends(client, GET);
    } while (client->total);
    sim_advance_ms(sim, 3010);
    assert_int_equal(take_status(client), 200);
    assert_int_equal(ask_often(sim, 50, 200), 50);
    sim_advance_ms(sim, 1000);
    do { /* the probe */
        client = sim_client(sim);
        actor_sends(client, GET);
    } while (client->total);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 2);
    assert_int_equal(ask_often(sim, 50, 200), 50);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 2);
    sim_advance_ms(sim, 3010);
    assert_int_equal(take_status(client), 200);
    sim_close(sim);
}

static void test_all_are_tried_when_none_could_be_reached(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(3));
    for (unsigned i = 0; i < 3; i++)
        sim_live_host(sim, i)->is_refusing = true;
    assert_int_equal(ask_often(sim, 10, 503), 10);
    for (unsigned i = 0; i < 3; i++)
        sim_live_host(sim, i)->is_refusing = false;
    assert_int_equal(ask_often(sim, 10, 200), 10); /* though no pause is over */
    sim_close(sim);
}

static void test_requests_that_find_all_ejected_make_no_pause_longer(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    sim_live_host(sim, 0)->is_refusing = sim_live_host(sim, 1)->is_refusing = true;
    assert_int_equal(ask_often(sim, 100, 503), 100);
    sim_live_host(sim, 1)->is_refusing = false;
    assert_int_equal(ask_often(sim, 100, 200), 100);
    sim_live_host(sim, 0)->is_refusing = false;
    sim_advance_ms(sim, 1000);
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_true(requests(sim, 0) > 20);
    sim_close(sim);
}

/* ---- those that fail to answer ---- */

static void test_five_bad_answers_in_a_row_eject(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        unsigned status;
    } bad[] = {
        {RESETS, 502},
        {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 502},
        {UNAVAILABLE, 503},
        {"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n", 504},
        {"no HTTP\r\n\r\n", 502},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sim *sim = open_play(LIVES(3));
        host_answers(sim_live_host(sim, 1), bad[i].answer);
        assert_int_equal(ask_often(sim, 200, bad[i].status), 5);
        sim_close(sim);
    }
}

static void test_other_errors_are_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        unsigned status;
    } good[] = {
        {NOT_FOUND, 404},
        {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", 500},
        {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", 429},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct sim *sim = open_play(LIVES(2));
        host_answers(sim_live_host(sim, 1), good[i].answer);
        assert_in_range(ask_often(sim, 100, good[i].status), 30, 70);
        sim_close(sim);
    }
}

static void test_a_good_answer_in_between_begins_the_count_anew(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    struct host *host = sim_live_host(sim, 0);
    unsigned failed = 0;
    for (unsigned i = 0; i < 400; i++) {
        host_answers(host, host->requests % 5 == 4 ? EMPTY_200 : UNAVAILABLE);
        failed += ask_often(sim, 1, 503);
    }
    assert_in_range(failed, 100, 220);
    sim_close(sim);
}

static void test_one_that_fails_is_probed_with_one_request_after_pauses_that_double(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 50, 503), 5);
    assert_int_equal(ask_for_ms(sim, 9900, 503), 0);
    assert_int_equal(ask_for_ms(sim, 3000, 503), 1);
    assert_int_equal(ask_for_ms(sim, 17000, 503), 0);
    assert_int_equal(ask_for_ms(sim, 5000, 503), 1);
    assert_int_equal(ask_for_ms(sim, 35000, 503), 0);
    sim_close(sim);
}

static void test_pauses_of_one_that_fails_end_at_five_minutes(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    assert_int_equal(ask_for_ms(sim, 640000, 503), 5 + 6); /* 10, 20, 40, 80, 160, 300 s */
    assert_in_range(ask_for_ms(sim, 3000000, 503), 9, 10);
    sim_close(sim);
}

static void test_one_that_answers_again_has_its_share_again(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 50, 503), 5);
    host_answers(sim_live_host(sim, 0), EMPTY_200);
    sim_advance_ms(sim, 10000);
    unsigned before = requests(sim, 0);
    assert_int_equal(ask_often(sim, 100, 503), 0);
    assert_in_range(requests(sim, 0) - before, 30, 70);
    sim_close(sim);
}

static void test_a_probe_is_alone_until_it_has_its_answer(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), RESETS);
    assert_int_equal(ask_often(sim, 50, 502), 5);
    host_answers(sim_live_host(sim, 0), NULL);
    sim_advance_ms(sim, 10000);
    unsigned before = sim_live_host(sim, 0)->attempts;
    struct actor *probe;
    do {
        probe = sim_client(sim);
        actor_sends(probe, GET);
    } while (probe->total);
    assert_int_equal(ask_often(sim, 50, 200), 50);
    assert_int_equal(sim_live_host(sim, 0)->attempts, before + 1);
    answer_held(sim, 0);
    assert_int_equal(take_status(probe), 200);
    host_answers(sim_live_host(sim, 0), EMPTY_200);
    before = requests(sim, 0);
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_in_range(requests(sim, 0) - before, 30, 70);
    sim_close(sim);
}

static void test_a_probe_that_its_client_gives_up_is_replaced_by_the_next_request(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), RESETS);
    assert_int_equal(ask_often(sim, 50, 502), 5);
    host_answers(sim_live_host(sim, 0), NULL);
    sim_advance_ms(sim, 10000);
    for (unsigned i = 0; i < 3; i++) {
        struct actor *probe;
        unsigned before = sim_live_host(sim, 0)->attempts;
        do {
            probe = sim_client(sim);
            actor_sends(probe, GET);
        } while (probe->total);
        assert_int_equal(sim_live_host(sim, 0)->attempts, before + 1);
        actor_resets(probe);
    }
    sim_close(sim);
}

static void test_a_probe_that_hangs_is_followed_by_another(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), RESETS);
    assert_int_equal(ask_often(sim, 50, 502), 5);
    host_answers(sim_live_host(sim, 0), NULL);
    sim_advance_ms(sim, 10000);
    for (unsigned i = 0; i < 2; i++) {
        struct actor *probe;
        do {
            probe = sim_client(sim);
            actor_sends(probe, GET);
        } while (probe->total);
        assert_int_equal(ask_for_ms(sim, 9900, 200), 99);
        sim_advance_ms(sim, 100);
    }
    sim_close(sim);
}

static void test_a_timeout_of_live_is_a_failure(void **state)
{
    (void)state;
    struct sim *sim = open_play(&(struct sim_rules){.live_endpoints = 2, .request_timeout_ms = 100});
    host_answers(sim_live_host(sim, 0), NULL);
    unsigned timeouts = 0;
    for (unsigned i = 0; i < 60; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        sim_advance_ms(sim, 110);
        timeouts += take_status(client) == 504;
    }
    assert_int_equal(timeouts, 5);
    sim_close(sim);
}

static void test_a_slow_client_is_no_failure_of_live(void **state)
{
    (void)state;
    struct sim *sim = open_play(&(struct sim_rules){.live_endpoints = 2, .request_timeout_ms = 100});
    unsigned attempts[2] = {0};
    for (unsigned i = 0; i < 60; i++) {
        struct actor *client = sim_client(sim);
        actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
        sim_advance_ms(sim, 110);
        assert_int_equal(take_status(client), 504);
    }
    for (unsigned i = 0; i < 2; i++)
        attempts[i] = sim_live_host(sim, i)->attempts;
    assert_in_range(attempts[0], 18, 42);
    assert_int_equal(attempts[0] + attempts[1], 60);
    sim_close(sim);
}

static void test_the_last_endpoint_is_never_ejected_for_its_answers(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(1));
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 50, 503), 50);
    host_answers(sim_live_host(sim, 0), EMPTY_200);
    assert_int_equal(ask_often(sim, 50, 503), 0);
    sim_close(sim);
}

static void test_half_of_the_endpoints_stay_however_bad_their_answers(void **state)
{
    (void)state;
    for (unsigned count = 2; count <= 4; count++) {
        struct sim *sim = open_play(LIVES(count));
        for (unsigned i = 0; i < count; i++)
            host_answers(sim_live_host(sim, i), UNAVAILABLE);
        assert_int_equal(ask_often(sim, 100, 503), 100);
        unsigned before[SIM_ENDPOINTS], asked = 0;
        for (unsigned i = 0; i < count; i++)
            before[i] = requests(sim, i);
        assert_int_equal(ask_often(sim, 100, 503), 100);
        for (unsigned i = 0; i < count; i++)
            asked += requests(sim, i) > before[i];
        assert_int_equal(asked, count / 2);
        sim_close(sim);
    }
}

static void test_one_that_can_t_be_reached_counts_towards_the_half(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    sim_live_host(sim, 0)->is_refusing = true;
    assert_int_equal(ask_often(sim, 20, 200), 20);
    host_answers(sim_live_host(sim, 1), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 20, 503), 20);
    assert_int_equal(sim_live_host(sim, 0)->attempts, 1); /* the other one is not ejected, so this one is left alone */
    sim_close(sim);
}

static void test_answers_of_requests_from_before_an_ejection_change_nothing(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    struct host *host = sim_live_host(sim, 0);
    host_answers(host, NULL);
    struct actor *client;
    do {
        client = sim_client(sim);
        actor_sends(client, GET);
    } while (client->total);
    struct actor *live = sim_live(sim);
    host->is_refusing = true; /* the listener is gone, and what is under way goes on */
    host_answers(sim_live_host(sim, 1), NULL);
    for (unsigned i = 0; host->attempts < 2; i++) { /* until so much waits at the other one that this one is tried */
        assert_true(i < 20);
        actor_sends(sim_client(sim), GET);
    }
    actor_sends(live, EMPTY_200);
    assert_int_equal(take_status(client), 200);
    for (unsigned i = 0; i < 20; i++)
        actor_sends(sim_client(sim), GET);
    assert_int_equal(host->attempts, 2);
    sim_close(sim);
}

/* ---- rules ---- */

static void test_an_ejected_endpoint_stays_so_when_rules_change(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 0), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 50, 503), 5);
    sim_apply(sim, LIVES(3));
    assert_int_equal(ask_often(sim, 50, 503), 0);
    sim_close(sim);
}

static void test_an_endpoint_that_comes_back_begins_anew(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(2));
    host_answers(sim_live_host(sim, 1), UNAVAILABLE);
    assert_int_equal(ask_often(sim, 50, 503), 5);
    sim_apply(sim, LIVES(1));
    sim_apply(sim, LIVES(2));
    assert_int_equal(ask_often(sim, 50, 503), 5);
    sim_close(sim);
}

static void test_what_is_in_flight_counts_across_rules(void **state)
{
    (void)state;
    struct sim *sim = open_play(LIVES(1));
    host_answers(sim_live_host(sim, 0), NULL);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_apply(sim, &(struct sim_rules){.live_endpoints = SIM_NONE});
    sim_apply(sim, LIVES(2));
    assert_int_equal(ask_often(sim, 20, 200), 20);
    assert_int_equal(requests(sim, 1), 20);
    actor_sends(sim_live(sim), EMPTY_200);
    assert_int_equal(take_status(client), 200);
    sim_close(sim);
}

/* ---- shadows ---- */

static unsigned copies(struct sim *sim, unsigned endpoint)
{
    return sim_shadow_host(sim, 0, endpoint)->requests;
}

static struct sim *open_with_shadows(unsigned count)
{
    struct sim *sim = open_play(&(struct sim_rules){.mirrors = 1, .mirror = {{.endpoints = count}}});
    for (unsigned i = 0; i < count; i++)
        host_answers(sim_shadow_host(sim, 0, i), EMPTY_200);
    return sim;
}

static void test_copies_are_spread_evenly_over_a_shadow_s_endpoints(void **state)
{
    (void)state;
    struct sim *sim = open_with_shadows(4);
    assert_int_equal(ask_often(sim, 800, 200), 800);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(copies(sim, i), 160, 240);
    sim_close(sim);
}

static void test_an_endpoint_of_a_shadow_that_hangs_gets_no_more_copies(void **state)
{
    (void)state;
    struct sim *sim = open_with_shadows(2);
    host_answers(sim_shadow_host(sim, 0, 0), NULL);
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_int_equal(sim_shadow_host(sim, 0, 0)->attempts, 1);
    assert_int_equal(copies(sim, 1), 99);
    sim_close(sim);
}

static void test_copies_avoid_an_endpoint_that_can_t_be_reached(void **state)
{
    (void)state;
    struct sim *sim = open_with_shadows(3);
    sim_shadow_host(sim, 0, 0)->is_refusing = true;
    assert_int_equal(ask_often(sim, 100, 200), 100);
    assert_int_equal(sim_shadow_host(sim, 0, 0)->attempts, 1);
    sim_expects_failed(sim, 0, FAILED_CONNECT, 1);
    sim_expects_completed(sim, 0, 99);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_spread_evenly_over_healthy_endpoints),
        cmocka_unit_test(test_one_that_does_not_come_to_an_end_gets_no_more),
        cmocka_unit_test(test_a_slow_one_gets_less),
        cmocka_unit_test(test_what_a_client_gave_up_counts_no_more),
        cmocka_unit_test(test_one_that_refuses_costs_no_request_and_few_attempts),
        cmocka_unit_test(test_pauses_of_one_that_refuses_double_to_half_a_minute),
        cmocka_unit_test(test_one_that_can_be_reached_again_has_its_share_again),
        cmocka_unit_test(test_a_black_hole_holds_up_one_request_at_a_time),
        cmocka_unit_test(test_all_are_tried_when_none_could_be_reached),
        cmocka_unit_test(test_requests_that_find_all_ejected_make_no_pause_longer),
        cmocka_unit_test(test_five_bad_answers_in_a_row_eject),
        cmocka_unit_test(test_other_errors_are_answers),
        cmocka_unit_test(test_a_good_answer_in_between_begins_the_count_anew),
        cmocka_unit_test(test_one_that_fails_is_probed_with_one_request_after_pauses_that_double),
        cmocka_unit_test(test_pauses_of_one_that_fails_end_at_five_minutes),
        cmocka_unit_test(test_one_that_answers_again_has_its_share_again),
        cmocka_unit_test(test_a_probe_is_alone_until_it_has_its_answer),
        cmocka_unit_test(test_a_probe_that_its_client_gives_up_is_replaced_by_the_next_request),
        cmocka_unit_test(test_a_probe_that_hangs_is_followed_by_another),
        cmocka_unit_test(test_a_timeout_of_live_is_a_failure),
        cmocka_unit_test(test_a_slow_client_is_no_failure_of_live),
        cmocka_unit_test(test_the_last_endpoint_is_never_ejected_for_its_answers),
        cmocka_unit_test(test_half_of_the_endpoints_stay_however_bad_their_answers),
        cmocka_unit_test(test_one_that_can_t_be_reached_counts_towards_the_half),
        cmocka_unit_test(test_answers_of_requests_from_before_an_ejection_change_nothing),
        cmocka_unit_test(test_an_ejected_endpoint_stays_so_when_rules_change),
        cmocka_unit_test(test_an_endpoint_that_comes_back_begins_anew),
        cmocka_unit_test(test_what_is_in_flight_counts_across_rules),
        cmocka_unit_test(test_copies_are_spread_evenly_over_a_shadow_s_endpoints),
        cmocka_unit_test(test_an_endpoint_of_a_shadow_that_hangs_gets_no_more_copies),
        cmocka_unit_test(test_copies_avoid_an_endpoint_that_can_t_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
