/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of rule and backendRef: what live, the shadow and the client get. */
#include "play.h"

#include "plan/build.h"

#define REQUEST "GET /old/a?q=1 HTTP/1.1\r\nHost: a.com\r\nX-Out: 1\r\nX-Set: 1\r\nX-Keep: 1\r\n\r\n"

static const struct rule_edit request_edits[] = {
    {EDIT_SET, STR_INIT("X-Set"), STR_INIT("2")},          {EDIT_ADD, STR_INIT("X-Add"), STR_INIT("rule")},
    {EDIT_REMOVE, STR_INIT("X-Out"), STR_INIT("")},        {EDIT_REMOVE, STR_INIT("Host"), STR_INIT("")},
    {EDIT_SET, STR_INIT("Content-Length"), STR_INIT("9")},
};
static const struct rule_edit backend_edits[] = {{EDIT_SET, STR_INIT("X-Add"), STR_INIT("backend")}};
static const struct rule_edit response_edits[] = {
    {EDIT_ADD, STR_INIT("X-Answer"), STR_INIT("rule")},
    {EDIT_REMOVE, STR_INIT("Server"), STR_INIT("")},
};
static const struct rule_rewrite rewrite = {
    .hostname = STR_INIT("new.example"), .path_kind = REWRITE_PREFIX, .path = STR_INIT("/new")};
static const struct rule_rewrite backend_rewrite = {.path_kind = REWRITE_FULL_PATH, .path = STR_INIT("/full")};

