/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/status.h"

#include "admin/why.h"
#include "fixture.h"
#include "http/head.h"
#include "plan/build.h"
#include "plan/check.h"

#include <errno.h>

#define S 1000000000ull
#define NOW (1769860801ull * S)
#define SAFE (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

/* One mirror with a rule of its own, which a case then bends. */
struct scene {
    struct registry *registry;
    struct registry_mirror *entry;
    struct plan_mirror rule;
    struct status_totals totals;
    struct status_mirror mirror;
};

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){.registry = fixture_registry()};
    scene->entry = registry_mirror(scene->registry, ROUTE, SHADOW);
    scene->rule = (struct plan_mirror){.numerator = 1, .denominator = 1, .method_mask = SAFE, .max_in_flight = 1024};
    registry_totals(scene->registry)->budget_limit = 64 << 20;
}

static void read_scene(struct scene *scene)
{
    struct status_source source = {.registry = scene->registry, .now_wall_ns = NOW, .now_ns = 100 * S};
    struct status_walk walk;
    scene->totals = status_totals(&source);
    status_open(&walk, &source);
    assert_true(status_next_mirror(&walk, &scene->mirror));
    status_close(&walk);
    scene->mirror.rule = &scene->rule;
}

static void off(struct scene *scene)
{
    registry_totals(scene->registry)->is_off = 1;
}

static void off_here(struct scene *scene)
{
    scene->entry->is_off = 1;
}

static void suspended(struct scene *scene)
{
    scene->rule.is_suspended = 1;
}

static void nothing(struct scene *scene)
{
    (void)scene;
}

static void all_post(struct scene *scene)
{
    scene->entry->matched = scene->entry->filtered[FILTERED_METHOD] = 1200;
}

static void one_post(struct scene *scene)
{
    scene->entry->matched = scene->entry->filtered[FILTERED_METHOD] = 1;
}

static void all_get(struct scene *scene)
{
    scene->rule.method_mask = 1u << METHOD_POST;
    scene->entry->matched = scene->entry->filtered[FILTERED_METHOD] = 5;
}

static void mostly_post(struct scene *scene)
{
    scene->entry->matched = 1200;
    scene->entry->filtered[FILTERED_METHOD] = 1100;
    scene->entry->sampled_out = 100;
}

static void looped(struct scene *scene)
{
    scene->entry->matched = scene->entry->filtered[FILTERED_LOOP] = 3;
}

static void sampled_at_zero(struct scene *scene)
{
    scene->rule.numerator = 0;
}

static void sampled_rarely(struct scene *scene)
{
    scene->rule.denominator = 1000;
    scene->entry->matched = scene->entry->sampled_out = 12;
}

static void unresolved(struct scene *scene)
{
    scene->entry->matched = scene->entry->dropped[DROPPED_NO_ENDPOINT] = 12;
}

static void breaker_open(struct scene *scene)
{
    scene->entry->breaker = BREAKER_OPEN;
    scene->entry->breaker_until_ns = 103 * S;
    scene->entry->last_failure = FAILED_CONNECT;
    scene->entry->last_failure_errno = ECONNREFUSED;
    scene->entry->last_failure_wall_ns = NOW - S;
}

static void breaker_probing(struct scene *scene)
{
    breaker_open(scene);
    scene->entry->breaker = BREAKER_HALF_OPEN;
    scene->entry->last_failure = FAILED_TIMEOUT;
    scene->entry->last_failure_errno = 0;
}

static void breaker_probe_lost(struct scene *scene)
{
    breaker_probing(scene);
    scene->entry->breaker_until_ns = 99 * S;
}

static void breaker_waiting(struct scene *scene)
{
    breaker_open(scene);
    scene->entry->breaker_until_ns = 99 * S;
    scene->entry->last_failure = FAILED_RESET;
    scene->entry->last_failure_errno = ECONNRESET;
}

static void budget_full(struct scene *scene)
{
    scene->entry->matched = 100;
    scene->entry->dropped[DROPPED_BUDGET] = 25;
    scene->entry->sent = scene->entry->completed[100] = 75;
}

static void shadow_slow(struct scene *scene)
{
    scene->entry->matched = scene->entry->dropped[DROPPED_INFLIGHT] = 100;
}

