/* SPDX-License-Identifier: Apache-2.0 */
/* What a VirtualService can have done that the Gateway API can't: paths rewritten by what matched and by regular expression, answers of the
 * rule's own, preflights that go to the backend, and retries after some failures alone. */
#include "play.h"

#include "plan/build.h"

#define BACKOFF 100
#define PREFLIGHT(origin) \
    "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: " origin "\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
#define CALL "POST /shop.Cart/Get HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
#define CALL_FAILED(status) \
    "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: " status "\r\nContent-Length: 0\r\n\r\n"

/* ---- paths ---- */

static void expect_paths(const struct rule_rewrite *rewrite, const char *string, const char *request, const char *line)
{
    const struct rule_actions actions = {.rewrite = rewrite};
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .path_string = string, .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, request);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    actor_expects_head(live, line);
    actor_expects_head(shadow, line);
    actor_sends(live, OK_2);
    actor_sends(shadow, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_the_string_that_matched_is_replaced(void **state)
{
    (void)state;
    const struct rule_rewrite rewrite = {.path_kind = REWRITE_MATCHED, .path = STR("/new")};
    expect_paths(&rewrite, "/old", "GET /oldest/a?q=/old HTTP/1.1\r\nHost: a\r\n\r\n", "GET /newest/a?q=/old HTTP/1.1");
    expect_paths(&rewrite, "/", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /newa HTTP/1.1");
}

static void test_a_regular_expression_makes_the_path(void **state)
{
    (void)state;
    const struct rule_rewrite rewrite = {
        .path_kind = REWRITE_REGEX, .path = STR("/\\2/\\1"), .pattern = STR("^/([^/]+)/(.*)$")};
    expect_paths(&rewrite, "/", "GET /shop/v1/cart?q=/a/b HTTP/1.1\r\nHost: a\r\n\r\n",
                 "GET /v1/cart/shop?q=/a/b HTTP/1.1");
}

static void test_a_path_that_can_t_be_made_is_no_request(void **state)
{
    (void)state;
    const struct rule_rewrite rewrite = {.path_kind = REWRITE_REGEX, .path = STR("b"), .pattern = STR("a")};
    const struct rule_actions actions = {.rewrite = &rewrite};
    char request[256];
    snprintf(request, sizeof request, "GET /%0100d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    for (char *at = request; *at; at++)
        *at = (char)(*at == '0' ? 'a' : *at);
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .path_string = "/", .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, request);
    actor_expects_answer(client, "HTTP/1.1 500 Internal Server Error");
    sim_expects_no_live(sim);
    sim_expects_matched(sim, 0, 0);
    sim_expects_status(sim, 500, 1);
    sim_close(sim);
}

/* ---- answers of the rule's own ---- */

static void expect_answer(const struct rule_actions *actions, const char *request, const char *answer)
{
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .path_string = "/", .actions = actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, request);
    actor_expects(client, answer);
    actor_expects_open(client);
    sim_expects_no_live(sim);
    sim_expects_matched(sim, 0, 0);
    actor_sends(client, request); /* the connection goes on */
    actor_expects(client, answer);
    sim_close(sim);
}

static void test_a_rule_answers_itself_and_nothing_is_copied(void **state)
{
    (void)state;
    const struct rule_edit edits[] = {{EDIT_SET, STR("Content-Type"), STR("application/json")},
                                      {EDIT_ADD, STR("X-Rule"), STR("1")}};
    const struct rule_answer closed = {503, STR("{\"closed\": true}")}, empty = {200, STR("")},
                             none = {204, STR("never sent")};
    const struct rule_actions with_edits = {.answer = &closed, .response_edits = edits, .response_edit_count = 2};
    const struct rule_actions plain = {.answer = &closed}, without_body = {.answer = &empty},
                              no_content = {.answer = &none};
    expect_answer(
        &plain, GET,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 16\r\n\r\n"
        "{\"closed\": true}");
    expect_answer(
        &with_edits, GET,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Rule: 1\r\nContent-Length: 16\r\n\r\n"
        "{\"closed\": true}");
    expect_answer(&without_body, GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect_answer(&no_content, GET, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void test_a_large_answer_comes_whole(void **state)
{
    (void)state;
    static char body[RULE_MAX_ANSWER + 1];
    memset(body, 'x', RULE_MAX_ANSWER);
    const struct rule_answer answer = {200, {body, RULE_MAX_ANSWER}};
    const struct rule_actions actions = {.answer = &answer};
    struct sim *sim = sim_open(&(struct sim_rules){.path_string = "/", .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    struct str head = actor_expects_head(client, "HTTP/1.1 200 OK");
    head_expects_field(head, "Content-Length", "262144");
    actor_expects(client, body);
    sim_close(sim);
}

static void test_a_call_that_a_rule_answers_gets_its_status(void **state)
{
    (void)state;
    const struct rule_answer answer = {503, STR("not for a\nmessage")};
    const struct rule_actions actions = {.answer = &answer};
    struct sim *sim = sim_open(&(struct sim_rules){.path_string = "/", .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, CALL);
    struct str head = actor_expects_head(client, "HTTP/1.1 200 OK");
    head_expects_field(head, "Grpc-Status", "14");
    head_expects_field(head, "Grpc-Message", "the rule answers so");
    sim_close(sim);
}

/* ---- CORS ---- */

static void test_preflights_of_other_origins_may_go_to_live(void **state)
{
    (void)state;
    const struct rule_origin origins[] = {{TEST_PREFIX, STR("https://a.")}, {TEST_REGEX, STR("https://b[0-9]\\.test")}};
    const struct rule_cors cors = {.origin_tests = origins, .origin_test_count = 2, .passes_preflights = true};
    const struct rule_actions actions = {.cors = &cors};
    struct sim *sim = sim_open(&(struct sim_rules){.path_string = "/", .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, PREFLIGHT("https://b1.test"));
    head_expects_field(actor_expects_head(client, "HTTP/1.1 204 No Content"), "Access-Control-Allow-Origin",
                       "https://b1.test");
    sim_expects_no_live(sim);
    actor_sends(client, PREFLIGHT("https://c.test"));
    actor_sends(sim_live(sim), "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://c.test\r\n\r\n");
    actor_expects(client, "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: https://c.test\r\n\r\n");
    sim_close(sim);
}

/* ---- retries ---- */

static struct sim_rules retrying(uint32_t on)
{
    return (struct sim_rules){.live_endpoints = 2,
                              .path_string = "/",
                              .retry_attempts = 1,
                              .retry_backoff_ms = BACKOFF,
                              .retry_codes = {503},
                              .retry_grpc = 1 << 14,
                              .retry_on = on};
}

/* What one failure makes of the first attempt. */
enum failure { FAILS_TO_CONNECT, BREAKS_OFF, TAKES_TOO_LONG, ANSWERS_503, CALL_IS_UNAVAILABLE, CALL_IS_UNKNOWN };

static bool is_tried_again(uint32_t on, enum failure failure)
{
    struct sim_rules rules = retrying(on);
    bool is_call = failure == CALL_IS_UNAVAILABLE || failure == CALL_IS_UNKNOWN;
    rules.backend_timeout_ms = failure == TAKES_TOO_LONG ? 200 : 0;
    struct sim *sim = sim_open(&rules);
    for (unsigned i = 0; i < 2; i++)
        sim_live_host(sim, i)->is_refusing = failure == FAILS_TO_CONNECT;
    struct actor *client = sim_client(sim), *live = NULL;
    actor_sends(client, is_call ? CALL : GET);
    if (failure != FAILS_TO_CONNECT)
        live = sim_live(sim);
    switch (failure) {
    case FAILS_TO_CONNECT: break;
    case BREAKS_OFF: actor_resets(live); break;
    case TAKES_TOO_LONG: sim_advance_ms(sim, 205); break;
    case ANSWERS_503: actor_sends(live, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"); break;
    case CALL_IS_UNAVAILABLE: actor_sends(live, CALL_FAILED("14")); break;
    case CALL_IS_UNKNOWN: actor_sends(live, CALL_FAILED("2")); break;
    }
    bool is_answered = client->total > 0;
    if (!is_answered) {
        for (unsigned i = 0; i < 2; i++)
            sim_live_host(sim, i)->is_refusing = false;
        sim_advance_ms(sim, BACKOFF + BACKOFF / 4 + 3);
        actor_sends(sim_live(sim), OK_2);
        actor_expects(client, OK_2);
    }
    sim_close(sim);
    return !is_answered;
}

static void test_only_what_is_named_is_tried_again(void **state)
{
    (void)state;
    static const uint32_t needs[] = {
        [FAILS_TO_CONNECT] = RETRY_CONNECT, [BREAKS_OFF] = RETRY_RESET,           [TAKES_TOO_LONG] = RETRY_TIMEOUT,
        [ANSWERS_503] = RETRY_STATUS,       [CALL_IS_UNAVAILABLE] = RETRY_STATUS, [CALL_IS_UNKNOWN] = 0};
    for (uint32_t on = 0; on <= RETRY_ALL; on++) {
        for (enum failure failure = 0; failure <= CALL_IS_UNKNOWN; failure++) {
            bool wants = (on ? on : RETRY_ALL) & needs[failure];
            if (is_tried_again(on, failure) != wants)
                fail_msg("failure %d is %stried again on %u", (int)failure, wants ? "not " : "", on);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_string_that_matched_is_replaced),
        cmocka_unit_test(test_a_regular_expression_makes_the_path),
        cmocka_unit_test(test_a_path_that_can_t_be_made_is_no_request),
        cmocka_unit_test(test_a_rule_answers_itself_and_nothing_is_copied),
        cmocka_unit_test(test_a_large_answer_comes_whole),
        cmocka_unit_test(test_a_call_that_a_rule_answers_gets_its_status),
        cmocka_unit_test(test_preflights_of_other_origins_may_go_to_live),
        cmocka_unit_test(test_only_what_is_named_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
