/* SPDX-License-Identifier: Apache-2.0 */
/* Records of what passed: whatever becomes of live and of its copies, the analyst finds a leg for each, with what was asked and answered and
 * with times that can be subtracted; and nobody notices whether there is room for them. */
#include "play.h"
#include "sim_records.h"

#include "http/grpc.h"

#include <xxhash.h>

#define RING (1024 * 1024)
#define COMPARED (&(struct sim_rules){.ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true}}})
#define POST_HEAD(length) "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: " length "\r\n\r\n"

static const struct sim_leg *takes_complete(struct sim *sim, enum record_leg kind)
{
    return sim_takes_leg(sim, kind, OUTCOME_COMPLETE);
}

static void expect_text(const struct strbuf *got, const char *want)
{
    struct str text = strbuf_str(got);
    if (!str_eq(text, str_from_c(want)))
        sim_fail("a leg has\n%.*s\nnot\n%s", STR_ARG(text), want);
}

static void expect_body(const struct strbuf *kept, uint64_t bytes, uint64_t hash, const char *want)
{
    expect_text(kept, want);
    assert_int_equal(bytes, strlen(want));
    assert_int_equal(hash, XXH64(want, strlen(want), 0));
}

static uint64_t records(struct sim *sim)
{
    return counter_get(&registry_totals(sim->registry)->records);
}

static uint64_t lost_records(struct sim *sim, enum record_drop why)
{
    return counter_get(&registry_totals(sim->registry)->records_dropped[why]);
}

static uint64_t unrecorded(struct sim *sim)
{
    return counter_get(&registry_totals(sim->registry)->copies_unrecorded);
}

static uint64_t whole_legs(struct sim *sim, enum record_leg kind)
{
    uint64_t count = 0;
    for (struct list *node = sim->records->legs.next; node != &sim->records->legs; node = node->next) {
        const struct sim_leg *leg = CONTAINER_OF(node, struct sim_leg, node);
        count += leg->is_whole && leg->leg == kind;
    }
    return count;
}

/* ---- what is in them ---- */

static void test_both_legs_have_all_that_passed(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("6") "abc");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_sends(client, "def");
    actor_sends(live, "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\nx-one: 2\r\n\r\n3\r\nyes\r\n");
    actor_sends(live, "2\r\n, \r\n0\r\nT: u\r\n\r\n");
    sim_expects_completed(sim, 0, 0);
    actor_sends(shadow, "HTTP/1.1 500 No\r\nContent-Length: 4\r\nKeep-Alive: 5\r\n\r\noops");
    const struct sim_leg *of_live = takes_complete(sim, LEG_LIVE), *of_shadow = takes_complete(sim, LEG_SHADOW);
    assert_string_equal(of_live->route, "default/play#0");
    assert_string_equal(of_live->mirror, "");
    assert_string_equal(of_live->backend, "live:80");
    assert_string_equal(of_live->revision, "live-1");
    assert_non_null(strstr(strbuf_str(&of_live->request).ptr, "POST a /b\n"));
    assert_non_null(strstr(strbuf_str(&of_live->request).ptr, "Host: a\n"));
    assert_non_null(strstr(strbuf_str(&of_live->request).ptr, "X-Forwarded-For: 192.0.2.1\n")); /* as live got it */
    expect_body(&of_live->request_body, of_live->end.request_bytes, of_live->end.request_hash, "abcdef");
    expect_text(&of_live->answer, "201\nTransfer-Encoding: chunked\nX-One: 1\nx-one: 2\n");
    expect_body(&of_live->answer_body, of_live->end.answer_bytes, of_live->end.answer_hash, "yes, ");
    expect_text(&of_live->trailers, "T: u\n");
    assert_int_equal(of_live->leg_id, 0);
    assert_int_equal(of_live->end.status, 201);
    assert_int_equal(of_live->end.copies, 1);
    assert_int_equal(of_live->end.grpc_status, GRPC_NONE);
    assert_string_equal(of_shadow->route, "default/play#0");
    assert_string_equal(of_shadow->mirror, "shadow-0:80");
    assert_string_equal(of_shadow->backend, "shadow-0:80");
    assert_string_equal(of_shadow->revision, "shadow-2");
    assert_int_equal(of_shadow->leg_id, 1);
    assert_true(of_shadow->id.hi == of_live->id.hi && of_shadow->id.lo == of_live->id.lo);
    expect_text(&of_shadow->request, "");
    expect_text(&of_shadow->answer, "500\nContent-Length: 4\nKeep-Alive: 5\n");
    expect_body(&of_shadow->answer_body, of_shadow->end.answer_bytes, of_shadow->end.answer_hash, "oops");
    assert_int_equal(of_shadow->end.status, 500);
    sim_expects_no_leg(sim);
    assert_int_equal(records(sim), 2);
    sim_close(sim);
}