static void shadow_failing(struct scene *scene)
{
    scene->entry->matched = scene->entry->sent = 100;
    scene->entry->completed[100] = 60;
    scene->entry->failed[FAILED_RESET] = 40;
    scene->entry->last_failure = FAILED_RESET;
}

static void all_well(struct scene *scene)
{
    scene->entry->matched = 1000;
    scene->entry->sampled_out = 800;
    scene->entry->filtered[FILTERED_METHOD] = 100;
    scene->entry->sent = scene->entry->completed[100] = 100;
}

static void test_the_sentence_says_why_copies_are_not_sent(void **state)
{
    (void)state;
    static const struct {
        void (*bend)(struct scene *scene);
        enum why why;
        const char *sentence;
    } cases[] = {
        {off, WHY_OFF, "mirroring is switched off: umbra mirror on"},
        {off_here, WHY_OFF, "this mirror is switched off: umbra mirror on --route default/quickstart#0"},
        {suspended, WHY_OFF, "suspended: its policy says spec.suspend, or one of the problems keeps it back"},
        {nothing, WHY_IDLE, "no request has matched yet"},
        {all_post, WHY_STOPPED,
         "all 1,200 matched requests were POST or another method that may write; only GET, HEAD and OPTIONS are copied "
         "without --mirror-writes"},
        {one_post, WHY_STOPPED,
         "the one matched request was POST or another method that may write; only GET, HEAD and OPTIONS are copied "
         "without "
         "--mirror-writes"},
        {all_get, WHY_STOPPED, "all 5 matched requests were of another method; only POST is copied"},
        {mostly_post, WHY_STOPPED,
         "1,100 of 1,200 matched requests were POST or another method that may write; only GET, HEAD and OPTIONS are "
         "copied without --mirror-writes"},
        {looped, WHY_STOPPED, "all 3 matched requests had been copied before; a copy is never mirrored again"},
        {sampled_at_zero, WHY_STOPPED, "sampled at 0 %: give the mirror a percentage above 0"},
        {sampled_rarely, WHY_STOPPED, "all 12 matched requests were left out by sampling, which copies 0.10 %"},
        {unresolved, WHY_STOPPED, "no endpoint: the name of 127.0.0.1:3001 does not resolve"},
        {breaker_open, WHY_STOPPED, "breaker open, next probe in 3 s: connect refused"},
        {breaker_probing, WHY_STOPPED, "breaker half open, a probe is under way: timeout"},
        {breaker_probe_lost, WHY_STOPPED, "breaker half open, the next request is the probe: timeout"},
        {breaker_waiting, WHY_STOPPED, "breaker open, the next request is the probe: reset: connection reset by peer"},
        {budget_full, WHY_PARTLY,
         "25.0 % of the copies were dropped: the mirror budget is full (--mirror-budget, 64 MiB)"},
        {shadow_slow, WHY_STOPPED,
         "the shadow does not keep up: as many copies are under way as the mirror allows (1,024)"},
        {shadow_failing, WHY_PARTLY, "40.0 % of the copies failed; the last with reset"},
        {all_well, WHY_SENDING, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        struct strbuf sentence = STRBUF_INIT;
        open_scene(&scene);
        cases[i].bend(&scene);
        read_scene(&scene);
        enum why why = why_not_sent(&scene.mirror, &scene.totals, &sentence);
        if (cases[i].sentence)
            assert_string_equal(sentence.ptr, cases[i].sentence);
        else
            assert_int_equal(sentence.len, 0);
        assert_string_equal(why_name(why), why_name(cases[i].why));
        strbuf_deinit(&sentence);
        registry_close(scene.registry);
    }
}

static void test_losses_are_judged_by_the_last_second_while_requests_come(void **state)
{
    (void)state;
    struct scene scene;
    struct strbuf sentence = STRBUF_INIT;
    open_scene(&scene);
    budget_full(&scene);
    read_scene(&scene);
    scene.mirror.rate = (struct rate_mirror){.matched = 50, .sent = 50};
    assert_int_equal(why_not_sent(&scene.mirror, &scene.totals, &sentence), WHY_SENDING);
    scene.mirror.rate.sent = 0;
    scene.mirror.rate.dropped[DROPPED_SHED] = 50;
    assert_int_equal(why_not_sent(&scene.mirror, &scene.totals, &sentence), WHY_STOPPED);
    assert_has(&sentence, "100 % of the copies are dropped: the gateway has no CPU to spare");
    strbuf_deinit(&sentence);
    registry_close(scene.registry);
}

static void test_quantiles_are_linear_within_a_bucket(void **state)
{
    (void)state;
    struct registry_duration duration = {0};
    assert_true(status_quantile_ms(&duration, 0.5) < 0);
    for (int i = 0; i < 10; i++)
        registry_duration_add(&duration, 1500000); /* the bucket from 1 to 2.5 ms */
    assert_float_equal(status_quantile_ms(&duration, 0.5), 1.75, 0.001);
    assert_float_equal(status_quantile_ms(&duration, 1.0), 2.5, 0.001);
    for (int i = 0; i < 1000; i++)
        registry_duration_add(&duration, 100 * S);
    assert_float_equal(status_quantile_ms(&duration, 0.99), 60000, 0.001);
}

static struct registry *running(void)
{
    struct registry *registry = fixture_registry();
    struct registry_gateway *gateway = fixture_gateway(registry, 4242);
    struct registry_route *route = registry_route(registry, ROUTE, LIVE);
    struct registry_mirror *mirror = registry_mirror(registry, ROUTE, SHADOW);
    gateway->connections_client = 64;
    gateway->budget_used = 1 << 20;
    registry_totals(registry)->budget_limit = 64 << 20;
    registry_totals(registry)->config_generation = 1;
    counter_add(&registry_totals(registry)->refused[1], 2);
    counter_add(&route->code[100], 1234000);
    counter_add(&route->code[402], 567);
    registry_duration_add(&route->duration, 400000);
    counter_add(&mirror->matched, 1234567);
    counter_add(&mirror->sent, 1234560);
    counter_add(&mirror->completed[100], 1234500);
    counter_add(&mirror->failed[FAILED_TIMEOUT], 58);
    mirror->in_flight[0] = 2;
    mirror->queued[0] = 7;
    mirror->last_failure = FAILED_TIMEOUT;
    mirror->last_failure_wall_ns = NOW - 3 * S;
    return registry;
}

static void assert_narrow(const struct strbuf *page)
{
    struct str rest = strbuf_str(page), line;
    while (str_next(&rest, '\n', &line)) {
        size_t columns = 0;
        for (size_t i = 0; i < line.len; i++)
            columns += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
        if (columns > 100)
            fail_msg("%zu columns: %.*s", columns, STR_ARG(line));
    }
}

static void test_it_says_whether_answers_are_compared(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct analyst_figures analyst = {.is_up = true, .lost = {[RING_LOST_ANALYST] = 2}};
    struct status_source source = {
        .registry = registry, .started_wall_ns = NOW, .now_wall_ns = NOW, .analyst = &analyst};
    static const struct {
        bool is_up;
        const char *why_not, *text, *json;
    } cases[] = {
        {true, NULL, "answers are compared · 1,500 legs recorded, 3 not judged\n",
         "\"analyst\":{\"up\":true,\"records\":1500,\"lost\":3}"},
        {false, NULL, "THE ANALYST DOES NOT ANSWER · 1,500 legs recorded, 3 not judged\n",
         "\"analyst\":{\"up\":false,\"records\":1500,\"lost\":3}"},
        {false, "comparing is off", "comparing is off\n",
         "\"analyst\":{\"up\":false,\"why_not\":\"comparing is off\",\"records\":1500,\"lost\":3}"},
    };
    registry_totals(registry)->records = 1500;
    registry_totals(registry)->records_dropped[RECORD_DROPPED_RING] = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf text = STRBUF_INIT, json = STRBUF_INIT;
        analyst.is_up = cases[i].is_up;
        analyst.why_not = cases[i].why_not;
        status_text(&source, &text);
        status_json(&source, &json);
        assert_has(&text, cases[i].text);
        assert_has(&json, cases[i].json);
        strbuf_deinit(&text);
        strbuf_deinit(&json);
    }
    registry_close(registry);
}

