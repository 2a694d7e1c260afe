/* SPDX-License-Identifier: Apache-2.0 */
/* A shadow that is slow, stuck, rude or broken, at whatever byte: live's client has its bytes at once and the copy is counted with its
 * reason. In all plays the clock stands until the client is served. */
#include "play.h"

#define POST_HEAD(length) "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

static struct sim *open_with_live(const struct sim_rules *rules, struct actor **client)
{
    struct sim *sim = sim_open(rules);
    host_answers(sim_live_host(sim, 0), OK_2);
    *client = sim_client(sim);
    return sim;
}

static void test_a_client_never_waits_for_a_shadow_that_connects_slowly(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    sim_shadow_host(sim, 0, 0)->latency_ms = 900;
    actor_sends(client, GET);
    actor_expects(client, OK_2);
    actor_sends(client, GET);
    actor_expects(client, OK_2);
    sim_expects_under_way(sim, 0, 2);
    sim_advance_ms(sim, 900);
    actor_sends(sim_shadow(sim), EMPTY_200);
    actor_sends(sim_shadow(sim), EMPTY_200);
    sim_expects_completed(sim, 0, 2);
    sim_close(sim);
}

static void test_a_shadow_that_refuses_is_counted(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct actor *client;
        struct sim *sim = open_with_live(MIRRORED, &client);
        sim_shadow_host(sim, 0, 0)->is_refusing = how == 0;
        sim_shadow_host(sim, 0, 0)->is_unreachable = how == 1;
        actor_sends(client, GET);
        actor_expects(client, OK_2);
        sim_expects_sent(sim, 0, 1);
        sim_expects_failed(sim, 0, FAILED_CONNECT, 1);
        sim_close(sim);
    }
}

static void test_a_shadow_without_endpoints_is_counted(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&(struct sim_rules){.mirrors = 1, .mirror = {{.endpoints = SIM_NONE}}}, &client);
    actor_sends(client, GET);
    actor_expects(client, OK_2);
    sim_expects_dropped(sim, 0, DROPPED_NO_ENDPOINT, 1);
    sim_close(sim);
}

/* A body passes to live at live's pace while the shadow's kernel is full: the copy goes when it lags by the window. */
static void test_a_shadow_that_does_not_read_lags_and_is_let_go(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.window_bytes = 256 * 1024}}});
    sim_set_budget(sim, 4 * 1024 * 1024); /* no room for a larger socket */
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("2000000"));
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_stops_reading(shadow, 64 * 1024);
    actor_sends_body(client, 0, 250000);
    sim_expects_under_way(sim, 0, 1);
    assert_in_range(sim_budget_used(sim), 150000, 500000);
    actor_sends_body(client, 250000, 150000);
    sim_expects_failed(sim, 0, FAILED_LAG, 1);
    actor_sends_body(client, 400000, 1600000);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 2000000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_gone(shadow);
    assert_int_equal(sim_budget_used(sim), 0);
    sim_close(sim);
}

static void test_a_shadow_that_reads_later_catches_up(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("900000"));
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_stops_reading(shadow, 10000);
    actor_sends_body(client, 0, 900000);
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_expects_body(live, 0, 900000);
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_advance_ms(sim, 10000);
    actor_reads_again(shadow);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects_body(shadow, 0, 900000);
    actor_sends(shadow, EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_shadow_that_reads_a_little_now_and_then_has_its_progress(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("300000"));
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_stops_reading(shadow, 20000);
    actor_sends_body(client, 0, 299999);
    for (int i = 0; i < 4; i++) { /* live waits for the last byte, as long as its client may take */
        sim_advance_ms(sim, 14000);
        actor_reads_bytes(shadow, 10000);
    }
    sim_expects_under_way(sim, 0, 1);
    actor_sends(client, "z");
    actor_expects_head(live, "POST / HTTP/1.1");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_advance_ms(sim, 10000);
    actor_reads_bytes(shadow, 10000); /* counts no more */
    sim_advance_ms(sim, 5010);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
    sim_close(sim);
}

/* The shadow sends `bytes` of this answer and then does its worst. */
static const char whole_answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
                                   "5\r\nhello\r\n3\r\nyou\r\n0\r\nT: u\r\n\r\n";