static void test_bodies_are_kept_up_to_their_limit_and_hashed_whole(void **state)
{
    (void)state;
    static char body[70000 + 1];
    for (size_t i = 0; i < 70000; i++)
        body[i] = (char)('a' + i % 26);
    struct sim *sim = sim_open(&(struct sim_rules){
        .ring_bytes = RING,
        .mirrors = 2,
        .mirror = {{.is_compared = true, .body_bytes = 1000}, {.is_compared = true, .body_bytes = 69000}}});
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("70000"));
    struct actor *live = sim_live(sim);
    struct actor *all[] = {live, sim_shadow(sim), sim_shadow(sim)};
    actor_sends_body(client, 0, 70000);
    for (size_t i = 0; i < 3; i++) {
        actor_sends(all[i], "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
        actor_sends_body(all[i], 0, 70000);
    }
    static const size_t kept[] = {69000, 1000, 69000};
    for (size_t i = 0; i < 3; i++) {
        const struct sim_leg *leg = takes_complete(sim, i ? LEG_SHADOW : LEG_LIVE);
        size_t want = i && leg->leg_id == 1 ? kept[1] : kept[0];
        assert_int_equal(leg->answer_body.len, want);
        assert_memory_equal(leg->answer_body.ptr, body, want);
        assert_int_equal(leg->end.answer_bytes, 70000);
        assert_int_equal(leg->end.answer_hash, XXH64(body, 70000, 0));
        assert_int_equal(leg->request_body.len, i ? 0 : 69000);
        if (!i) {
            assert_int_equal(leg->end.copies, 2);
            assert_int_equal(leg->end.request_bytes, 70000);
            assert_int_equal(leg->end.request_hash, XXH64(body, 70000, 0));
        }
    }
    sim_expects_no_leg(sim);
    sim_close(sim);
}

static void test_informational_heads_are_no_answers(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK_2);
    actor_sends(sim_shadow(sim), "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" OK_2);
    expect_text(&takes_complete(sim, LEG_LIVE)->answer, "200\nContent-Length: 2\n");
    expect_text(&takes_complete(sim, LEG_SHADOW)->answer, "200\nContent-Length: 2\n");
    sim_close(sim);
}

static void test_answers_without_a_body_are_whole(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"},
        {GET, "HTTP/1.1 204 No Content\r\n\r\n"},
        {GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct sim *sim = sim_open(COMPARED);
        struct actor *client = sim_client(sim);
        actor_sends(client, cases[i][0]);
        actor_sends(sim_live(sim), cases[i][1]);
        actor_sends(sim_shadow(sim), cases[i][1]);
        for (int kind = LEG_LIVE; kind <= LEG_SHADOW; kind++) {
            const struct sim_leg *leg = takes_complete(sim, (enum record_leg)kind);
            assert_int_equal(leg->end.answer_bytes, 0);
            assert_int_equal(leg->end.answer_hash, XXH64("", 0, 0));
            assert_int_not_equal(leg->end.head_ns, 0);
        }
        sim_close(sim);
    }
}