static void test_the_table_shows_everything_in_100_columns(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct status_source source = {.registry = registry, .started_wall_ns = NOW - 192 * S, .now_wall_ns = NOW};
    struct strbuf page = STRBUF_INIT;
    status_text(&source, &page);
    assert_has(&page, "umbra " UMBRA_VERSION " · ready · up 3 min 12 s · rules generation 1, no errors\n");
    assert_has(&page, "gateway pid 4242 · 2 workers · connections: 64 client, 0 live, 0 shadow\n");
    assert_has(&page, "mirror budget 1 MiB of 64 MiB · mirroring is on\n");
    assert_has(&page, "refused: framing 2\n");
    assert_has(&page, "default/quickstart#0 → 127.0.0.1:3000        1,234,567       0.0    0.05 %         0    0.25");
    assert_has(&page,
               "default/quickstart#0 ⇢ 127.0.0.1:3001        1,234,560       0.0     0.00         2 >99.99 % sending");
    assert_has(&page, "    matched 1,234,567 = sampled out 0 + filtered 0 + dropped 0 + sent 1,234,560 + queued 7\n");
    assert_has(&page, "    sent 1,234,560 = completed 1,234,500 + failed 58 + in flight 2\n");
    assert_has(&page, "    failed: timeout 58\n");
    assert_has(&page, "    last failure: timeout, 3 s ago\n");
    assert_lacks(&page, "apart");
    assert_narrow(&page);
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_long_labels_and_numbers_stay_within_100_columns(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct str route = STR("a-rather-long-namespace/a-route-with-quite-a-long-name#checkout");
    struct registry_mirror *mirror = registry_mirror(registry, route, STR("shop/shop-v2:80"));
    mirror->matched = mirror->sent = 123456789012345;
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        mirror->dropped[i] = 1234567890;
    counter_add(&registry_route(registry, route, STR("shop/shop-v1:80"))->code[100], 123456789012345);
    struct status_source source = {.registry = registry, .now_wall_ns = NOW};
    struct strbuf page = STRBUF_INIT;
    status_text(&source, &page);
    assert_has(&page, "a-rather-long-namespace/a-route-with-quite-a-long-name#checkout ⇢ shop/shop-v2:80\n");
    assert_has(&page, "(moving: the sides are -12345678900 apart)");
    assert_narrow(&page);
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_an_empty_umbra_says_so(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct status_source source = {.registry = registry, .now_wall_ns = NOW};
    struct strbuf page = STRBUF_INIT;
    status_text(&source, &page);
    assert_has(&page, "not ready");
    assert_has(&page, "no gateway");
    assert_has(&page, "no request yet");
    assert_has(&page, "no mirror: nothing is copied");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_json_has_the_full_accounting(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct status_source source = {.registry = registry, .started_wall_ns = NOW - S, .now_wall_ns = NOW};
    struct strbuf page = STRBUF_INIT;
    status_json(&source, &page);
    static const char *const pieces[] = {
        "{\"version\":\"" UMBRA_VERSION "\",\"now\":\"2026-01-31T12:00:01.000Z\",\"uptime_seconds\":1,\"ready\":true,",
        "\"config\":{\"generation\":1,\"errors\":0,\"loads\":0}",
        "\"budget\":{\"used\":1048576,\"limit\":67108864}",
        "\"gateways\":[{\"slot\":0,\"pid\":4242,\"ready\":true,\"draining\":false,\"workers\":2,",
        "\"routes\":[{\"route\":\"default/quickstart#0\",\"backend\":\"127.0.0.1:3000\",\"requests\":1234567,",
        "\"errors\":567,\"error_share\":0.00045927,",
        "\"codes\":{\"200\":1234000,\"502\":567}",
        "\"state\":\"sending\",\"why\":\"\",",
        "\"matched\":1234567,\"sampled_out\":0,\"filtered\":0,\"filtered_by_reason\":{\"off\":0,\"loop\":0,",
        "\"failed\":58,\"failed_by_reason\":{\"connect\":0,\"timeout\":58,",
        "\"equations\":{\"matched\":{\"holds\":true,\"difference\":0},\"sent\":{\"holds\":true,\"difference\":0}}",
        "\"breaker\":{\"state\":\"closed\",\"failures_in_a_row\":0,\"next_probe_ms\":0}",
        "\"last_failure\":{\"reason\":\"timeout\",\"text\":\"timeout\",\"at\":\"2026-01-31T11:59:58.000Z\","
        "\"age_seconds\":3}",
    };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_has(&page, pieces[i]);
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_only_the_route_that_was_asked_for_is_shown(void **state)
{
    (void)state;
    struct registry *registry = running();
    registry_mirror(registry, STR("default/other#0"), SHADOW);
    registry_mirror(registry, ROUTE, STR("127.0.0.1:9"));
    struct status_source source = {
        .registry = registry, .now_wall_ns = NOW, .only_route = ROUTE, .only_mirror = SHADOW};
    struct strbuf page = STRBUF_INIT;
    status_json(&source, &page);
    assert_lacks(&page, "default/other#0");
    assert_lacks(&page, "127.0.0.1:9\"");
    assert_has(&page, "\"mirror\":\"127.0.0.1:3001\"");
    strbuf_deinit(&page);
    registry_close(registry);
}

static void test_a_draining_gateway_is_not_ready(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    struct status_source source = {.registry = registry};
    assert_false(status_totals(&source).is_ready);
    struct registry_gateway *gateway = fixture_gateway(registry, 1);
    assert_true(status_totals(&source).is_ready);
    gateway->is_draining = 1;
    assert_false(status_totals(&source).is_ready);
    fixture_gateway(registry, 2);
    assert_true(status_totals(&source).is_ready);
    source.is_draining = true;
    assert_false(status_totals(&source).is_ready);
    registry_close(registry);
}

static void add_problems(struct problems *problems, size_t count, enum severity severity)
{
    for (size_t i = 0; i < count; i++)
        problems_add_place(problems, severity, STR("rules.yaml"), (uint32_t)i + 1, 3, "number %zu is wrong", i);
}

static void test_errors_of_the_rules_come_first_and_the_rest_is_counted(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct problems problems;
    problems_init(&problems);
    add_problems(&problems, 15, SEVERITY_WARNING);
    add_problems(&problems, 15, SEVERITY_ERROR);
    add_problems(&problems, 2, SEVERITY_NOTE);
    struct status_source source = {.registry = registry, .now_wall_ns = NOW, .config = {.problems = &problems}};
    struct strbuf page = STRBUF_INIT;
    status_text(&source, &page);
    assert_has(&page, "\nPROBLEMS: 15 errors, 15 warnings\n    ERROR rules.yaml:1:3: number 0 is wrong\n");
    assert_has(&page, "    ERROR rules.yaml:15:3: number 14 is wrong\n    warning rules.yaml:1:3: number 0 is wrong\n");
    assert_has(&page, "    warning rules.yaml:5:3: number 4 is wrong\n    and 10 more: --format json\n");
    assert_narrow(&page);
    strbuf_deinit(&page);
    problems_deinit(&problems);
    registry_close(registry);
}

static void test_json_has_problems_and_listeners(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct problems problems;
    problems_init(&problems);
    add_problems(&problems, 1, SEVERITY_ERROR);
    problems.list[0].kind = STR("HTTPRoute");
    problems.list[0].name = STR("shop \"1\"");
    problems.list[0].field = STR("spec.rules[0].name");
    struct status_listener listeners[] = {{.gateway = STR("default/gw"), .name = STR("http"), .routes = 14},
                                          {.gateway = STR("default/gw"), .name = STR("taken")}};
    assert_true(address_parse(STR("[::]:8080"), &listeners[0].address));
    struct status_source source = {
        .registry = registry,
        .now_wall_ns = NOW,
        .config = {.problems = &problems, .listeners = listeners, .listener_count = 2},
    };
    struct strbuf page = STRBUF_INIT;
    status_json(&source, &page);
    assert_has(&page, "\"problems\":[{\"severity\":\"error\",\"file\":\"rules.yaml\",\"line\":1,\"column\":3,\"kind\":"
                      "\"HTTPRoute\",\"namespace\":\"\",\"name\":\"shop \\\"1\\\"\",\"field\":\"spec.rules[0].name\","
                      "\"reason\":\"\",\"message\":\"number 0 is wrong\"}],\"problems_left_out\":0,");
    assert_has(&page,
               "\"listeners\":[{\"gateway\":\"default/gw\",\"name\":\"http\",\"address\":\"[::]:8080\",\"routes\":14},"
               "{\"gateway\":\"default/gw\",\"name\":\"taken\",\"address\":null,\"routes\":0}]");
    strbuf_deinit(&page);
    problems_deinit(&problems);
    registry_close(registry);
}

static void test_a_page_of_json_has_a_bounded_number_of_problems(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct problems problems;
    problems_init(&problems);
    add_problems(&problems, STATUS_MAX_PROBLEMS + 7, SEVERITY_ERROR);
    struct status_source source = {.registry = registry, .now_wall_ns = NOW, .config = {.problems = &problems}};
    struct strbuf page = STRBUF_INIT;
    status_json(&source, &page);
    assert_has(&page, "\"problems_left_out\":7,");
    strbuf_deinit(&page);
    problems_deinit(&problems);
    registry_close(registry);
}

static void test_rules_without_a_listener_are_not_ready(void **state)
{
    (void)state;
    struct registry *registry = running();
    struct status_source source = {.registry = registry, .now_wall_ns = NOW};
    assert_true(status_totals(&source).is_ready);
    source.config.not_ready = "the rules have no listener";
    assert_false(status_totals(&source).is_ready);
    struct strbuf page = STRBUF_INIT;
    status_text(&source, &page);
    assert_has(&page, "not ready");
    assert_has(&page, "\nthe rules have no listener\n");
    strbuf_deinit(&page);
    registry_close(registry);
}

/* A plan of one route with a shadow and its control. */
static const struct plan *plan_with_control(void)
{
    static const struct rule_backend backends[] = {{.label = STR_INIT("127.0.0.1:3000")},
                                                   {.label = STR_INIT("127.0.0.1:3001")},
                                                   {.label = STR_INIT("127.0.0.1:3002")}};
    static const struct rule_match all = {.path_kind = PATH_MATCH_PREFIX, .path = STR_INIT("/")};
    struct rule_mirror mirrors[2];
    for (size_t i = 0; i < 2; i++) {
        rule_mirror_init(&mirrors[i]);
        mirrors[i].backend = i + 1;
        mirrors[i].label = backends[i + 1].label;
        mirrors[i].is_control = i == 1;
    }
    struct rule_route route = {
        .label = ROUTE, .matches = &all, .match_count = 1, .mirrors = mirrors, .mirror_count = 2};
    struct rule_set rules = {.routes = &route, .route_count = 1, .backends = backends, .backend_count = 3};
    struct err err;
    int fd = plan_build(&rules, &err);
    const struct plan *plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!plan)
        fail_msg("%s", err.text);
    close(fd);
    return plan;
}

static void test_a_control_is_shown_as_what_it_is(void **state)
{
    (void)state;
    struct registry *registry = fixture_registry();
    const struct plan *plan = plan_with_control();
    registry_mirror(registry, ROUTE, SHADOW);
    registry_mirror(registry, ROUTE, STR("127.0.0.1:3002"));
    struct status_source source = {.registry = registry, .plan = plan, .now_wall_ns = NOW};
    struct strbuf page = STRBUF_INIT;
    status_json(&source, &page);
    assert_has(&page, "\"mirror\":\"127.0.0.1:3002\",");
    assert_has(&page, "\"control_of\":\"127.0.0.1:3001\"");
    strbuf_clear(&page);
    status_text(&source, &page);
    assert_has(&page, "127.0.0.1:3002");
    assert_has(&page, "    control of 127.0.0.1:3001: what differs between live and it is noise\n");
    assert_narrow(&page);
    strbuf_clear(&page);
    source.only_mirror = SHADOW;
    status_text(&source, &page);
    assert_lacks(&page, "control of");
    strbuf_deinit(&page);
    plan_unmap(plan);
    registry_close(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sentence_says_why_copies_are_not_sent),
        cmocka_unit_test(test_losses_are_judged_by_the_last_second_while_requests_come),
        cmocka_unit_test(test_quantiles_are_linear_within_a_bucket),
        cmocka_unit_test(test_it_says_whether_answers_are_compared),
        cmocka_unit_test(test_the_table_shows_everything_in_100_columns),
        cmocka_unit_test(test_long_labels_and_numbers_stay_within_100_columns),
        cmocka_unit_test(test_an_empty_umbra_says_so),
        cmocka_unit_test(test_json_has_the_full_accounting),
        cmocka_unit_test(test_only_the_route_that_was_asked_for_is_shown),
        cmocka_unit_test(test_a_draining_gateway_is_not_ready),
        cmocka_unit_test(test_errors_of_the_rules_come_first_and_the_rest_is_counted),
        cmocka_unit_test(test_json_has_problems_and_listeners),
        cmocka_unit_test(test_a_page_of_json_has_a_bounded_number_of_problems),
        cmocka_unit_test(test_rules_without_a_listener_are_not_ready),
        cmocka_unit_test(test_a_control_is_shown_as_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
