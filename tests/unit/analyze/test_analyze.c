/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/analyze.h"
#include "base/mem.h"
#include "http/grpc.h"
#include "legs_fixture.h"
#include "plan_text.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGIN_NS 1790000000000000000ull
#define SECOND_NS 1000000000ull

struct play {
    char directory[64]; /* of the store; empty: in memory */
    struct store *store;
    struct registry *registry;
    struct analyze *analyze;
    uint64_t now_ns, wall_ns, next_id, last_event;
    struct analyze_answer answer;
};

static void play_start(struct play *play)
{
    struct err note;
    play->store = store_open(&(struct store_options){.directory = play->directory[0] ? play->directory : NULL}, &note);
    assert_non_null(play->store);
    play->analyze = analyze_new(&(struct analyze_options){.store = play->store,
                                                          .registry = play->registry,
                                                          .memory_bytes = 64 << 20,
                                                          .pair_deadline_ms = 60000,
                                                          .is_full_by_default = true});
    (void)analyze_tick(play->analyze, play->now_ns, play->wall_ns);
}

static void play_stop(struct play *play)
{
    analyze_free(play->analyze);
    store_close(play->store);
    play->analyze = NULL;
}

static int begin(void **state)
{
    static struct play play;
    play = (struct play){.now_ns = SECOND_NS, .wall_ns = BEGIN_NS};
    play_start(&play);
    *state = &play;
    return 0;
}

static int end(void **state)
{
    struct play *play = *state;
    play_stop(play);
    strbuf_deinit(&play->answer.body);
    if (play->registry)
        registry_close(play->registry);
    return 0;
}

static bool tick(struct play *play, uint64_t ms)
{
    play->now_ns += ms * 1000000;
    play->wall_ns += ms * 1000000;
    return analyze_tick(play->analyze, play->now_ns, play->wall_ns);
}

static void add(struct play *play, const struct leg_text *text)
{
    struct strbuf record = STRBUF_INIT;
    for (unsigned part = 0; part <= text->body_parts; part++) {
        leg_text_write(text, part, &record);
        assert_int_equal(analyze_record(play->analyze, 0, strbuf_str(&record)), ANALYZE_OK);
    }
    strbuf_deinit(&record);
}

/* Live and shadow of the next exchange. */
static void pair(struct play *play, struct leg_text live, struct leg_text shadow)
{
    live.leg = LEG_LIVE;
    shadow.leg = LEG_SHADOW;
    live.id = shadow.id = play->next_id++;
    live.copies = 1;
    shadow.leg_id = 1;
    live.wall_ns = shadow.wall_ns = play->wall_ns;
    add(play, &live);
    add(play, &shadow);
}

static const char *ask(struct play *play, const char *path, const char *query)
{
    strbuf_deinit(&play->answer.body);
    analyze_ask(play->analyze, str_from_c(path), str_from_c(query), play->wall_ns, &play->answer);
    strbuf_add(&play->answer.body, STR(""));
    return play->answer.body.ptr ? play->answer.body.ptr : "";
}

/* Without blanks, so that it does not matter how JSON is laid out. */
static void expect_in(const char *text, const char *wanted)
{
    size_t len = strlen(text);
    char *plain = mem_alloc(len + 1), *out = plain;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ')
            *out++ = text[i];
    }
    if (!strstr(plain, wanted))
        fail_msg("no %s in %s", wanted, text);
    mem_free(plain);
}

static void test_equal_answers_are_counted_as_the_same(void **state)
{
    struct play *play = *state;
    for (unsigned i = 0; i < 300; i++) {
        struct leg_text leg = {.body = "{\"price\":1}", .target = "/items/17"};
        pair(play, leg, leg);
    }
    const char *verdict = ask(play, "/api/verdict", "");
    assert_int_equal(play->answer.status, 200);
    expect_in(verdict, "\"route\":\"r\",\"mirror\":\"m\"");
    expect_in(verdict, "\"pairs\":300,");
    expect_in(verdict, "\"compared\":300,\"same\":300,");
    expect_in(verdict, "\"delivery\":{\"attempted\":300,\"shadow_failed\":0,\"lost\":0}");
    expect_in(verdict, "\"revision\":{\"live\":\"1\",\"shadow\":\"1\"}");
}