static void test_calls_have_their_status_from_trailers_and_from_heads(void **state)
{
    (void)state;
    struct sim *sim = sim_open(
        &(struct sim_rules){.ring_bytes = RING, .is_grpc = true, .mirrors = 1, .mirror = {{.is_compared = true}}});
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST /shop.Cart/Get HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nTE: trailers\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    actor_sends(sim_live(sim), "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5\r\n\x01\x01\x01\x01\x01\r\n0\r\ngrpc-status: 0\r\n\r\n");
    actor_sends(sim_shadow(sim), "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 13\r\n"
                                 "Content-Length: 0\r\n\r\n");
    const struct sim_leg *live = takes_complete(sim, LEG_LIVE), *shadow = takes_complete(sim, LEG_SHADOW);
    assert_int_equal(live->end.grpc_status, GRPC_OK);
    expect_text(&live->trailers, "grpc-status: 0\n");
    assert_int_equal(live->end.answer_bytes, 5);
    assert_int_equal(shadow->end.grpc_status, GRPC_INTERNAL);
    sim_close(sim);
}

/* ---- times ---- */

static void test_waiting_for_a_connection_is_outside_of_sent_to_end(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    sim_live_host(sim, 0)->latency_ms = 10;
    sim_shadow_host(sim, 0, 0)->latency_ms = 30;
    uint64_t begin = sim_now_ms(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 15);
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    sim_advance_ms(sim, 20);
    actor_sends(live, "ok");
    sim_advance_ms(sim, 15);
    struct actor *shadow = sim_shadow(sim);
    actor_sends(shadow, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    sim_advance_ms(sim, 7);
    actor_sends(shadow, "ok");
    const struct sim_leg *of_live = takes_complete(sim, LEG_LIVE), *of_shadow = takes_complete(sim, LEG_SHADOW);
    assert_int_equal(leg_ms(of_live->end.begin_ns), begin);
    assert_int_equal(leg_ms(of_live->end.sent_ns), begin + 10);
    assert_int_equal(leg_ms(of_live->end.head_ns), begin + 15);
    assert_int_equal(leg_ms(of_live->end.end_ns), begin + 35);
    assert_int_equal(leg_ms(of_shadow->end.begin_ns), begin + 10);
    assert_int_equal(leg_ms(of_shadow->end.sent_ns), begin + 40);
    assert_int_equal(leg_ms(of_shadow->end.head_ns), begin + 50);
    assert_int_equal(leg_ms(of_shadow->end.end_ns), begin + 57);
    assert_true(of_live->end.is_fresh && of_shadow->end.is_fresh);
    assert_int_equal(of_live->end.wall_ns - of_live->end.begin_ns, of_shadow->end.wall_ns - of_shadow->end.begin_ns);
    actor_sends(client, GET);
    actor_sends(live, OK_2);
    actor_sends(shadow, OK_2);
    assert_false(takes_complete(sim, LEG_LIVE)->end.is_fresh);
    assert_false(takes_complete(sim, LEG_SHADOW)->end.is_fresh);
    sim_close(sim);
}

static void test_a_copy_that_waits_its_turn_was_not_sent_yet(void **state)
{
    (void)state;
    struct sim *sim = sim_open(
        &(struct sim_rules){.ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true, .max_connections = 1}}});
    host_answers(sim_live_host(sim, 0), OK_2);
    struct actor *client = sim_client(sim);
    uint64_t begin = sim_now_ms(sim);
    actor_sends(client, GET);
    actor_sends(client, GET);
    struct actor *shadow = sim_shadow(sim);
    sim_advance_ms(sim, 50);
    actor_sends(shadow, OK_2);
    sim_advance_ms(sim, 5);
    actor_sends(shadow, OK_2);
    (void)takes_complete(sim, LEG_SHADOW);
    const struct sim_leg *second = takes_complete(sim, LEG_SHADOW);
    assert_int_equal(leg_ms(second->end.begin_ns), begin);
    assert_int_equal(leg_ms(second->end.sent_ns), begin + 50);
    assert_int_equal(leg_ms(second->end.end_ns), begin + 55);
    sim_close(sim);
}

/* ---- how copies end ---- */

static struct sim *open_with_live(const struct sim_rules *rules, struct actor **client)
{
    struct sim *sim = sim_open(rules);
    host_answers(sim_live_host(sim, 0), OK_2);
    *client = sim_client(sim);
    return sim;
}

