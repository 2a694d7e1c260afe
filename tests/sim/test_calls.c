/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of gRPC, carried by HTTP/1 here: what Umbra answers itself, deadlines, and how calls are counted. */
#include "play.h"

#include "http/grpc.h"

#define CALLS (&(struct sim_rules){.is_grpc = true})
#define MIRRORED_CALLS (&(struct sim_rules){.is_grpc = true, .mirrors = 1})
#define CALL_TO(path, fields) \
    "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nTE: trailers\r\n" fields \
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
#define CALL(fields) CALL_TO("/shop.Cart/Get", fields)
#define ANSWER(status) \
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: " status \
    "\r\n\r\n"
#define TRAILERS_ONLY(status) \
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: " status "\r\nContent-Length: 0\r\n\r\n"

/* Calls of a method with this status, over all backends; NULL: those without a name of their own. */
static uint64_t calls(struct sim *sim, const char *method, enum grpc_status status)
{
    uint64_t sum = 0;
    struct registry_call_name name;
    struct registry_route *entry;
    counter *statuses;
    for (size_t i = 0; method && registry_call_at(sim->registry, i, &name, &statuses); i++)
        sum += str_eq(name.method, str_from_c(method)) ? counter_get(&statuses[status]) : 0;
    for (size_t i = 0; !method && registry_route_at(sim->registry, i, &name.route, &name.backend, &entry); i++)
        sum += counter_get(&entry->other_methods[status]);
    return sum;
}

static void expect_calls(struct sim *sim, const char *method, enum grpc_status status, uint64_t count)
{
    uint64_t got = calls(sim, method, status);
    if (got != count)
        sim_fail("%llu calls of %s with status %d instead of %llu", (unsigned long long)got, method ? method : "others",
                 (int)status, (unsigned long long)count);
}

/* An answer of Umbra's own to a call: a success of HTTP with the status of gRPC in its head, and no body. */
static void expect_own(struct actor *client, const char *status, const char *message)
{
    struct str head = actor_expects_head(client, "HTTP/1.1 200 OK");
    head_expects_field(head, "Content-Type", "application/grpc");
    head_expects_field(head, "Grpc-Status", status);
    head_expects_field(head, "Grpc-Message", message);
    actor_expects_nothing(client);
}

static void test_a_call_that_reaches_nobody_is_unavailable(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.is_grpc = true, .live_endpoints = SIM_NONE});
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    expect_own(client, "14", "the backend has no endpoint");
    sim_expects_status(sim, 503, 1);
    expect_calls(sim, NULL, GRPC_UNAVAILABLE, 1);
    sim_close(sim);
}

static void test_a_call_that_live_breaks_off_is_unavailable(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CALLS);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    actor_resets(sim_live(sim));
    expect_own(client, "14", "the upstream broke off before it answered");
    sim_expects_status(sim, 502, 1);
    sim_close(sim);
}

static void test_a_call_that_no_route_takes_is_unimplemented(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.path_regex = "/other.*"});
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    expect_own(client, "12", "no route");
    sim_expects_status(sim, 404, 1);
    sim_close(sim);
}

static void test_who_does_not_speak_grpc_is_answered_as_in_http(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.is_grpc = true, .live_endpoints = SIM_NONE});
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET /shop.Cart/Get HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n");
    actor_expects_answer(client, "HTTP/1.1 503 Service Unavailable");
    expect_calls(sim, NULL, GRPC_UNAVAILABLE, 0);
    sim_close(sim);
}

static void test_the_calls_deadline_ends_it(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CALLS);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL("grpc-timeout: 2S\r\n"));
    struct actor *live = sim_live(sim);
    head_expects_field(actor_expects_head(live, "POST /shop.Cart/Get HTTP/1.1"), "grpc-timeout", "2S");
    actor_expects(live, "0\r\n\r\n");
    sim_advance_ms(sim, 1990);
    actor_expects_nothing(client);
    sim_advance_ms(sim, 20);
    expect_own(client, "4", "upstream timeout");
    actor_expects_gone(live);
    sim_expects_status(sim, 504, 1);
    expect_calls(sim, NULL, GRPC_DEADLINE_EXCEEDED, 1);
    sim_close(sim);
}

static void test_the_nearer_of_deadline_and_timeout_counts(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        uint32_t timeout_ms, ends_ms;
    } cases[] = {
        {CALL("grpc-timeout: 2S\r\n"), 1000, 1000},        {CALL("grpc-timeout: 2S\r\n"), 3000, 2000},
        {CALL("grpc-timeout: 99999999H\r\n"), 3000, 3000}, {CALL("grpc-timeout: never\r\n"), 3000, 3000},
        {CALL("grpc-timeout: 500m\r\n"), 0, 500},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim *sim = sim_open(&(struct sim_rules){.is_grpc = true, .request_timeout_ms = cases[i].timeout_ms});
        struct actor *client = sim_client(sim);
        actor_sends(client, cases[i].call);
        sim_advance_ms(sim, cases[i].ends_ms - 10);
        actor_expects_nothing(client);
        sim_advance_ms(sim, 20);
        expect_own(client, "4", "upstream timeout");
        sim_close(sim);
    }
}