static void play_price_fault(struct play *play, unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        char target[32];
        (void)snprintf(target, sizeof(target), "/items/%u?page=1", i);
        struct leg_text live = {.body = "{\"name\":\"a\",\"price\":17}", .target = target}, shadow = live;
        if (i % 20 == 0)
            shadow.body = "{\"name\":\"a\",\"price\":18}";
        pair(play, live, shadow);
    }
}

static void id_of_first(const char *text, char id[17])
{
    const char *at = strstr(text, "\"id\"");
    assert_non_null(at);
    at = strchr(at + 4, '"');
    assert_non_null(at);
    memcpy(id, at + 1, 16);
    id[16] = '\0';
}

static void test_a_difference_becomes_a_finding_with_samples(void **state)
{
    struct play *play = *state;
    play_price_fault(play, 1000);
    expect_in(ask(play, "/api/verdict", "route=r&mirror=m"), "\"verdict\":\"FAIL\"");
    const char *findings = ask(play, "/api/findings", "kind=difference");
    expect_in(findings, "\"endpoint\":\"GET/items/{id}\",\"field\":\"body.$.price\"");
    expect_in(findings, "\"count\":50,");
    char path[64] = "/api/findings/", id[17];
    id_of_first(findings, id);
    memcpy(path + strlen(path), id, sizeof(id));
    const char *one = ask(play, path, "");
    assert_int_equal(play->answer.status, 200);
    expect_in(one, "\"samples\":[{\"at\":\"");
    expect_in(one, "\"request\":{\"method\":\"GET\",\"target\":\"/items/");
    expect_in(one, "\"headers\":[[\"content-type\",\"application/json\"]");
    expect_in(one, "\\\"price\\\"");
}

/* The events since the last call; empty: none. The caller's to free. */
static char *take_events(struct play *play)
{
    struct strbuf text = STRBUF_INIT;
    (void)analyze_events(play->analyze, &play->last_event, &text);
    strbuf_add(&text, STR(""));
    return strbuf_take(&text);
}

static void expect_event(struct play *play, const char *wanted)
{
    char *events = take_events(play);
    expect_in(events, wanted);
    mem_free(events);
}

static void expect_no_event(struct play *play)
{
    char *events = take_events(play);
    assert_string_equal(events, "");
    mem_free(events);
}

static void play_pairs(struct play *play, unsigned count, bool is_faulty)
{
    for (unsigned i = 0; i < count; i++) {
        struct leg_text live = {.body = "{\"price\":17}"}, shadow = live;
        if (is_faulty)
            shadow.body = "{\"price\":18}";
        pair(play, live, shadow);
    }
}

static void test_a_group_is_judged_when_it_has_grown_by_a_quarter(void **state)
{
    struct play *play = *state;
    play_pairs(play, 200, false);
    (void)tick(play, 100);
    expect_event(play, "\"verdict\":\"PASS\"");
    play_pairs(play, 40, true);
    (void)tick(play, 2000);
    expect_no_event(play);
    play_pairs(play, 20, true);
    (void)tick(play, 100);
    expect_event(play, "\"verdict\":\"FAIL\"");
}

static void test_a_group_that_grows_little_is_judged_after_some_seconds(void **state)
{
    struct play *play = *state;
    play_pairs(play, 200, false);
    (void)tick(play, 100);
    expect_event(play, "\"verdict\":\"PASS\"");
    play_pairs(play, 40, true);
    (void)tick(play, 2000);
    expect_no_event(play);
    (void)tick(play, 5000);
    expect_event(play, "\"verdict\":\"FAIL\"");
}