/* Live's leg is whole, and the copy's ended like this. */
static const struct sim_leg *takes_pair(struct sim *sim, enum record_outcome outcome, unsigned reason)
{
    assert_int_equal(takes_complete(sim, LEG_LIVE)->end.copies, 1);
    const struct sim_leg *leg = sim_takes_leg(sim, LEG_SHADOW, outcome);
    assert_int_equal(leg->end.reason, reason);
    sim_expects_no_leg(sim);
    return leg;
}

static void test_a_shadow_that_can_t_be_reached_was_never_sent_to(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(COMPARED, &client);
    sim_shadow_host(sim, 0, 0)->is_refusing = true;
    actor_sends(client, GET);
    const struct sim_leg *leg = takes_pair(sim, OUTCOME_FAILED, FAILED_CONNECT);
    assert_int_equal(leg->end.sent_ns, 0);
    assert_int_equal(leg->end.status, 0);
    sim_close(sim);
}

static void test_a_shadow_s_faults_have_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *answer; /* NULL: none */
        bool does_close;
        enum failed reason;
        uint16_t status;
        uint64_t bytes;
    } cases[] = {
        {NULL, true, FAILED_RESET, 0, 0},
        {"garbage\r\n\r\n", false, FAILED_PROTOCOL, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true, FAILED_RESET, 200, 3},
        {NULL, false, FAILED_TIMEOUT, 0, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", false, FAILED_TIMEOUT, 200, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct actor *client;
        struct sim *sim = open_with_live(COMPARED, &client);
        actor_sends(client, GET);
        struct actor *shadow = sim_shadow(sim);
        uint64_t begin = sim_now_ms(sim);
        if (cases[i].answer)
            actor_sends(shadow, cases[i].answer);
        if (cases[i].does_close)
            actor_closes(shadow);
        if (cases[i].reason == FAILED_TIMEOUT)
            sim_advance_ms(sim, 15010);
        const struct sim_leg *leg = takes_pair(sim, OUTCOME_FAILED, cases[i].reason);
        assert_int_equal(leg->end.status, cases[i].status);
        assert_int_equal(leg->end.answer_bytes, cases[i].bytes);
        assert_int_equal(leg->answer_body.len, cases[i].bytes);
        if (cases[i].reason == FAILED_TIMEOUT)
            assert_in_range(leg_ms(leg->end.end_ns), begin + 15000, begin + 15010);
        sim_close(sim);
    }
}

static void test_a_copy_that_falls_behind_is_lost(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){
        .ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true, .window_bytes = 65536}}});
    sim_set_budget(sim, 4 * 1024 * 1024); /* no room for a larger socket */
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("600000"));
    struct actor *live = sim_live(sim);
    actor_stops_reading(sim_shadow(sim), 65536);
    actor_sends_body(client, 0, 600000);
    actor_sends(live, OK_2);
    sim_expects_failed(sim, 0, FAILED_LAG, 1);
    const struct sim_leg *leg = takes_pair(sim, OUTCOME_LOST, FAILED_LAG);
    assert_int_not_equal(leg->end.sent_ns, 0);
    sim_close(sim);
}

static void test_a_copy_without_a_connection_in_time_is_lost(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(
        &(struct sim_rules){
            .ring_bytes = RING,
            .mirrors = 1,
            .mirror = {{.is_compared = true, .max_connections = 1, .timeout_ms = 1000, .connect_timeout_ms = 5000}}},
        &client);
    sim_shadow_host(sim, 0, 0)->is_black_hole = true;
    actor_sends(client, GET);
    actor_sends(client, GET);
    uint64_t begin = sim_now_ms(sim);
    sim_advance_ms(sim, 1010);
    sim_expects_dropped(sim, 0, DROPPED_QUEUE_TIMEOUT, 1);
    (void)takes_complete(sim, LEG_LIVE);
    const struct sim_leg *leg = takes_pair(sim, OUTCOME_LOST, DROPPED_QUEUE_TIMEOUT);
    assert_int_equal(leg->end.sent_ns, 0);
    assert_in_range(leg_ms(leg->end.end_ns), begin + 1000, begin + 1010);
    sim_close(sim);
}