enum worst { GOES_ON, CLOSES, RESETS, STALLS, BABBLES };

static void check_counts(struct sim *sim, enum worst worst, bool is_whole)
{
    if (is_whole || worst == GOES_ON) {
        sim_expects_completed(sim, 0, 1);
        return;
    }
    sim_expects_completed(sim, 0, 0);
    sim_expects_sent(sim, 0, 1);
    switch (worst) {
    case STALLS:
        sim_expects_under_way(sim, 0, 1);
        sim_advance_ms(sim, 15010);
        sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
        break;
    case BABBLES: sim_expects_failed(sim, 0, FAILED_PROTOCOL, 1); break;
    default: sim_expects_failed(sim, 0, FAILED_RESET, 1); break;
    }
}

static void play_worst(enum worst worst, size_t bytes)
{
    static const char babble[] = "\x01\x02\x03\x04\x05\x06\x07\n";
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    actor_sends(client, GET);
    struct actor *shadow = sim_shadow(sim);
    actor_sends_bytes(shadow, (struct str){whole_answer, bytes});
    if (worst == CLOSES)
        actor_closes(shadow);
    else if (worst == RESETS)
        actor_resets(shadow);
    else if (worst == BABBLES)
        actor_sends_bytes(shadow, (struct str){babble, sizeof babble - 1});
    else if (worst == GOES_ON)
        actor_sends(shadow, whole_answer + bytes);
    actor_expects(client, OK_2);
    actor_expects_open(client);
    check_counts(sim, worst, bytes == sizeof whole_answer - 1);
    actor_sends(client, GET); /* whatever the shadow did, the next request is served at once */
    actor_expects(client, OK_2);
    sim_expects_status(sim, 200, 2);
    sim_close(sim);
}

static void test_a_shadow_may_close_at_any_byte(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer; bytes++)
        play_worst(CLOSES, bytes);
}

static void test_a_shadow_may_reset_at_any_byte(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer; bytes++)
        play_worst(RESETS, bytes);
}

static void test_a_shadow_may_stall_at_any_byte(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer; bytes++)
        play_worst(STALLS, bytes);
}

static void test_a_shadow_may_babble_at_any_byte(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer - 1; bytes++)
        play_worst(BABBLES, bytes);
}

static void test_a_shadow_s_answer_may_come_in_two_pieces_split_anywhere(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole_answer; bytes++)
        play_worst(GOES_ON, bytes);
}

static void test_rude_answers_are_protocol_failures(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/3 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct actor *client;
        struct sim *sim = open_with_live(MIRRORED, &client);
        actor_sends(client, GET);
        actor_sends(sim_shadow(sim), answers[i]);
        actor_expects(client, OK_2);
        sim_expects_failed(sim, 0, FAILED_PROTOCOL, 1);
        sim_close(sim);
    }
}

static void test_a_flood_of_informational_answers_is_a_protocol_failure(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    actor_sends(client, GET);
    struct actor *shadow = sim_shadow(sim);
    for (int i = 0; i < 17; i++)
        actor_sends(shadow, "HTTP/1.1 103 Early Hints\r\n\r\n");
    sim_expects_failed(sim, 0, FAILED_PROTOCOL, 1);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_a_shadow_that_says_more_than_was_asked_loses_its_connection(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    actor_sends(client, GET);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200 EMPTY_200);
    sim_expects_completed(sim, 0, 1);
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_expects_gone(shadow);
    sim_close(sim);
}

#define HUGE_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n"

static void sends_huge(struct actor *actor)
{
    actor_sends(actor, HUGE_HEAD);
    for (size_t at = 0; at < 8000000; at += 2000000)
        actor_sends_body(actor, at, 2000000);
}

/* Answers of any length are read and thrown away; live's bytes are not behind them. What has no likeness to live's answer is read at
 * a pace that costs little: 13 MB/s. */
