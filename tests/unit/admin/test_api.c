/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/api.h"

#include "fixture.h"
#include "plan/build.h"
#include "plan/check.h"

/* One request with the fields that the guards look at; NULL: absent. */
struct ask {
    const char *method, *path, *query, *host, *token, *mark, *body;
};

#define ASK(verb, at) ((struct ask){.method = verb, .path = at})

static void handle(const struct admin *admin, struct ask ask, struct admin_response *response)
{
    struct field fields[2];
    struct head head = {
        .method = str_from_c(ask.method),
        .method_id = method_from_str(str_from_c(ask.method)),
        .path = str_from_c(ask.path),
        .query = str_from_c(ask.query),
        .authority = ask.host ? str_from_c(ask.host) : STR("127.0.0.1:9900"),
        .fields = fields,
    };
    if (ask.token)
        fields[head.field_count++] = (struct field){STR("authorization"), str_from_c(ask.token), FIELD_AUTHORIZATION};
    if (ask.mark)
        fields[head.field_count++] = (struct field){STR("X-Umbra"), str_from_c(ask.mark), FIELD_OTHER};
    struct admin_request request = {&head, str_from_c(ask.body)};
    *response = (struct admin_response)ADMIN_RESPONSE_INIT;
    admin_handle(admin, &request, response);
}

static uint16_t status_of(const struct admin *admin, struct ask ask)
{
    struct admin_response response;
    handle(admin, ask, &response);
    admin_response_deinit(&response);
    return response.status;
}

static void test_a_host_that_a_browser_was_led_to_is_refused(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    const struct str hosts[] = {STR("umbra.example")};
    struct admin admin = {.status.registry = registry, .hosts = hosts, .host_count = 1};
    static const struct {
        const char *host;
        uint16_t status;
    } cases[] = {
        {"127.0.0.1:9900", 200},
        {"127.0.0.1", 200},
        {"10.1.2.3:80", 200},
        {"[::1]:9900", 200},
        {"[fd00::1]", 200},
        {"localhost", 200},
        {"LocalHost:9900", 200},
        {"umbra.example:9900", 200},
        {"UMBRA.EXAMPLE", 200},
        {"evil.example", 403},
        {"", 403},
        {"127.0.0.1.evil.example", 403},
        {"localhost.evil", 403},
        {"umbra.example.", 403},
        {"10.0.0.0/8", 403},
        {"user@127.0.0.1", 403},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t status = status_of(&admin, (struct ask){"GET", "/healthz", .host = cases[i].host});
        if (status != cases[i].status)
            fail_msg("Host %s: %u", cases[i].host, status);
    }
    registry_close(registry);
}