static void test_copies_whose_mirror_is_removed_are_lost(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(
        &(struct sim_rules){.ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true, .max_connections = 1}}},
        &client);
    actor_sends(client, GET);
    actor_sends(client, GET);
    sim_apply(sim, PLAIN);
    (void)takes_complete(sim, LEG_LIVE);
    const struct sim_leg *leg = takes_pair(sim, OUTCOME_LOST, DROPPED_REMOVED);
    assert_int_equal(leg->end.sent_ns, 0);
    actor_sends(sim_shadow(sim), OK_2); /* the one that was on its way may end */
    (void)takes_complete(sim, LEG_SHADOW);
    sim_close(sim);
}

static void test_copies_that_a_drain_ends_are_lost_and_not_the_shadow_s_fault(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(
        &(struct sim_rules){.ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true, .max_connections = 1}}},
        &client);
    actor_sends(client, GET);
    actor_sends(client, GET);
    mirror_abort_all(&sim->mirror);
    sim_rest(sim);
    sim_expects_dropped(sim, 0, DROPPED_SHUTDOWN, 1);
    sim_expects_failed(sim, 0, FAILED_RESET, 1);
    (void)takes_complete(sim, LEG_LIVE);
    (void)takes_complete(sim, LEG_LIVE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(sim_takes_leg(sim, LEG_SHADOW, OUTCOME_LOST)->end.reason, DROPPED_SHUTDOWN);
    sim_close(sim);
}

static void test_a_stale_connection_of_a_shadow_is_no_part_of_its_times(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(COMPARED, &client);
    actor_sends(client, GET);
    struct actor *first = sim_shadow(sim);
    actor_sends(first, OK_2);
    (void)takes_pair(sim, OUTCOME_COMPLETE, 0);
    sim_shadow_host(sim, 0, 0)->latency_ms = 20;
    uint64_t begin = sim_now_ms(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 5);
    actor_closes(first);
    sim_advance_ms(sim, 25);
    actor_sends(sim_shadow(sim), OK_2);
    const struct sim_leg *leg = takes_pair(sim, OUTCOME_COMPLETE, 0);
    assert_int_equal(leg_ms(leg->end.begin_ns), begin);
    assert_int_equal(leg_ms(leg->end.sent_ns), begin + 25);
    assert_int_equal(leg_ms(leg->end.end_ns), begin + 30);
    assert_true(leg->end.is_fresh);
    sim_close(sim);
}

static void test_an_early_answer_ends_when_it_came(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, POST_HEAD("6") "abc");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    uint64_t begin = sim_now_ms(sim);
    sim_advance_ms(sim, 10);
    actor_sends(live, OK_2);
    sim_advance_ms(sim, 10);
    actor_sends(shadow, OK_2);
    sim_expects_no_leg(sim);
    sim_advance_ms(sim, 10);
    actor_sends(client, "def");
    const struct sim_leg *of_live = takes_complete(sim, LEG_LIVE), *of_shadow = takes_complete(sim, LEG_SHADOW);
    assert_int_equal(leg_ms(of_live->end.end_ns), begin + 10);
    assert_int_equal(leg_ms(of_shadow->end.end_ns), begin + 20);
    expect_body(&of_live->request_body, of_live->end.request_bytes, of_live->end.request_hash, "abcdef");
    sim_close(sim);
}

/* ---- how live ends ---- */

static void test_a_client_that_leaves_aborts_both(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct sim *sim = sim_open(COMPARED);
        struct actor *client = sim_client(sim);
        actor_sends(client, POST_HEAD("6") "abc");
        struct actor *live = sim_live(sim);
        if (answered)
            actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
        actor_resets(client);
        const struct sim_leg *of_live = sim_takes_leg(sim, LEG_LIVE, OUTCOME_ABORTED);
        assert_int_equal(of_live->end.status, answered ? 200 : 0);
        assert_int_equal(of_live->end.answer_bytes, answered ? 3 : 0);
        assert_int_equal(sim_takes_leg(sim, LEG_SHADOW, OUTCOME_ABORTED)->end.reason, FAILED_CLIENT_ABORT);
        sim_expects_no_leg(sim);
        sim_close(sim);
    }
}