static void test_live_and_shadow_get_the_same_edited_request(void **state)
{
    (void)state;
    const struct rule_actions actions = {.request_edits = request_edits, .request_edit_count = 5, .rewrite = &rewrite};
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, REQUEST);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    struct actor *both[] = {live, shadow};
    for (int i = 0; i < 2; i++) {
        struct str head = actor_expects_head(both[i], "GET /new/old/a?q=1 HTTP/1.1");
        head_expects_field(head, "Host", "new.example");
        head_expects_field(head, "X-Forwarded-Host", "a.com");
        head_expects_field(head, "X-Set", "2");
        head_expects_field(head, "X-Add", "rule");
        head_expects_field(head, "X-Keep", "1");
        head_expects_no_field(head, "X-Out");
        head_expects_no_field(head, "Content-Length");
    }
    actor_sends(live, OK_2);
    actor_sends(shadow, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_a_backendref_comes_after_its_rule(void **state)
{
    (void)state;
    const struct rule_actions actions = {.request_edits = request_edits, .request_edit_count = 5, .rewrite = &rewrite};
    const struct rule_actions backend = {
        .request_edits = backend_edits, .request_edit_count = 1, .rewrite = &backend_rewrite};
    struct sim *sim = sim_open(&(struct sim_rules){.actions = &actions, .backend_actions = &backend});
    struct actor *client = sim_client(sim);
    actor_sends(client, REQUEST);
    struct actor *live = sim_live(sim);
    struct str head = actor_expects_head(live, "GET /full?q=1 HTTP/1.1");
    head_expects_field(head, "Host", "new.example");
    head_expects_field(head, "X-Add", "backend");
    head_expects_field(head, "X-Set", "2");
    actor_sends(live, OK_2);
    actor_expects(client, OK_2);
    sim_close(sim);
}

static void test_answers_are_edited_whoever_gives_them(void **state)
{
    (void)state;
    const struct rule_actions actions = {.response_edits = response_edits, .response_edit_count = 2};
    struct sim *sim = sim_open(&(struct sim_rules){.actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, GET);
    actor_sends(sim_live(sim), "HTTP/1.1 200 OK\r\nServer: x\r\nX-Answer: live\r\nContent-Length: 2\r\n\r\nok");
    actor_expects(client, "HTTP/1.1 200 OK\r\nX-Answer: live\r\nContent-Length: 2\r\nX-Answer: rule\r\n\r\nok");
    sim_live_host(sim, 0)->is_refusing = true;
    sim_advance_ms(sim, 5000); /* the idle connection goes */
    actor_sends(client, GET);
    struct str head = actor_expects_head(client, "HTTP/1.1 503 Service Unavailable");
    head_expects_field(head, "X-Answer", "rule");
    sim_close(sim);
}

static void test_an_answer_of_the_most_fields_has_room(void **state)
{
    (void)state;
    const struct rule_actions actions = {.response_edits = response_edits, .response_edit_count = 2};
    struct sim *sim = sim_open(&(struct sim_rules){.actions = &actions});
    struct actor *client = sim_client(sim);
    char answer[4096] = "HTTP/1.1 204 No Content\r\n";
    size_t len = strlen(answer);
    for (int i = 0; i < HEAD_MAX_FIELDS; i++)
        len += (size_t)snprintf(answer + len, sizeof answer - len, "X-%d: y\r\n", i);
    snprintf(answer + len, sizeof answer - len, "\r\n");
    actor_sends(client, GET);
    actor_sends(sim_live(sim), answer);
    head_expects_field(actor_expects_head(client, "HTTP/1.1 204 No Content"), "X-Answer", "rule");
    sim_close(sim);
}

static void expect_redirect(const struct sim_rules *rules, const char *request, bool has_body)
{
    struct sim *sim = sim_open(rules);
    struct actor *client = sim_client(sim);
    actor_sends(client, request);
    struct str head = actor_expects_head(client, "HTTP/1.1 308 Permanent Redirect");
    head_expects_field(head, "Location", "https://a.com/new/old/a?q=1");
    head_expects_field(head, "Content-Length", "13");
    if (has_body)
        actor_expects(client, "see Location\n");
    actor_expects_nothing(client);
    sim_expects_no_live(sim);
    sim_expects_no_shadow(sim);
    sim_expects_matched(sim, 0, 0);
    sim_expects_status(sim, 308, 1);
    sim_close(sim);
}

static void test_a_redirect_is_umbra_s_answer_and_not_copied(void **state)
{
    (void)state;
    const struct rule_redirect redirect = {
        .scheme = STR("https"), .path_kind = REWRITE_PREFIX, .path = STR("/new"), .status = 308};
    const struct rule_actions actions = {.redirect = &redirect};
    const struct sim_rules of_rule = {.mirrors = 1, .actions = &actions};
    const struct sim_rules of_backend = {.mirrors = 1, .backend_actions = &actions};
    const struct sim_rules without_endpoint = {.mirrors = 1, .backend_actions = &actions, .live_endpoints = SIM_NONE};
    expect_redirect(&of_rule, REQUEST, true);
    expect_redirect(&of_backend, REQUEST, true);
    expect_redirect(&without_endpoint, REQUEST, true);
    expect_redirect(&of_rule, "HEAD /old/a?q=1 HTTP/1.1\r\nHost: a.com\r\n\r\n", false);
}

static void test_a_host_of_sixty_thousand_bytes_is_redirected_whole(void **state)
{
    (void)state;
    enum { LEN = 60000 };
    static char host[LEN + 1], request[LEN + 100], location[LEN + 100];
    const struct rule_redirect redirect = {.path_kind = REWRITE_FULL_PATH, .path = STR("/x"), .status = 302};
    const struct rule_actions actions = {.redirect = &redirect};
    memset(host, 'h', LEN);
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    snprintf(location, sizeof location, "http://%s/x", host);
    struct sim *sim = sim_open(&(struct sim_rules){.actions = &actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, request);
    head_expects_field(actor_expects_head(client, "HTTP/1.1 302 Found"), "Location", location);
    sim_close(sim);
}

static const struct str origins[] = {STR_INIT("https://*.example.com")};
static const struct rule_cors cors = {.origins = {origins, 1}, .allows_credentials = true, .max_age_s = 60};
static const struct rule_actions cors_actions = {.cors = &cors};

static void test_a_preflight_is_answered_without_live(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .actions = &cors_actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example.com\r\n"
                        "Access-Control-Request-Method: PUT\r\n\r\n");
    struct str head = actor_expects_head(client, "HTTP/1.1 204 No Content");
    head_expects_field(head, "Access-Control-Allow-Origin", "https://shop.example.com");
    head_expects_field(head, "Access-Control-Max-Age", "60");
    head_expects_no_field(head, "Content-Length");
    actor_expects_nothing(client);
    actor_expects_open(client);
    sim_expects_no_live(sim);
    sim_expects_matched(sim, 0, 0);
    sim_expects_status(sim, 204, 1);
    actor_sends(client, "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example.com\r\n\r\n");
    actor_sends(sim_live(sim), EMPTY_200); /* no preflight */
    actor_expects_head(client, "HTTP/1.1 200 OK");
    actor_sends(sim_shadow(sim), EMPTY_200);
    sim_close(sim);
}

static void test_the_rule_alone_speaks_of_cors(void **state)
{
    (void)state;
    struct sim *sim = sim_open(&(struct sim_rules){.actions = &cors_actions});
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://shop.example.com\r\n\r\n");
    struct actor *live = sim_live(sim);
    actor_sends(live, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept, origin\r\n"
                      "Content-Length: 0\r\n\r\n");
    actor_expects(client, "HTTP/1.1 200 OK\r\nVary: Accept, origin\r\nContent-Length: 0\r\n"
                          "Access-Control-Allow-Origin: https://shop.example.com\r\n"
                          "Access-Control-Allow-Credentials: true\r\n\r\n");
    actor_sends(client, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.com\r\n\r\n");
    actor_sends(live, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n");
    actor_expects(client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVary: Origin\r\n\r\n");
    sim_close(sim);
}

static void test_a_mirror_s_demands_are_the_shadow_s_alone(void **state)
{
    (void)state;
    const struct rule_edit edits[] = {{EDIT_SET, STR("X-Env"), STR("shadow")}};
    const struct rule_redaction redactions[] = {{REDACT_HEADER, STR("cookie")}, {REDACT_QUERY, STR("q")}};
    struct rule_mirror mirror;
    rule_mirror_init(&mirror);
    mirror.host_kind = COPY_HOST_SUFFIX;
    mirror.edits = edits;
    mirror.edit_count = 1;
    mirror.redactions = redactions;
    mirror.redaction_count = 2;
    mirror.marker_header = STR("X-Copy-Of");
    mirror.has_baggage = false;
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.like = &mirror}}});
    struct actor *client = sim_client(sim);
    actor_sends(client, "GET /?q=1&r=2 HTTP/1.1\r\nHost: a.com:80\r\nCookie: s\r\n\r\n");
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    struct str head = actor_expects_head(live, "GET /?q=1&r=2 HTTP/1.1");
    head_expects_field(head, "Host", "a.com:80");
    head_expects_field(head, "Cookie", "s");
    head_expects_no_field(head, "X-Env");
    head_expects_no_field(head, "X-Copy-Of");
    head = actor_expects_head(shadow, "GET /?r=2 HTTP/1.1");
    head_expects_field(head, "Host", "a.com-shadow:80");
    head_expects_field(head, "X-Env", "shadow");
    head_expects_field(head, "X-Copy-Of", NULL);
    head_expects_no_field(head, "Cookie");
    head_expects_no_field(head, "X-Umbra-Shadow");
    head_expects_no_field(head, "baggage");
    actor_sends(live, EMPTY_200);
    actor_sends(shadow, EMPTY_200);
    actor_expects(client, EMPTY_200);
    sim_close(sim);
}

/* A shadow that leads back: what it got is sent to the gateway once more, byte for byte. */
static void test_a_copy_under_another_marker_header_is_not_copied_again(void **state)
{
    (void)state;
    struct rule_mirror mirror;
    rule_mirror_init(&mirror);
    mirror.marker_header = STR("X-Copy-Of");
    struct sim *sim = sim_open(&(struct sim_rules){.mirrors = 1, .mirror = {{.like = &mirror}}});
    struct actor *client = sim_client(sim), *again = sim_client(sim);
    char copy[2048];
    actor_sends(client, GET);
    struct actor *live = sim_live(sim), *shadow = sim_shadow(sim);
    struct str head = actor_expects_head(shadow, "GET / HTTP/1.1");
    snprintf(copy, sizeof copy, "%.*s", STR_ARG(head));
    actor_sends(again, copy);
    sim_expects_filtered(sim, 0, FILTERED_LOOP, 1);
    sim_expects_refused(sim, REFUSAL_MARKER, 0);
    actor_sends(again, "GET / HTTP/1.1\r\nHost: a\r\nX-Copy-Of: mirror=forged\r\n\r\n");
    actor_sends(live, EMPTY_200);
    struct actor *second = sim_live(sim);
    head_expects_field(actor_expects_head(second, "GET / HTTP/1.1"), "X-Copy-Of", NULL);
    actor_sends(second, EMPTY_200);
    sim_expects_refused(sim, REFUSAL_MARKER, 1);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_and_shadow_get_the_same_edited_request),
        cmocka_unit_test(test_a_backendref_comes_after_its_rule),
        cmocka_unit_test(test_answers_are_edited_whoever_gives_them),
        cmocka_unit_test(test_an_answer_of_the_most_fields_has_room),
        cmocka_unit_test(test_a_redirect_is_umbra_s_answer_and_not_copied),
        cmocka_unit_test(test_a_host_of_sixty_thousand_bytes_is_redirected_whole),
        cmocka_unit_test(test_a_preflight_is_answered_without_live),
        cmocka_unit_test(test_the_rule_alone_speaks_of_cors),
        cmocka_unit_test(test_a_mirror_s_demands_are_the_shadow_s_alone),
        cmocka_unit_test(test_a_copy_under_another_marker_header_is_not_copied_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