static void test_guards_stand_in_front_of_every_route(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    registry_mirror(registry, ROUTE, SHADOW);
    struct admin open = {.status.registry = registry};
    struct admin guarded = {.status.registry = registry, .token = STR("s3cret")};
    static const char off[] = "{\"off\":true}";
    const struct {
        const struct admin *admin;
        struct ask ask;
        uint16_t status;
    } cases[] = {
        {&open, {"GET", "/", NULL, NULL, NULL, NULL, NULL}, 200},
        {&open, {"GET", "/status", NULL, NULL, NULL, NULL, NULL}, 200},
        {&open, {"HEAD", "/status", NULL, NULL, NULL, NULL, NULL}, 200},
        {&open, {"GET", "/nothing", NULL, NULL, NULL, NULL, NULL}, 404},
        {&open, {"GET", "/status/", NULL, NULL, NULL, NULL, NULL}, 404},
        {&open, {"POST", "/status", NULL, NULL, NULL, NULL, NULL}, 405},
        {&open, {"get", "/status", NULL, NULL, NULL, NULL, NULL}, 405},
        {&open, {"POST", "/api/mirror", NULL, NULL, NULL, NULL, off}, 403},
        {&open, {"POST", "/api/mirror", NULL, NULL, NULL, "0", off}, 403},
        {&open, {"POST", "/api/mirror", NULL, NULL, NULL, "1", off}, 200},
        {&open, {"POST", "/api/mirror", NULL, "evil.example", NULL, "1", off}, 403},
        {&guarded, {"GET", "/healthz", NULL, NULL, NULL, NULL, NULL}, 200},
        {&guarded, {"GET", "/metrics", NULL, NULL, NULL, NULL, NULL}, 200},
        {&guarded, {"GET", "/readyz", NULL, NULL, NULL, NULL, NULL}, 503},
        {&guarded, {"GET", "/", NULL, NULL, NULL, NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, NULL, NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, "Bearer s3cret", NULL, NULL}, 200},
        {&guarded, {"GET", "/status", NULL, NULL, "bearer  s3cret", NULL, NULL}, 200},
        {&guarded, {"GET", "/status", NULL, NULL, "Bearer s3cre", NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, "Bearer s3cret2", NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, "Bearer s3crets3cret", NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, "Bearer ", NULL, NULL}, 401},
        {&guarded, {"GET", "/status", NULL, NULL, "Basic s3cret", NULL, NULL}, 401},
        {&guarded, {"POST", "/api/mirror", NULL, NULL, NULL, "1", off}, 401},
        {&guarded, {"POST", "/api/mirror", NULL, NULL, "Bearer s3cret", NULL, off}, 403},
        {&guarded, {"POST", "/api/mirror", NULL, NULL, "Bearer s3cret", "1", off}, 200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t status = status_of(cases[i].admin, cases[i].ask);
        if (status != cases[i].status)
            fail_msg("case %zu: %s %s: %u", i, cases[i].ask.method, cases[i].ask.path, status);
    }
    registry_close(registry);
}

static void test_refusals_say_what_is_possible(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct admin admin = {.status.registry = registry, .token = STR("x")};
    struct admin_response response;
    handle(&admin, ASK("DELETE", "/api/mirror"), &response);
    assert_int_equal(response.status, 405);
    assert_string_equal(response.allow.ptr, "GET, HEAD, POST");
    admin_response_deinit(&response);
    handle(&admin, ASK("GET", "/status"), &response);
    assert_true(response.has_challenge);
    assert_has(&response.body, "Authorization: Bearer TOKEN");
    admin_response_deinit(&response);
    registry_close(registry);
}

static void test_ready_means_that_a_gateway_serves(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct admin admin = {.status.registry = registry};
    assert_int_equal(status_of(&admin, ASK("GET", "/readyz")), 503);
    fixture_gateway(registry, 1);
    assert_int_equal(status_of(&admin, ASK("GET", "/readyz")), 200);
    admin.status.is_draining = true;
    assert_int_equal(status_of(&admin, ASK("GET", "/readyz")), 503);
    assert_int_equal(status_of(&admin, ASK("GET", "/healthz")), 200);
    registry_close(registry);
}

static void test_pages_have_their_types(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct admin admin = {.status.registry = registry};
    static const struct {
        struct ask ask;
        const char *type, *piece;
    } cases[] = {
        {{"GET", "/healthz", NULL, NULL, NULL, NULL, NULL}, "text/plain; charset=utf-8", "ok\n"},
        {{"GET", "/metrics", NULL, NULL, NULL, NULL, NULL}, METRICS_CONTENT_TYPE, "umbra_build_info{"},
        {{"GET", "/status", NULL, NULL, NULL, NULL, NULL}, "application/json", "{\"version\":"},
        {{"GET", "/status", "format=text", NULL, NULL, NULL, NULL}, "text/plain; charset=utf-8", "not ready"},
        {{"GET", "/api/mirror", NULL, NULL, NULL, NULL, NULL}, "application/json", "{\"off\":false,\"mirrors\":[]}"},
        {{"GET", "/", NULL, NULL, NULL, NULL, NULL}, "text/html; charset=utf-8", "<code>/metrics</code>"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct admin_response response;
        handle(&admin, cases[i].ask, &response);
        assert_int_equal(response.status, 200);
        assert_string_equal(response.content_type, cases[i].type);
        assert_has(&response.body, cases[i].piece);
        assert_false(response.has_more);
        admin_response_deinit(&response);
    }
    assert_int_equal(status_of(&admin, (struct ask){"GET", "/status", .query = "format=xml"}), 400);
    registry_close(registry);
}

static void test_a_query_names_labels(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    registry_mirror(registry, ROUTE, SHADOW);
    registry_mirror(registry, STR("a/b#0"), STR("a/c:80"));
    struct admin admin = {.status.registry = registry};
    struct admin_response response;
    handle(&admin, (struct ask){"GET", "/status", .query = "x=1&route=default%2Fquickstart%230"}, &response);
    assert_has(&response.body, "\"mirror\":\"127.0.0.1:3001\"");
    assert_lacks(&response.body, "a/c:80");
    admin_response_deinit(&response);
    registry_close(registry);
}

static void post(const struct admin *admin, const char *body, uint16_t status, const char *piece)
{
    struct admin_response response;
    handle(admin, (struct ask){"POST", "/api/mirror", .mark = "1", .body = body}, &response);
    assert_has(&response.body, piece);
    assert_int_equal(response.status, status);
    admin_response_deinit(&response);
}

static void test_the_kill_switch_is_thrown_for_all_a_route_or_a_mirror(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct admin admin = {.status.registry = registry};
    struct registry_mirror *a1 = registry_mirror(registry, STR("n/a#0"), STR("n/s1:80"));
    struct registry_mirror *a2 = registry_mirror(registry, STR("n/a#0"), STR("n/s2:80"));
    struct registry_mirror *b1 = registry_mirror(registry, STR("n/b#0"), STR("n/s1:80"));
    struct registry_totals *totals = registry_totals(registry);

    post(&admin, "{\"off\":true}", 200,
         "{\"off\":true,\"mirrors\":3,\"text\":\"mirroring is off for 3 mirrors; copies in flight finish, live is not");
    assert_true(totals->is_off && !a1->is_off);
    post(&admin, "{\"off\":true,\"route\":\"n/a#0\"}", 200, "2 mirrors of route n/a#0 are off");
    assert_true(a1->is_off && a2->is_off && !b1->is_off);
    post(&admin, "{\"off\":false,\"route\":\"n/a#0\",\"mirror\":\"n/s1:80\"}", 200,
         "mirror n/s1:80 of route n/a#0 is on; mirroring as a whole is still off: umbra mirror on");
    assert_true(!a1->is_off && a2->is_off);
    post(&admin, "{\"off\":false}", 200,
         "mirroring is on for 3 mirrors; still off: n/a#0 ⇢ n/s2:80 (umbra mirror on --route ROUTE)");
    assert_false(totals->is_off);
    post(&admin, "{\"off\":true,\"mirror\":\"n/s1:80\"}", 200, "mirror n/s1:80 of 2 routes is off");
    assert_true(a1->is_off && b1->is_off);
    post(&admin, "{\"off\":true,\"route\":\"n/c#0\"}", 404,
         "there is no mirror on route n/c#0; those that there are: n/a#0 ⇢ n/s1:80, n/a#0 ⇢ n/s2:80, n/b#0 ⇢ n/s1:80");
    post(&admin, "{\"route\":\"n/a#0\"}", 400, "say {\"off\": true}");
    post(&admin, "off", 400, "object is expected");
    registry_close(registry);
}

/* The quick start's plan: one route, one shadow. */
static const struct plan *one_mirror(uint32_t percent)
{
    struct rule_mirror mirror;
    rule_mirror_init(&mirror);
    mirror.label = SHADOW;
    mirror.backend = 1;
    mirror.numerator = percent;
    mirror.denominator = 100;
    const struct rule_backend backends[] = {{.label = LIVE}, {.label = SHADOW}};
    const struct rule_weighted weighted = {.backend = 0, .weight = 1};
    const struct rule_route route = {
        .label = ROUTE, .backends = &weighted, .backend_count = 1, .mirrors = &mirror, .mirror_count = 1};
    const struct rule_set rules = {
        .generation = 1, .routes = &route, .route_count = 1, .backends = backends, .backend_count = 2};
    struct err err = {""};
    int fd = plan_build(&rules, &err);
    const struct plan *plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!plan)
        fail_msg("%s", err.text);
    close(fd);
    return plan;
}

static const struct endpoints *no_endpoints(void)
{
    struct err err = {""};
    struct endpoints_builder *builder = endpoints_builder_new(1);
    endpoints_builder_add(builder, SHADOW, NULL, 0);
    int fd = endpoints_builder_seal(builder, &err);
    const struct endpoints *endpoints = fd < 0 ? NULL : endpoints_map(fd, &err);
    if (!endpoints)
        fail_msg("%s", err.text);
    close(fd);
    endpoints_builder_free(builder);
    return endpoints;
}

static void test_the_plan_explains_what_counters_can_not(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    const struct plan *never = one_mirror(0), *always = one_mirror(100);
    const struct endpoints *endpoints = no_endpoints();
    registry_mirror(registry, ROUTE, SHADOW);
    registry_mirror(registry, ROUTE, STR("gone:1"));
    struct admin admin = {.status = {.registry = registry, .plan = never}};
    struct admin_response response;
    handle(&admin, ASK("GET", "/status"), &response);
    assert_has(&response.body, "\"why\":\"sampled at 0 %: give the mirror a percentage above 0\"");
    assert_has(&response.body, "\"mirror\":\"gone:1\",\"state\":\"off\",\"why\":\"no rule names this mirror any more\","
                               "\"off\":false,\"in_rules\":false");
    admin_response_deinit(&response);

    admin.status.plan = always;
    admin.status.endpoints = endpoints;
    handle(&admin, (struct ask){"GET", "/status", .query = "format=text"}, &response);
    assert_has(&response.body, "no endpoint: the name of 127.0.0.1:3001 does not resolve");
    assert_has(&response.body, "1 mirror that no rule names any more");
    assert_lacks(&response.body, "gone:1");
    admin_response_deinit(&response);

    post(&admin, "{\"off\":true,\"mirror\":\"gone:1\"}", 404,
         "those that there are: default/quickstart#0 ⇢ 127.0.0.1:3001");
    plan_unmap(never);
    plan_unmap(always);
    endpoints_unmap(endpoints);
    registry_close(registry);
}

static void test_the_reference_lists_every_route(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    admin_reference(&page);
    assert_has(&page, "| GET | `/metrics` |  |");
    assert_has(&page, "| POST | `/api/mirror` | token |");
    strbuf_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_that_a_browser_was_led_to_is_refused),
        cmocka_unit_test(test_guards_stand_in_front_of_every_route),
        cmocka_unit_test(test_refusals_say_what_is_possible),
        cmocka_unit_test(test_ready_means_that_a_gateway_serves),
        cmocka_unit_test(test_pages_have_their_types),
        cmocka_unit_test(test_a_query_names_labels),
        cmocka_unit_test(test_the_kill_switch_is_thrown_for_all_a_route_or_a_mirror),
        cmocka_unit_test(test_the_plan_explains_what_counters_can_not),
        cmocka_unit_test(test_the_reference_lists_every_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