static void test_a_client_that_leaves_live_s_answer_leaves_the_copy_whole(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    actor_resets(client);
    actor_sends(sim_shadow(sim), OK_2);
    (void)sim_takes_leg(sim, LEG_LIVE, OUTCOME_ABORTED);
    (void)takes_complete(sim, LEG_SHADOW);
    sim_close(sim);
}

static void test_what_umbra_answers_in_live_s_place_is_live_s_failure(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct sim *sim = sim_open(&(struct sim_rules){
            .ring_bytes = RING, .mirrors = 1, .mirror = {{.is_compared = true}}, .request_timeout_ms = 1000});
        struct actor *client = sim_client(sim);
        actor_sends(client, GET);
        struct actor *live = sim_live(sim);
        if (how == 0) {
            actor_closes(live);
            actor_expects_answer(client, "HTTP/1.1 502 Bad Gateway");
        } else if (how == 1) {
            sim_advance_ms(sim, 1010);
            actor_expects_answer(client, "HTTP/1.1 504 Gateway Timeout");
        } else {
            actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
            actor_closes(live);
            actor_expects_gone(client);
        }
        actor_sends(sim_shadow(sim), OK_2);
        const struct sim_leg *leg = sim_takes_leg(sim, LEG_LIVE, OUTCOME_FAILED);
        assert_int_equal(leg->end.reason, how == 1 ? FAILED_TIMEOUT : FAILED_RESET);
        assert_int_equal(leg->end.status, how == 0 ? 502 : how == 1 ? 504 : 200);
        assert_int_equal(leg->end.answer_bytes, how == 2 ? 3 : 0);
        expect_text(&leg->answer, how == 2 ? "200\nContent-Length: 5\n" : "");
        (void)takes_complete(sim, LEG_SHADOW);
        sim_expects_no_leg(sim);
        sim_close(sim);
    }
}

static void test_a_stale_connection_of_live_is_no_part_of_its_times(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct actor *first = sim_live(sim);
    actor_sends(first, OK_2);
    (void)takes_pair(sim, OUTCOME_COMPLETE, 0);
    uint64_t begin = sim_now_ms(sim);
    actor_sends(client, GET);
    sim_advance_ms(sim, 5);
    actor_closes(first);
    struct actor *second = sim_live(sim);
    sim_advance_ms(sim, 5);
    actor_sends(second, OK_2);
    const struct sim_leg *leg = takes_complete(sim, LEG_LIVE);
    assert_int_equal(leg_ms(leg->end.begin_ns), begin);
    assert_int_equal(leg_ms(leg->end.sent_ns), begin + 5);
    assert_int_equal(leg_ms(leg->end.end_ns), begin + 10);
    assert_true(leg->end.is_fresh);
    sim_close(sim);
}

static void test_live_that_is_asked_again_after_its_answer_has_no_leg(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.ring_bytes = RING,
                                                   .mirrors = 1,
                                                   .mirror = {{.is_compared = true}},
                                                   .retry_attempts = 1,
                                                   .retry_backoff_ms = 10,
                                                   .retry_codes = {503}});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    sim_advance_ms(sim, 20);
    actor_sends(sim_live(sim), OK_2);
    actor_expects(client, OK_2);
    actor_sends(sim_shadow(sim), OK_2);
    (void)takes_complete(sim, LEG_SHADOW);
    sim_expects_no_leg(sim);
    assert_int_equal(lost_records(sim, RECORD_DROPPED_RETRY), 1);
    assert_int_equal(unrecorded(sim), 1);
    sim_close(sim);
}

static void test_live_that_answers_a_further_attempt_alone_has_its_leg(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.ring_bytes = RING,
                                                   .mirrors = 1,
                                                   .mirror = {{.is_compared = true}},
                                                   .retry_attempts = 1,
                                                   .retry_backoff_ms = 10});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    uint64_t begin = sim_now_ms(sim);
    actor_closes(sim_live(sim));
    sim_advance_ms(sim, 20);
    actor_sends(sim_live(sim), OK_2);
    const struct sim_leg *leg = takes_complete(sim, LEG_LIVE);
    assert_in_range(leg_ms(leg->end.sent_ns), begin + 10, begin + 20);
    sim_close(sim);
}