static void test_a_huge_answer_of_a_shadow_is_read_to_its_end(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(MIRRORED, &client);
    actor_sends(client, GET);
    struct actor *shadow = sim_shadow(sim);
    sends_huge(shadow);
    actor_expects(client, OK_2);
    sim_rest(sim);
    sim_expects_completed(sim, 0, 0);
    sim_advance_ms(sim, 500);
    sim_expects_completed(sim, 0, 0);
    sim_advance_ms(sim, 1500);
    sim_expects_completed(sim, 0, 1);
    assert_int_equal(counter_get(&sim_mirror(sim, 0)->bytes_received), 8000000 + strlen(HUGE_HEAD));
    sim_close(sim);
}

static void test_an_answer_as_long_as_live_s_is_read_at_once(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    sends_huge(live);
    actor_expects(client, HUGE_HEAD);
    actor_expects_body(client, 0, 8000000);
    sends_huge(shadow);
    sim_rest(sim);
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_shadow_that_answers_before_it_was_asked_all_gets_all(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("4") "bo");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(shadow, EMPTY_200);
    actor_sends(client, "dy");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    actor_expects_head(shadow, "POST / HTTP/1.1");
    actor_expects(shadow, "body");
    sim_expects_completed(sim, 0, 1);
    actor_expects_open(shadow);
    sim_close(sim);
}

static void test_a_shadow_that_answers_early_and_closes_is_done(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 413 Content Too Large\r\n\r\nuntil the end",
    };
    for (size_t i = 0; i < 2; i++) {
        struct sim *sim = sim_open(MIRRORED);
        struct actor *client = sim_client(sim);
        actor_sends(client, POST_HEAD("4") "bo");
        struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
        actor_sends(shadow, answers[i]);
        actor_closes(shadow);
        sim_expects_completed(sim, 0, 1);
        actor_sends(client, "dy");
        actor_expects_head(live, "POST / HTTP/1.1");
        actor_expects(live, "body");
        actor_sends(live, OK_2);
        actor_expects(client, OK_2);
        sim_close(sim);
    }
}

static void test_two_shadows_do_not_touch_each_other(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(&(struct sim_rules){.mirrors = 2}, &client);
    sim_shadow_host(sim, 0, 0)->is_black_hole = true;
    host_answers(sim_shadow_host(sim, 1, 0), EMPTY_200);
    for (int i = 0; i < 3; i++) {
        actor_sends(client, GET);
        actor_expects(client, OK_2);
    }
    sim_expects_completed(sim, 1, 3);
    sim_expects_under_way(sim, 0, 3);
    sim_advance_ms(sim, 1010);
    sim_expects_failed(sim, 0, FAILED_CONNECT, 3);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_never_waits_for_a_shadow_that_connects_slowly),
        cmocka_unit_test(test_a_shadow_that_refuses_is_counted),
        cmocka_unit_test(test_a_shadow_without_endpoints_is_counted),
        cmocka_unit_test(test_a_shadow_that_does_not_read_lags_and_is_let_go),
        cmocka_unit_test(test_a_shadow_that_reads_later_catches_up),
        cmocka_unit_test(test_a_shadow_that_reads_a_little_now_and_then_has_its_progress),
        cmocka_unit_test(test_a_shadow_may_close_at_any_byte),
        cmocka_unit_test(test_a_shadow_may_reset_at_any_byte),
        cmocka_unit_test(test_a_shadow_may_stall_at_any_byte),
        cmocka_unit_test(test_a_shadow_may_babble_at_any_byte),
        cmocka_unit_test(test_a_shadow_s_answer_may_come_in_two_pieces_split_anywhere),
        cmocka_unit_test(test_rude_answers_are_protocol_failures),
        cmocka_unit_test(test_a_flood_of_informational_answers_is_a_protocol_failure),
        cmocka_unit_test(test_a_shadow_that_says_more_than_was_asked_loses_its_connection),
        cmocka_unit_test(test_a_huge_answer_of_a_shadow_is_read_to_its_end),
        cmocka_unit_test(test_an_answer_as_long_as_live_s_is_read_at_once),
        cmocka_unit_test(test_a_shadow_that_answers_before_it_was_asked_all_gets_all),
        cmocka_unit_test(test_a_shadow_that_answers_early_and_closes_is_done),
        cmocka_unit_test(test_two_shadows_do_not_touch_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