static void test_deadlines_of_clients_do_not_take_endpoints_out(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.is_grpc = true, .live_endpoints = 2});
    struct actor *client = sim_client(sim);
    for (unsigned i = 0; i < 4 * ENDPOINT_FAILURES; i++) {
        actor_sends(client, CALL("grpc-timeout: 1m\r\n"));
        sim_advance_ms(sim, 20);
        expect_own(client, "4", "upstream timeout");
        actor_closes(client);
        client = sim_client(sim);
    }
    unsigned attempts[2] = {sim_live_host(sim, 0)->attempts, sim_live_host(sim, 1)->attempts};
    for (unsigned i = 0; i < 20; i++) {
        actor_sends(client, CALL("grpc-timeout: 1m\r\n"));
        sim_advance_ms(sim, 20);
        expect_own(client, "4", "upstream timeout");
        actor_closes(client);
        client = sim_client(sim);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (sim_live_host(sim, i)->attempts == attempts[i])
            sim_fail("endpoint %u gets no calls any more", i);
    }
    sim_close(sim);
}

static void test_a_route_of_http_keeps_its_own_time(void **state)
{
    (void)state;
    struct sim *sim = sim_open(PLAIN);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL("grpc-timeout: 1S\r\n"));
    sim_advance_ms(sim, 5000);
    actor_expects_nothing(client);
    sim_close(sim);
}

static void test_calls_are_counted_by_the_status_in_head_or_trailers(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CALLS);
    host_answers(sim_live_host(sim, 0), ANSWER("0"));
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    expect_calls(sim, "/shop.Cart/Get", GRPC_OK, 1);
    host_answers(sim_live_host(sim, 0), TRAILERS_ONLY("5"));
    actor_sends(client, CALL(""));
    expect_calls(sim, "/shop.Cart/Get", (enum grpc_status)5, 1);
    actor_sends(client, CALL_TO("/shop.Cart/Put", ""));
    expect_calls(sim, "/shop.Cart/Put", (enum grpc_status)5, 1);
    host_answers(sim_live_host(sim, 0), EMPTY_200);
    actor_sends(client, CALL(""));
    expect_calls(sim, "/shop.Cart/Get", GRPC_NONE, 1);
    sim_close(sim);
}

static void test_methods_that_live_does_not_know_get_no_name(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CALLS);
    host_answers(sim_live_host(sim, 0), TRAILERS_ONLY("12"));
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    actor_sends(client, CALL_TO("/invented.By/Client", ""));
    expect_calls(sim, NULL, GRPC_UNIMPLEMENTED, 2);
    expect_calls(sim, "/shop.Cart/Get", GRPC_UNIMPLEMENTED, 0);
    sim_close(sim);
}

static void test_a_call_that_its_client_gives_up_is_cancelled(void **state)
{
    (void)state;
    struct sim *sim = sim_open(CALLS);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    actor_resets(client);
    actor_expects_gone(sim_live(sim));
    sim_expects_status(sim, 499, 1);
    expect_calls(sim, NULL, GRPC_CANCELLED, 1);
    sim_close(sim);
}

static void test_copies_are_counted_by_the_shadows_status(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED_CALLS);
    host_answers(sim_live_host(sim, 0), ANSWER("0"));
    host_answers(sim_shadow_host(sim, 0, 0), ANSWER("13"));
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    sim_expects_completed(sim, 0, 1);
    if (counter_get(&sim_mirror(sim, 0)->grpc_completed[GRPC_INTERNAL]) != 1)
        sim_fail("the copy is not counted by its grpc-status");
    expect_calls(sim, "/shop.Cart/Get", GRPC_OK, 1);
    sim_close(sim);
}

static void test_a_copy_may_be_as_quiet_as_live(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED_CALLS);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    sim_advance_ms(sim, 300000);
    sim_expects_under_way(sim, 0, 1);
    actor_sends(live, ANSWER("0"));
    sim_advance_ms(sim, 10000);
    actor_sends(shadow, ANSWER("0"));
    sim_expects_completed(sim, 0, 1);
    sim_close(sim);
}

static void test_a_copy_times_out_once_live_is_done(void **state)
{
    (void)state;
    struct sim *sim = sim_open(MIRRORED_CALLS);
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL(""));
    struct actor *live = sim_live(sim);
    sim_advance_ms(sim, 60000);
    actor_sends(live, ANSWER("0"));
    sim_advance_ms(sim, 14980);
    sim_expects_under_way(sim, 0, 1);
    sim_advance_ms(sim, 40);
    sim_expects_failed(sim, 0, FAILED_TIMEOUT, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_reaches_nobody_is_unavailable),
        cmocka_unit_test(test_a_call_that_live_breaks_off_is_unavailable),
        cmocka_unit_test(test_a_call_that_no_route_takes_is_unimplemented),
        cmocka_unit_test(test_who_does_not_speak_grpc_is_answered_as_in_http),
        cmocka_unit_test(test_the_calls_deadline_ends_it),
        cmocka_unit_test(test_the_nearer_of_deadline_and_timeout_counts),
        cmocka_unit_test(test_deadlines_of_clients_do_not_take_endpoints_out),
        cmocka_unit_test(test_a_route_of_http_keeps_its_own_time),
        cmocka_unit_test(test_calls_are_counted_by_the_status_in_head_or_trailers),
        cmocka_unit_test(test_methods_that_live_does_not_know_get_no_name),
        cmocka_unit_test(test_a_call_that_its_client_gives_up_is_cancelled),
        cmocka_unit_test(test_a_copy_may_be_as_quiet_as_live),
        cmocka_unit_test(test_a_copy_times_out_once_live_is_done),
        cmocka_unit_test(test_copies_are_counted_by_the_shadows_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