/* The copy was made too late to see live's head. */
static void test_live_that_answers_before_the_body_is_offered_has_no_leg(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    actor_sends(client, "body");
    sim_expects_matched(sim, 0, 1);
    actor_sends(live, "cd");
    actor_expects_answer(client, "HTTP/1.1 200 OK");
    actor_sends(sim_shadow(sim), OK_2);
    (void)takes_complete(sim, LEG_SHADOW);
    sim_expects_no_leg(sim);
    sim_close(sim);
}

/* ---- when there are none ---- */

static void test_a_tunnel_has_no_legs(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nhello");
    actor_sends(client, "hello");
    actor_resets(client);
    sim_expects_filtered(sim, 0, FILTERED_UPGRADE, 1);
    sim_expects_no_leg(sim);
    sim_close(sim);
}

static void test_mirrors_that_are_not_compared_have_no_legs(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.ring_bytes = RING, .mirrors = 2});
    struct actor *client = sim_client(sim);
    sim_warms_up(sim, client);
    sim_expects_no_leg(sim);
    sim_apply(sim, &(struct sim_rules){.mirrors = 2, .mirror = {{0}, {.is_compared = true}}});
    sim_warms_up(sim, client);
    assert_int_equal(takes_complete(sim, LEG_LIVE)->end.copies, 1);
    assert_int_equal(takes_complete(sim, LEG_SHADOW)->leg_id, 1);
    sim_expects_no_leg(sim);
    sim_close(sim);
}

static void test_a_full_ring_drops_and_counts_and_nobody_notices(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(
        &(struct sim_rules){.ring_bytes = RING_MIN, .mirrors = 1, .mirror = {{.is_compared = true}}}, &client);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    for (int i = 0; i < 400; i++) {
        actor_sends(client, GET);
        actor_expects(client, OK_2);
    }
    sim_expects_completed(sim, 0, 400);
    uint64_t dropped = lost_records(sim, RECORD_DROPPED_RING);
    assert_int_equal(records(sim) + dropped, 800);
    assert_in_range(dropped, 1, 799);
    sim_reads_records(sim);
    assert_int_equal(whole_legs(sim, LEG_LIVE), whole_legs(sim, LEG_SHADOW)); /* none in vain */
    assert_int_equal(whole_legs(sim, LEG_LIVE), records(sim) / 2);
    assert_int_equal(unrecorded(sim), dropped / 2);
    actor_sends(client, GET);
    assert_int_equal(lost_records(sim, RECORD_DROPPED_RING), dropped);
    assert_int_equal(sim_budget_used(sim) < 200 * 1024, 1);
    sim_close(sim);
}

static void test_a_short_budget_drops_and_counts_and_nobody_notices(void **state)
{
    (void)state;
    struct sim *sim = sim_open(COMPARED);
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    sim_set_budget(sim, 0);
    struct actor *all[] = {sim_live(sim), sim_shadow(sim)};
    for (size_t i = 0; i < 2; i++) {
        actor_sends(all[i], "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n");
        actor_sends_body(all[i], 0, 30000);
    }
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_expects_body(client, 0, 30000);
    sim_expects_completed(sim, 0, 1);
    sim_expects_no_leg(sim);
    assert_int_equal(lost_records(sim, RECORD_DROPPED_BUDGET), 2);
    assert_int_equal(unrecorded(sim), 1); /* of both legs, and counted once */
    assert_int_equal(atomic_load(&registry_gateway_get(sim->registry, 0)->budget_records), 0);
    actor_sends(client, GET); /* no copy, no leg */
    actor_sends(all[0], OK_2);
    actor_expects(client, OK_2);
    sim_expects_dropped(sim, 0, DROPPED_BUDGET, 1);
    sim_expects_no_leg(sim);
    assert_int_equal(lost_records(sim, RECORD_DROPPED_BUDGET), 2);
    sim_close(sim);
}

