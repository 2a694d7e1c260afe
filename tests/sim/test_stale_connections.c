/* SPDX-License-Identifier: Apache-2.0 */
/* A reused connection may die just as it is used: replaced once, when the method is idempotent and what
 * was sent is still in the 64 KiB window. The same holds for copies. */
#include "play.h"

#define WINDOW 65536u

/* A client and an idle connection to live. */
static struct sim *open_warm(const struct sim_rules *rules, struct actor **client, struct actor **live)
{
    struct sim *sim = sim_open(rules);
    *client = sim_client(sim);
    sim_warms_up(sim, *client);
    *live = sim_live(sim);
    return sim;
}

static void test_a_get_on_a_dying_connection_is_sent_again_on_a_new_one(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, GET);
    actor_expects_head(live, "GET / HTTP/1.1");
    actor_closes(live);
    struct actor *next = sim_live(sim);
    actor_expects_head(next, "GET / HTTP/1.1");
    actor_sends(next, OK_2);
    actor_expects(client, OK_2);
    sim_expects_status(sim, 200, 2);
    sim_close(sim);
}

static void test_a_reset_counts_as_a_close(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, GET);
    actor_resets(live);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_an_end_and_a_request_in_the_same_turn_do_not_hurt(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct actor *client, *live;
        struct sim *sim = open_warm(PLAIN, &client, &live);
        if (order == 0)
            wire_end(live->wire);
        wire_send(client->wire, GET, sizeof GET - 1);
        if (order == 1)
            wire_end(live->wire);
        sim_rest(sim);
        actor_sends(sim_live(sim), OK_2);
        actor_expects(client, OK_2);
        sim_close(sim);
    }
}

static void test_a_connection_that_closes_while_idle_is_never_used(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_closes(live);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    struct actor *next = sim_live(sim);
    actor_expects_head(next, "POST / HTTP/1.1");
    actor_expects(next, "x");
    actor_sends(next, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_bytes_on_an_idle_connection_end_it(void **state)
{
    (void)state;
    static const char *const junk[] = {"x", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 408 Request Timeout\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct actor *client, *live;
        struct sim *sim = open_warm(PLAIN, &client, &live);
        actor_sends(live, junk[i]);
        actor_expects_gone(live);
        actor_sends(client, GET);
        actor_sends(sim_live(sim), OK_2);
        actor_expects(client, OK_2);
        sim_close(sim);
    }
}

static void test_a_post_is_never_sent_twice(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    actor_closes(live);
    sim_expects_no_live(sim);
    actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
    sim_close(sim);
}

static void test_a_first_byte_of_the_answer_ends_the_chance(void **state)
{
    (void)state;
    static const char *const begun[] = {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct actor *client, *live;
        struct sim *sim = open_warm(PLAIN, &client, &live);
        actor_sends(client, GET);
        actor_sends(live, begun[i]);
        actor_closes(live);
        sim_expects_no_live(sim);
        if (i == 2)
            actor_expects_head(client, "HTTP/1.1 100 Continue");
        actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
        sim_close(sim);
    }
}

static void test_a_connection_that_was_new_is_not_replaced(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_closes(sim_live(sim));
    sim_expects_no_live(sim);
    actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
    sim_close(sim);
}

static void test_it_is_replaced_once(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, GET);
    actor_closes(live);
    actor_closes(sim_live(sim));
    sim_expects_no_live(sim);
    actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
    sim_close(sim);
}

static void test_the_replacement_is_a_new_connection_though_others_are_idle(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *one = sim_client(sim), *two = sim_client(sim);
    actor_sends(one, GET);
    actor_sends(two, GET);
    struct actor *first = sim_live(sim), *second = sim_live(sim);
    actor_expects_head(first, "GET / HTTP/1.1");
    actor_expects_head(second, "GET / HTTP/1.1");
    actor_sends(first, OK_2);
    actor_sends(second, OK_2); /* used last, so taken first */
    actor_sends(one, GET);
    actor_expects_head(second, "GET / HTTP/1.1");
    actor_closes(second); /* live restarts: all that was idle is dead */
    actor_expects_open(first);
    struct actor *next = sim_live(sim);
    actor_expects_head(next, "GET / HTTP/1.1");
    actor_sends(next, OK_2);
    actor_expects(one, OK_2 OK_2);
    sim_close(sim);
}

static void send_put(struct actor *client, size_t bytes, size_t piece)
{
    char head[100];
    snprintf(head, sizeof head, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", bytes);
    actor_sends_in_pieces(client, piece);
    actor_sends(client, head);
    actor_sends_body(client, 0, bytes);
}

static void expect_replaced_put(struct sim *sim, struct actor *client, struct actor *live, size_t bytes)
{
    actor_expects_head(live, "PUT / HTTP/1.1");
    actor_expects_body(live, 0, bytes);
    actor_closes(live);
    struct actor *next = sim_live(sim);
    actor_expects_head(next, "PUT / HTTP/1.1");
    actor_expects_body(next, 0, bytes);
    actor_expects_nothing(next);
    actor_sends(next, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
}

static void test_a_body_within_the_window_is_sent_again_however_it_came(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 8000, 3000, 1000, 100, 7};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct actor *client, *live;
        struct sim *sim = open_warm(PLAIN, &client, &live);
        send_put(client, pieces[i] == 7 ? 5000 : WINDOW, pieces[i]);
        expect_replaced_put(sim, client, live, pieces[i] == 7 ? 5000 : WINDOW);
        sim_close(sim);
    }
}

static void test_a_body_beyond_the_window_is_not(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1000};
    for (size_t i = 0; i < 2; i++) {
        struct actor *client, *live;
        struct sim *sim = open_warm(PLAIN, &client, &live);
        send_put(client, WINDOW + 1, pieces[i]);
        actor_expects_head(live, "PUT / HTTP/1.1");
        actor_expects_body(live, 0, WINDOW + 1);
        actor_closes(live);
        sim_expects_no_live(sim);
        actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
        sim_close(sim);
    }
}