static void test_who_asks_gets_the_verdict_as_of_now(void **state)
{
    struct play *play = *state;
    play_pairs(play, 200, false);
    (void)tick(play, 100);
    play_pairs(play, 20, true);
    expect_in(ask(play, "/api/verdict", ""), "\"verdict\":\"FAIL\"");
    play_pairs(play, 20, true);
    expect_in(ask(play, "/api/findings", ""), "\"count\":40,");
    play_pairs(play, 20, true);
    struct strbuf metrics = STRBUF_INIT;
    analyze_metrics(play->analyze, &metrics);
    assert_non_null(strstr(metrics.ptr, "result=\"different\"} 60\n"));
    strbuf_deinit(&metrics);
}

static void test_a_mirror_without_pairs_is_insufficient(void **state)
{
    struct play *play = *state;
    static const char *const live[] = {"1", NULL};
    struct plan_text plan;
    plan_text_init(
        &plan, "r", live,
        (struct plan_text_mirror[]){{"m", "2", false, true, -1}, {"off", "1", false, false, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    const char *verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"mirror\":\"m\",\"verdict\":\"INSUFFICIENT\",\"reasons\":[\"");
    assert_null(strstr(verdict, "off"));
    expect_in(ask(play, "/api/tallies", ""), "{\"tallies\":[{");
}

static void test_a_new_revision_starts_anew(void **state)
{
    struct play *play = *state;
    static const char *const one[] = {"1", NULL}, *const two[] = {"1", "1b", NULL};
    struct plan_text plan;
    plan_text_init(&plan, "r", one, (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    play_price_fault(play, 1000);
    expect_in(ask(play, "/api/verdict", ""), "\"verdict\":\"FAIL\"");
    plan_text_init(&plan, "r", two, (struct plan_text_mirror[]){{"m", "2", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    const char *verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"verdict\":\"INSUFFICIENT\"");
    expect_in(verdict, "\"revision\":{\"live\":\"1+1b\",\"shadow\":\"2\"},\"pairs\":0,");
    struct leg_text live = {.body = "{}"}, shadow = {.body = "{}", .revision = "2"};
    pair(play, live, shadow);
    live.revision = "1b";
    pair(play, live, shadow);
    shadow.revision = "1"; /* late */
    pair(play, live, shadow);
    expect_in(ask(play, "/api/verdict", ""), "\"pairs\":2,");
    /* Back again: what is known of the first revisions counts again. */
    plan_text_init(&plan, "r", one, (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    live.revision = "1";
    pair(play, live, shadow);
    expect_in(ask(play, "/api/verdict", ""), "\"revision\":{\"live\":\"1\",\"shadow\":\"1\"},\"pairs\":1,");
}

static void test_other_rules_of_comparing_start_anew(void **state)
{
    struct play *play = *state;
    static const char *const one[] = {"1", NULL};
    struct plan_text plan;
    plan_text_init(&plan, "r", one, (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    play_price_fault(play, 1000);
    plan.comparison.ignored_paths = plan_text_list(&plan, "$.price");
    tick(play, 1000);
    analyze_set_plan(play->analyze, &plan.plan);
    play_price_fault(play, 500);
    const char *verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"pairs\":500,");
    expect_in(verdict, "\"same\":500,");
    /* Thresholds are only how the same counts are judged. */
    plan.comparison.min_pairs = 10000;
    analyze_set_plan(play->analyze, &plan.plan);
    verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"pairs\":500,");
    expect_in(verdict, "\"verdict\":\"INSUFFICIENT\"");
}

static void test_what_legs_without_an_answer_say(void **state)
{
    struct play *play = *state;
    struct leg_text good = {.body = "{}"};
    struct leg_text reset = {.outcome = OUTCOME_FAILED, .reason = FAILED_RESET};
    struct leg_text lag = {.outcome = OUTCOME_FAILED, .reason = FAILED_LAG};
    struct leg_text aborted = {.outcome = OUTCOME_ABORTED};
    struct leg_text lost = {.outcome = OUTCOME_LOST};
    for (unsigned i = 0; i < 100; i++)
        pair(play, good, good);
    pair(play, good, reset);
    pair(play, reset, good); /* nothing against the shadow */
    pair(play, reset, reset);
    pair(play, good, aborted); /* left out */
    pair(play, aborted, good);
    pair(play, good, lost);
    pair(play, good, lag);
    const char *verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"shadow_failed\":1,\"lost\":1}");
    expect_in(verdict, "\"attempted\":106,");
    expect_in(verdict, "\"pairs\":10");
}

static void test_copies_whose_partner_does_not_come_are_unpaired(void **state)
{
    struct play *play = *state;
    struct leg_text leg = {.body = "{}"};
    pair(play, leg, leg);
    add(play, &(struct leg_text){.leg = LEG_LIVE, .id = 1000, .copies = 1});
    add(play, &(struct leg_text){.leg = LEG_SHADOW, .id = 1001, .leg_id = 1});
    (void)tick(play, 61000);
    expect_in(ask(play, "/api/verdict", ""), "\"pairs\":1,\"unpaired\":2,");
}

static void test_control_says_what_is_noise(void **state)
{
    struct play *play = *state;
    static const char *const live[] = {"1", NULL};
    struct plan_text plan;
    plan_text_init(&plan, "r", live, (struct plan_text_mirror[]){{"m", "1", true, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    for (unsigned i = 0; i < 400; i++) {
        char bodies[3][64];
        for (unsigned leg = 0; leg < 3; leg++)
            (void)snprintf(bodies[leg], sizeof(bodies[leg]), "{\"nonce\":\"%08x\",\"price\":5}",
                           (i * 3 + leg) * 2654435761u);
        struct leg_text text = {.id = i, .copies = 2, .body = bodies[0], .wall_ns = play->wall_ns};
        add(play, &text);
        text.leg = i % 2 ? LEG_SHADOW : LEG_CONTROL;
        text.leg_id = 1;
        text.body = bodies[1];
        add(play, &text);
        text.leg = i % 2 ? LEG_CONTROL : LEG_SHADOW;
        text.body = bodies[2];
        add(play, &text);
    }
    const char *verdict = ask(play, "/api/verdict", "");
    expect_in(verdict, "\"pairs\":400,");
    expect_in(verdict, "\"noise\":400,\"different\":0}");
    expect_in(ask(play, "/api/findings", "kind=difference"), "{\"findings\":[]");
}

static void test_calls_without_a_status_are_errors(void **state)
{
    struct play *play = *state;
    for (unsigned i = 0; i < 400; i++) {
        struct leg_text live = {.request_header = "content-type: application/grpc+proto",
                                .content_type = "application/grpc",
                                .method = "POST",
                                .target = "/shop.Shop/Buy",
                                .grpc_status = 5 /* NOT_FOUND */};
        struct leg_text shadow = live;
        shadow.grpc_status = GRPC_NONE;
        pair(play, live, shadow);
    }
    expect_in(ask(play, "/api/findings", ""), "/shop.Shop/Buy\",\"field\":\"grpc-status\"");
}

static void make_directory(struct play *play)
{
    (void)snprintf(play->directory, sizeof(play->directory), "/tmp/test-analyze-XXXXXX");
    assert_non_null(mkdtemp(play->directory));
    play_stop(play);
    play_start(play);
}

static void remove_directory(struct play *play)
{
    char command[128];
    play_stop(play);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", play->directory);
    assert_int_equal(system(command), 0);
    play->directory[0] = '\0';
    play_start(play);
}

static void test_a_restart_goes_on_where_it_was(void **state)
{
    struct play *play = *state;
    char first[17], second[17];
    make_directory(play);
    play_price_fault(play, 1000);
    id_of_first(ask(play, "/api/findings", ""), first);
    (void)tick(play, 100);
    assert_false(tick(play, 100)); /* not in the store yet */
    assert_true(tick(play, 3000)); /* nothing came for a while */
    assert_true(tick(play, 100));
    play_stop(play);
    play_start(play);
    static const char *const live[] = {"1", NULL};
    struct plan_text plan;
    plan_text_init(&plan, "r", live, (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    expect_in(ask(play, "/api/verdict", ""), "\"pairs\":1000,");
    play_price_fault(play, 1000);
    expect_in(ask(play, "/api/verdict", ""), "\"pairs\":2000,");
    const char *findings = ask(play, "/api/findings", "");
    id_of_first(findings, second);
    assert_string_equal(first, second);
    expect_in(findings, "\"count\":100,");
    /* What was known before is no event. */
    uint64_t last = 0;
    struct strbuf events = STRBUF_INIT;
    if (analyze_events(play->analyze, &last, &events))
        assert_null(strstr(events.ptr, "event: finding"));
    strbuf_deinit(&events);
    remove_directory(play);
}

static void test_since_leaves_out_what_is_older(void **state)
{
    struct play *play = *state;
    char query[64];
    play_price_fault(play, 100);
    (void)tick(play, 3000);
    (void)tick(play, 3600000);
    play_price_fault(play, 60);
    expect_in(ask(play, "/api/verdict", "since=10m"), "\"pairs\":60,");
    expect_in(ask(play, "/api/verdict", "since=2h"), "\"pairs\":160,");
    expect_in(ask(play, "/api/tallies", "since=10m"), "{\"tallies\":[{");
    (void)snprintf(query, sizeof(query), "since=2026-09-21T14:%%31:00Z");
    (void)ask(play, "/api/verdict", query);
    assert_int_equal(play->answer.status, 400);
    expect_in(ask(play, "/api/verdict", "since=2026-01-01T00:00:00.5%2B02:00"), "\"pairs\":160,");
    expect_in(ask(play, "/api/verdict", "since=2036-01-01T00:00:00Z"), "\"pairs\":0,");
}

static void test_what_a_page_does_not_know_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *path, *query;
        int status;
    } cases[] = {
        {"/api/verdict", "", 200},
        {"/api/verdict", "since=yesterday", 400},
        {"/api/verdict", "kind=load", 400},
        {"/api/verdict", "route=%zz", 400},
        {"/api/verdict", "route=a&route=b", 400},
        {"/api/verdict", "&&route=a&", 200},
        {"/api/verdict", "=", 400},
        {"/api/findings", "kind=load&limit=1000", 200},
        {"/api/findings", "kind=fault", 400},
        {"/api/findings", "limit=0", 400},
        {"/api/findings", "limit=1001", 400},
        {"/api/findings", "after=zzz", 400},
        {"/api/findings/0123456789abcdef", "", 404},
        {"/api/findings/", "", 404},
        {"/api/findings/0123456789abcdef", "route=a", 400},
        {"/api/services", "", 200},
        {"/api/services", "mirror=a", 400},
        {"/api/tallies", "", 200},
        {"/api", "", 404},
        {"/api/verdict/", "", 404},
    };
    struct play *play = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = ask(play, cases[i].path, cases[i].query);
        if (play->answer.status != cases[i].status)
            fail_msg("%s?%s: %d: %s", cases[i].path, cases[i].query, play->answer.status, text);
        assert_true(strlen(text) > 10);
    }
}

static void test_labels_are_decoded(void **state)
{
    struct play *play = *state;
    struct leg_text leg = {.route = "default/shop#0", .mirror = "default/shop-v2:80|a+b"};
    pair(play, leg, leg);
    expect_in(ask(play, "/api/verdict", "route=default%2Fshop%230&mirror=default/shop-v2:80%7Ca+b"), "\"pairs\":1,");
    expect_in(ask(play, "/api/verdict", "route=default/shop"), "{\"verdicts\":[]}");
}

static void test_findings_come_in_pages(void **state)
{
    struct play *play = *state;
    char live[512] = "{", shadow[512] = "{";
    for (unsigned i = 0; i < 12; i++) {
        size_t at = strlen(live);
        (void)snprintf(live + at, sizeof(live) - at, "%s\"f%u\":\"red\"", i > 0 ? "," : "", i);
        (void)snprintf(shadow + at, sizeof(shadow) - at, "%s\"f%u\":\"tan\"", i > 0 ? "," : "", i);
    }
    size_t at = strlen(live);
    live[at] = shadow[at] = '}';
    for (unsigned i = 0; i < 500; i++)
        pair(play, (struct leg_text){.body = live}, (struct leg_text){.body = i % 4 ? live : shadow});
    (void)tick(play, 1000);
    unsigned found = 0;
    char query[96] = "kind=difference&limit=5";
    for (unsigned page = 0; page < 5; page++) {
        const char *text = ask(play, "/api/findings", query), *next = strstr(text, "\"next\":\"");
        for (const char *id = strstr(text, "\"id\""); id; id = strstr(id + 1, "\"id\""))
            found++;
        if (!next)
            break;
        (void)snprintf(query, sizeof(query), "kind=difference&limit=5&after=%.*s", (int)strcspn(next + 8, "\""),
                       next + 8);
    }
    assert_int_equal(found, 12);
}

static void test_events_tell_what_is_new_once(void **state)
{
    struct play *play = *state;
    uint64_t last = 0;
    struct strbuf events = STRBUF_INIT;
    assert_false(analyze_events(play->analyze, &last, &events));
    play_price_fault(play, 1000);
    (void)tick(play, 100);
    assert_true(analyze_events(play->analyze, &last, &events));
    expect_in(events.ptr, "event:finding\ndata:{\"id\":");
    expect_in(events.ptr, "event:verdict\ndata:{\"route\":\"r\",\"mirror\":\"m\",\"verdict\":\"FAIL\"");
    assert_false(analyze_events(play->analyze, &last, &events));
    play_price_fault(play, 1000);
    (void)tick(play, 2000);
    assert_false(analyze_events(play->analyze, &last, &events));
    last = 0;
    assert_true(analyze_events(play->analyze, &last, &events));
    strbuf_deinit(&events);
}

static void test_services_have_figures_of_the_last_minute(void **state)
{
    struct play *play = *state;
    for (unsigned i = 0; i < 600; i++) {
        struct leg_text live = {.ms = 20, .backend = "shop-v1"}, shadow = {.ms = 40, .backend = "shop-v2"};
        shadow.status = i % 10 == 0 ? 500 : 200;
        pair(play, live, shadow);
        (void)tick(play, 100);
    }
    const char *services = ask(play, "/api/services", "route=r");
    expect_in(services, "\"backend\":\"shop-v1\",\"role\":\"live\",\"endpoint\":\"GET/\"");
    expect_in(services, "\"backend\":\"shop-v2\",\"role\":\"shadow\",\"endpoint\":\"GET/\"");
    const char *live = strstr(services, "\"live\""), *shadow = strstr(services, "\"shadow\"");
    double rate, errors, p50;
    assert_int_equal(
        sscanf(strstr(live, "\"rate\""), "\"rate\":%lf,\"errors\":%lf,\"p50_ms\":%lf", &rate, &errors, &p50), 3);
    assert_true(rate > 9 && rate < 11 && errors < 0.0001 && p50 > 18 && p50 < 22);
    assert_int_equal(
        sscanf(strstr(shadow, "\"rate\""), "\"rate\":%lf,\"errors\":%lf,\"p50_ms\":%lf", &rate, &errors, &p50), 3);
    assert_true(rate > 9 && rate < 11 && errors > 0.09 && errors < 0.11 && p50 > 36 && p50 < 44);
    (void)tick(play, 120000);
    expect_in(ask(play, "/api/services", ""), "\"rate\":0.000,");
}

static void test_the_accounting_says_what_was_lost(void **state)
{
    struct play *play = *state;
    int fd;
    struct err err;
    play_stop(play);
    play->registry = registry_new(&fd, &err);
    assert_non_null(play->registry);
    close(fd);
    struct registry_mirror *before = registry_mirror(play->registry, STR("r"), STR("m"));
    counter_add(&before->matched, 5000);
    counter_add(&before->dropped[DROPPED_BUDGET], 4000);
    play_start(play);
    static const char *const live[] = {"1", NULL};
    struct plan_text plan;
    plan_text_init(
        &plan, "r", live,
        (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {"n", "1", false, true, -1}, {.label = NULL}});
    analyze_set_plan(play->analyze, &plan.plan);
    counter_add(&before->matched, 1000);
    counter_add(&before->sampled_out, 100);
    counter_add(&before->filtered[FILTERED_METHOD], 50);
    counter_add(&before->dropped[DROPPED_BREAKER], 30);
    counter_add(&before->dropped[DROPPED_NO_ENDPOINT], 10);
    counter_add(&before->dropped[DROPPED_CLIENT_ABORT], 5);
    counter_add(&before->failed[FAILED_CLIENT_ABORT], 5);
    counter_add(&before->dropped[DROPPED_SHED], 7);
    counter_add(&before->failed[FAILED_LAG], 3);
    struct registry_mirror *later = registry_mirror(play->registry, STR("r"), STR("n"));
    counter_add(&later->matched, 200);
    (void)tick(play, 1000);
    const char *verdict = ask(play, "/api/verdict", "mirror=m");
    expect_in(verdict, "\"attempted\":840,\"shadow_failed\":40,\"lost\":10}");
    expect_in(ask(play, "/api/verdict", "mirror=n"), "\"attempted\":200,\"shadow_failed\":0,\"lost\":0}");
    /* Copies without a record, of which it is not known whose they are, are shared out. */
    counter_add(&registry_totals(play->registry)->copies_unrecorded, 100);
    counter_add(&before->matched, 80);
    counter_add(&later->matched, 20);
    (void)tick(play, 1000);
    expect_in(ask(play, "/api/verdict", "mirror=m"), "\"attempted\":920,\"shadow_failed\":40,\"lost\":90}");
    expect_in(ask(play, "/api/verdict", "mirror=n"), "\"attempted\":220,\"shadow_failed\":0,\"lost\":20}");
}

static void test_secrets_are_nowhere(void **state)
{
    struct play *play = *state;
    static const char *const live_revisions[] = {"1", NULL};
    static const char *const samples[] = {"full", "fields", "none"};
    make_directory(play);
    for (unsigned mode = KEEP_NONE; mode <= KEEP_FULL; mode++) {
        struct plan_text plan;
        plan_text_init(&plan, samples[mode], live_revisions,
                       (struct plan_text_mirror[]){{"m", "1", false, true, -1}, {.label = NULL}});
        plan.comparison.samples = mode;
        plan.comparison.redacted_headers = plan_text_list(&plan, "x-secret");
        plan.comparison.redacted_query = plan_text_list(&plan, "token");
        plan.comparison.redacted_paths = plan_text_list(&plan, "$.card");
        analyze_set_plan(play->analyze, &plan.plan);
        for (unsigned i = 0; i < 500; i++) {
            static const char *const headers[] = {"authorization: Bearer CANARY-1", "cookie: session=CANARY-2",
                                                  "x-api-key: CANARY-3", "x-secret: CANARY-4"};
            struct leg_text live = {.route = samples[mode],
                                    .target = "/pay?token=CANARY-5&page=1",
                                    .request_header = headers[i % 4],
                                    .header = i % 2 ? "set-cookie: s=CANARY-6" : "x-secret: CANARY-7",
                                    .request_body = "{\"card\":\"CANARY-8\"}",
                                    .body = "{\"card\":\"CANARY-9\",\"sum\":1}"};
            struct leg_text shadow = live;
            shadow.header = i % 2 ? "set-cookie: t=CANARY-10" : "x-secret: CANARY-11";
            shadow.body = "{\"card\":\"CANARY-12\",\"sum\":2}";
            pair(play, live, shadow);
            if (i % 50 == 0)
                (void)tick(play, 1000);
        }
        (void)tick(play, 5000);
        static const char *const pages[] = {"/api/verdict", "/api/tallies", "/api/findings", "/api/services"};
        for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
            assert_null(strstr(ask(play, pages[i], ""), "CANARY"));
        char id[17], path[64];
        const char *findings = ask(play, "/api/findings", "kind=difference");
        expect_in(findings, "\"field\":\"body.$.sum\"");
        for (unsigned i = 0; i < 10 && (findings = strstr(findings, "\"id\"")); i++) {
            id_of_first(findings, id);
            (void)snprintf(path, sizeof(path), "/api/findings/%s", id);
            const char *one = ask(play, path, "");
            assert_null(strstr(one, "CANARY"));
            if (mode == KEEP_NONE)
                expect_in(one, "\"samples\":[]");
            else
                expect_in(one, "\"samples\":[{");
            findings = strstr(ask(play, "/api/findings", "kind=difference"), id);
        }
    }
    uint64_t last = 0;
    struct strbuf events = STRBUF_INIT;
    assert_true(analyze_events(play->analyze, &last, &events));
    assert_null(strstr(events.ptr, "CANARY"));
    strbuf_deinit(&events);
    char command[160];
    play_stop(play);
    (void)snprintf(command, sizeof(command), "grep -rqa CANARY '%s'", play->directory);
    assert_int_not_equal(system(command), 0);
    play_start(play);
    remove_directory(play);
}

static void test_memory_stays_flat(void **state)
{
    struct play *play = *state;
    size_t after_first = 0;
    for (unsigned round = 0; round < 4; round++) {
        play_price_fault(play, 50000);
        (void)tick(play, 1000);
        (void)ask(play, "/api/verdict", "");
        if (round == 0)
            after_first = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks < after_first + (4 << 20));
}

static void test_metrics_are_there(void **state)
{
    struct play *play = *state;
    struct strbuf out = STRBUF_INIT;
    play_price_fault(play, 200);
    (void)tick(play, 1000);
    analyze_metrics(play->analyze, &out);
    expect_in(out.ptr, "umbra_verdict{");
    expect_in(out.ptr, "umbra_analyst_pairs_total200\n");
    strbuf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_answers_are_counted_as_the_same, begin, end),
        cmocka_unit_test_setup_teardown(test_a_difference_becomes_a_finding_with_samples, begin, end),
        cmocka_unit_test_setup_teardown(test_a_mirror_without_pairs_is_insufficient, begin, end),
        cmocka_unit_test_setup_teardown(test_a_new_revision_starts_anew, begin, end),
        cmocka_unit_test_setup_teardown(test_other_rules_of_comparing_start_anew, begin, end),
        cmocka_unit_test_setup_teardown(test_what_legs_without_an_answer_say, begin, end),
        cmocka_unit_test_setup_teardown(test_copies_whose_partner_does_not_come_are_unpaired, begin, end),
        cmocka_unit_test_setup_teardown(test_control_says_what_is_noise, begin, end),
        cmocka_unit_test_setup_teardown(test_calls_without_a_status_are_errors, begin, end),
        cmocka_unit_test_setup_teardown(test_a_restart_goes_on_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(test_since_leaves_out_what_is_older, begin, end),
        cmocka_unit_test_setup_teardown(test_what_a_page_does_not_know_is_refused_with_a_sentence, begin, end),
        cmocka_unit_test_setup_teardown(test_labels_are_decoded, begin, end),
        cmocka_unit_test_setup_teardown(test_findings_come_in_pages, begin, end),
        cmocka_unit_test_setup_teardown(test_a_group_is_judged_when_it_has_grown_by_a_quarter, begin, end),
        cmocka_unit_test_setup_teardown(test_a_group_that_grows_little_is_judged_after_some_seconds, begin, end),
        cmocka_unit_test_setup_teardown(test_who_asks_gets_the_verdict_as_of_now, begin, end),
        cmocka_unit_test_setup_teardown(test_events_tell_what_is_new_once, begin, end),
        cmocka_unit_test_setup_teardown(test_services_have_figures_of_the_last_minute, begin, end),
        cmocka_unit_test_setup_teardown(test_the_accounting_says_what_was_lost, begin, end),
        cmocka_unit_test_setup_teardown(test_secrets_are_nowhere, begin, end),
        cmocka_unit_test_setup_teardown(test_memory_stays_flat, begin, end),
        cmocka_unit_test_setup_teardown(test_metrics_are_there, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