static void test_a_sleeping_reader_is_woken_once(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(COMPARED, &client);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    actor_sends(client, GET);
    sim_advance_ms(sim, 10);
    assert_int_equal(sim->records->wakes, 0); /* it never slept */
    sim_reads_records(sim);
    assert_true(ring_sleep(&sim->records->reader));
    for (int i = 0; i < 3; i++)
        actor_sends(client, GET);
    assert_int_equal(sim->records->wakes, 0); /* with all that comes soon */
    sim_advance_ms(sim, 10);
    assert_int_equal(sim->records->wakes, 1);
    sim_advance_ms(sim, 1000);
    assert_int_equal(sim->records->wakes, 1);
    sim_reads_records(sim);
    assert_true(ring_sleep(&sim->records->reader));
    actor_sends(client, GET);
    sim_advance_ms(sim, 10);
    assert_int_equal(sim->records->wakes, 2);
    sim_close(sim);
}

static void test_a_sleeping_reader_is_woken_at_once_when_the_ring_fills(void **state)
{
    (void)state;
    struct actor *client;
    struct sim *sim = open_with_live(
        &(struct sim_rules){.ring_bytes = RING_MIN, .mirrors = 1, .mirror = {{.is_compared = true}}}, &client);
    host_answers(sim_shadow_host(sim, 0, 0), OK_2);
    assert_true(ring_sleep(&sim->records->reader));
    for (int i = 0; i < 20; i++)
        actor_sends(client, GET);
    assert_int_equal(sim->records->wakes, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_legs_have_all_that_passed),
        cmocka_unit_test(test_bodies_are_kept_up_to_their_limit_and_hashed_whole),
        cmocka_unit_test(test_informational_heads_are_no_answers),
        cmocka_unit_test(test_answers_without_a_body_are_whole),
        cmocka_unit_test(test_calls_have_their_status_from_trailers_and_from_heads),
        cmocka_unit_test(test_waiting_for_a_connection_is_outside_of_sent_to_end),
        cmocka_unit_test(test_a_copy_that_waits_its_turn_was_not_sent_yet),
        cmocka_unit_test(test_a_shadow_that_can_t_be_reached_was_never_sent_to),
        cmocka_unit_test(test_a_shadow_s_faults_have_their_names),
        cmocka_unit_test(test_a_copy_that_falls_behind_is_lost),
        cmocka_unit_test(test_a_copy_without_a_connection_in_time_is_lost),
        cmocka_unit_test(test_copies_whose_mirror_is_removed_are_lost),
        cmocka_unit_test(test_copies_that_a_drain_ends_are_lost_and_not_the_shadow_s_fault),
        cmocka_unit_test(test_a_stale_connection_of_a_shadow_is_no_part_of_its_times),
        cmocka_unit_test(test_an_early_answer_ends_when_it_came),
        cmocka_unit_test(test_a_client_that_leaves_aborts_both),
        cmocka_unit_test(test_a_client_that_leaves_live_s_answer_leaves_the_copy_whole),
        cmocka_unit_test(test_what_umbra_answers_in_live_s_place_is_live_s_failure),
        cmocka_unit_test(test_a_stale_connection_of_live_is_no_part_of_its_times),
        cmocka_unit_test(test_live_that_is_asked_again_after_its_answer_has_no_leg),
        cmocka_unit_test(test_live_that_answers_a_further_attempt_alone_has_its_leg),
        cmocka_unit_test(test_live_that_answers_before_the_body_is_offered_has_no_leg),
        cmocka_unit_test(test_a_tunnel_has_no_legs),
        cmocka_unit_test(test_mirrors_that_are_not_compared_have_no_legs),
        cmocka_unit_test(test_a_full_ring_drops_and_counts_and_nobody_notices),
        cmocka_unit_test(test_a_short_budget_drops_and_counts_and_nobody_notices),
        cmocka_unit_test(test_a_sleeping_reader_is_woken_once),
        cmocka_unit_test(test_a_sleeping_reader_is_woken_at_once_when_the_ring_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