static void test_a_body_goes_on_after_the_replacement(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    actor_expects_head(live, "PUT / HTTP/1.1");
    actor_expects(live, "5\r\nhello\r\n");
    actor_closes(live);
    struct actor *next = sim_live(sim);
    head_expects_field(actor_expects_head(next, "PUT / HTTP/1.1"), "Transfer-Encoding", "chunked");
    actor_sends(client, "6\r\n world\r\n0\r\n\r\n");
    actor_expects_chunked(next, "hello world");
    actor_sends(next, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

static void test_trailers_are_sent_again_too(void **state)
{
    (void)state;
    struct actor *client, *live;
    struct sim *sim = open_warm(PLAIN, &client, &live);
    actor_sends(client, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nSum: 1\r\n\r\n");
    actor_expects_head(live, "PUT / HTTP/1.1");
    actor_closes(live);
    struct actor *next = sim_live(sim);
    actor_expects_head(next, "PUT / HTTP/1.1");
    actor_expects(next, "1\r\nx\r\n0\r\nSum: 1\r\n\r\n");
    actor_sends(next, EMPTY_200);
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    sim_close(sim);
}

/* Live answers by itself; the shadow's connection is warm. */
static struct sim *open_warm_shadow(const struct sim_rules *rules, struct actor **client, struct actor **shadow)
{
    struct sim *sim = sim_open(rules);
    host_answers(sim_live_host(sim, 0), OK_2);
    *client = sim_client(sim);
    actor_sends(*client, GET);
    *shadow = sim_shadow(sim);
    actor_expects_head(*shadow, "GET / HTTP/1.1");
    actor_sends(*shadow, EMPTY_200);
    actor_expects(*client, OK_2);
    sim_expects_completed(sim, 0, 1);
    actor_expects_open(*shadow);
    return sim;
}

static void test_a_copy_on_a_dying_connection_is_sent_again_and_counted_once(void **state)
{
    (void)state;
    struct actor *client, *shadow;
    struct sim *sim = open_warm_shadow(MIRRORED, &client, &shadow);
    actor_sends(client, GET);
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_closes(shadow);
    struct actor *next = sim_shadow(sim);
    actor_expects_head(next, "GET / HTTP/1.1");
    actor_sends(next, EMPTY_200);
    sim_expects_sent(sim, 0, 2);
    sim_expects_completed(sim, 0, 2);
    sim_close(sim);
}

static void test_a_copied_post_fails_with_its_connection(void **state)
{
    (void)state;
    struct actor *client, *shadow;
    struct sim *sim = open_warm_shadow(MIRRORED, &client, &shadow);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    actor_closes(shadow);
    sim_expects_no_shadow(sim);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_copied_body_within_the_window_is_sent_again(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1000};
    for (size_t i = 0; i < 2; i++) {
        struct actor *client, *shadow;
        struct sim *sim = open_warm_shadow(MIRRORED, &client, &shadow);
        send_put(client, 60000, pieces[i]);
        actor_expects_head(shadow, "PUT / HTTP/1.1");
        actor_expects_body(shadow, 0, 60000);
        actor_closes(shadow);
        struct actor *next = sim_shadow(sim);
        actor_expects_head(next, "PUT / HTTP/1.1");
        actor_expects_body(next, 0, 60000);
        actor_expects_nothing(next);
        actor_sends(next, EMPTY_200);
        sim_expects_completed(sim, 0, 2);
        sim_close(sim);
    }
}

static void test_a_copied_body_beyond_the_window_is_not(void **state)
{
    (void)state;
    struct actor *client, *shadow;
    struct sim *sim = open_warm_shadow(MIRRORED, &client, &shadow);
    send_put(client, 200000, 0);
    actor_expects_head(shadow, "PUT / HTTP/1.1");
    actor_expects_body(shadow, 0, 200000);
    actor_closes(shadow);
    sim_expects_no_shadow(sim);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    sim_close(sim);
}

static void test_a_stale_copy_waits_its_turn_for_a_connection(void **state)
{
    (void)state;
    struct actor *client, *shadow;
    struct sim *sim = open_warm_shadow(&(struct sim_rules){.mirrors = 1, .mirror = {{.max_connections = 1}}}, &client,
                                       &shadow);
    actor_sends(client, GET);
    actor_sends(client, GET); /* waits */
    actor_expects_head(shadow, "GET / HTTP/1.1");
    actor_closes(shadow);
    for (int i = 0; i < 2; i++) {
        struct actor *next = i == 0 ? sim_shadow(sim) : shadow;
        actor_expects_head(next, "GET / HTTP/1.1");
        actor_sends(next, EMPTY_200);
        shadow = next;
    }
    sim_expects_completed(sim, 0, 3);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_on_a_dying_connection_is_sent_again_on_a_new_one),
        cmocka_unit_test(test_a_reset_counts_as_a_close),
        cmocka_unit_test(test_an_end_and_a_request_in_the_same_turn_do_not_hurt),
        cmocka_unit_test(test_a_connection_that_closes_while_idle_is_never_used),
        cmocka_unit_test(test_bytes_on_an_idle_connection_end_it),
        cmocka_unit_test(test_a_post_is_never_sent_twice),
        cmocka_unit_test(test_a_first_byte_of_the_answer_ends_the_chance),
        cmocka_unit_test(test_a_connection_that_was_new_is_not_replaced),
        cmocka_unit_test(test_it_is_replaced_once),
        cmocka_unit_test(test_the_replacement_is_a_new_connection_though_others_are_idle),
        cmocka_unit_test(test_a_body_within_the_window_is_sent_again_however_it_came),
        cmocka_unit_test(test_a_body_beyond_the_window_is_not),
        cmocka_unit_test(test_a_body_goes_on_after_the_replacement),
        cmocka_unit_test(test_trailers_are_sent_again_too),
        cmocka_unit_test(test_a_copy_on_a_dying_connection_is_sent_again_and_counted_once),
        cmocka_unit_test(test_a_copied_post_fails_with_its_connection),
        cmocka_unit_test(test_a_copied_body_within_the_window_is_sent_again),
        cmocka_unit_test(test_a_copied_body_beyond_the_window_is_not),
        cmocka_unit_test(test_a_stale_copy_waits_its_turn_for_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
