/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include "base/mem.h"
#include "manifest/manifests.h"
#include "play.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH "/apis/x.test/v1/things"
#define LIST "GET " PATH "?limit=500"
#define WATCH "GET " PATH "?watch=1&allowWatchBookmarks=true&timeoutSeconds="
#define SECONDS 1000

struct table {
    struct play *play;
    struct kube_watch *watch;
    unsigned changes;
};

static void on_change(struct kube_watch *watch, void *user)
{
    (void)watch;
    ((struct table *)user)->changes++;
}

static const struct kube_watch_ops ops = {"test", on_change};

static int setup(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    table->play = play_open(NULL);
    const struct kube_watch_spec spec = {
        .path = STR(PATH), .api_version = STR("x.test/v1"), .kind = STR("Thing"), .ops = &ops, .user = table};
    table->watch = kube_watch_new(table->play->client, &spec);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    struct table *table = *state;
    kube_watch_free(table->watch);
    play_close(table->play);
    mem_free(table);
    return 0;
}

/* ---- what the server says ---- */

#define META(name, version) \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"u-" name \
    "\",\"resourceVersion\":\"" version "\"},\"spec\":{\"a\":[1,2,{\"b\":\"}\\\"]\"}]}}"
#define PAGE(items, version, token) \
    "{\"kind\":\"ThingList\",\"apiVersion\":\"x.test/v1\",\"metadata\":{\"resourceVersion\":\"" version \
    "\",\"continue\":\"" token "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", "{\"kind\":\"Thing\",\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define STATUS(reason, code) \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"so it " \
    "\\\"is\\\"\"," \
    "\"reason\":\"" reason "\",\"code\":" code "}"

static void assert_version(struct table *table, const char *name, const char *version)
{
    const struct kube_object *object = kube_watch_find(table->watch, STR("shop"), str_from_c(name));
    assert_non_null(object);
    assert_true(str_eq(object->version, str_from_c(version)));
}

static void assert_names(struct table *table, const char *names)
{
    struct strbuf found = STRBUF_INIT;
    for (size_t i = 0; i < kube_watch_count(table->watch); i++)
        strbuf_printf(&found, "%s%.*s", i ? " " : "", STR_ARG(kube_watch_at(table->watch, i)->name));
    assert_string_equal(found.ptr ? found.ptr : "", names);
    strbuf_deinit(&found);
}

static void assert_state(struct table *table, enum kube_watch_state state)
{
    assert_int_equal(kube_watch_state(table->watch), state);
    assert_true((kube_watch_problem(table->watch) == NULL) == (state == KUBE_WATCH_SYNCED));
}

/* Listed with these, and a watch that has begun from version 10. */
static struct ask *sync_with(struct table *table, const char *page)
{
    play_answer(play_expect(table->play, LIST " "), 200, page);
    struct ask *ask = play_expect(table->play, WATCH);
    assert_true(ask_line_has(ask, "&resourceVersion=10 "));
    play_begin(ask);
    assert_state(table, KUBE_WATCH_SYNCED);
    return ask;
}

static struct ask *follow(struct table *table)
{
    return sync_with(table, PAGE(META("a", "1") "," META("b", "2"), "10", ""));
}

/* ---- in order ---- */

static void test_objects_are_listed_in_pages_then_watched(void **state)
{
    struct table *table = *state;
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STARTING);
    play_answer(play_expect(table->play, LIST " "), 200, PAGE(META("b", "2"), "10", "more/="));
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STARTING);
    assert_int_equal(table->changes, 0);
    play_answer(play_expect(table->play, LIST "&continue=more%2F%3D "), 200, PAGE(META("a", "1"), "10", ""));
    assert_state(table, KUBE_WATCH_SYNCED);
    assert_int_equal(table->changes, 1);
    assert_names(table, "a b");
    struct ask *ask = play_expect(table->play, WATCH);
    assert_true(ask_line_has(ask, "&resourceVersion=10 "));
    assert_true(str_eq(ask_field(ask, "Authorization"), STR("Bearer " PLAY_TOKEN)));
    assert_true(str_eq(ask_field(ask, "Host"), STR(PLAY_HOST ":6443")));
    assert_true(str_eq(ask_field(ask, "Accept"), STR("application/json")));
}

static void test_objects_are_given_api_version_and_kind(void **state)
{
    struct table *table = *state;
    (void)sync_with(
        table,
        PAGE(META("a", "1") ",{\"kind\":\"K\",\"apiVersion\":\"y/v2\",\"metadata\":{\"name\":\"z\"}}", "10", ""));
    struct str json = kube_watch_find(table->watch, STR("shop"), STR("a"))->json;
    assert_true(str_starts_with(json, STR("{\"apiVersion\":\"x.test/v1\",\"kind\":\"Thing\",\"metadata\":{")));
    json = kube_watch_find(table->watch, STR(""), STR("z"))->json;
    assert_true(str_eq(json, STR("{\"kind\":\"K\",\"apiVersion\":\"y/v2\",\"metadata\":{\"name\":\"z\"}}")));
}

static void test_events_change_objects(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    table->changes = 0;
    play_send(ask, EVENT("ADDED", META("c", "11")) EVENT("MODIFIED", META("a", "12")));
    assert_int_equal(table->changes, 1);
    assert_names(table, "a b c");
    assert_version(table, "a", "12");
    play_send(ask, EVENT("DELETED", META("b", "13")));
    assert_names(table, "a c");
    assert_int_equal(table->changes, 2);
    play_send(ask, BOOKMARK("20"));
    assert_int_equal(table->changes, 2);
    play_send(ask, EVENT("MODIFIED", META("a", "12")));
    assert_int_equal(table->changes, 2);
    play_send(ask, EVENT("SOMETHING_NEW", META("a", "30")));
    assert_version(table, "a", "12");
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_events_may_be_cut_at_every_byte(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    const struct str text = STR(EVENT("ADDED", META("c", "11"))
                                    EVENT("DELETED", META("b", "12")) "\r\n" BOOKMARK("13"));
    for (size_t cut = 0; cut <= text.len; cut++) {
        play_send(ask, EVENT("ADDED", META("b", "2")) EVENT("DELETED", META("c", "2")));
        assert_names(table, "a b");
        if (cut)
            play_send_str(ask, str_slice(text, 0, cut));
        if (cut < text.len)
            play_send_str(ask, str_slice(text, cut, text.len));
        assert_names(table, "a c");
    }
    for (size_t i = 0; i < text.len; i++)
        play_send_str(ask, str_slice(text, i, i + 1));
    assert_names(table, "a c");
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_a_large_object_comes_whole(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    struct strbuf event = STRBUF_INIT;
    strbuf_printf(
        &event, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"large\",\"namespace\":\"shop\"},\"data\":\"");
    memset(strbuf_extend(&event, 1500000), 'x', 1500000);
    strbuf_printf(&event, "\"}}\n");
    for (size_t at = 0; at < event.len; at += 7001)
        play_send_str(ask, str_slice(strbuf_str(&event), at, at + 7001));
    strbuf_deinit(&event);
    assert_names(table, "a b large");
    assert_true(kube_watch_find(table->watch, STR("shop"), STR("large"))->json.len > 1500000);
}

static void test_an_idle_watch_asks_for_nothing(void **state)
{
    struct table *table = *state;
    (void)follow(table);
    unsigned connects = table->play->connects;
    play_advance_ms(table->play, 200 * SECONDS);
    play_expect_nothing(table->play);
    assert_int_equal(table->play->connects, connects);
    assert_int_equal(kube_watch_synced_ns(table->watch), loop_now_ns(table->play->loop));
}

static void test_a_watch_that_ends_is_begun_again_from_where_it_was(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    play_send(ask, EVENT("ADDED", META("c", "opaque-11:x")));
    play_advance_ms(table->play, 200 * SECONDS);
    play_end(ask);
    ask = play_expect(table->play, WATCH);
    assert_true(ask_line_has(ask, "&resourceVersion=opaque-11%3Ax "));
    play_begin(ask);
    play_send(ask, BOOKMARK("77"));
    play_advance_ms(table->play, 200 * SECONDS);
    play_end(ask);
    ask = play_expect(table->play, WATCH);
    assert_true(ask_line_has(ask, "&resourceVersion=77 "));
    assert_state(table, KUBE_WATCH_SYNCED);
}

/* ---- what goes wrong ---- */

static void test_a_cut_stream_goes_on_where_it_was(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    uint64_t waited_ms;
    play_send(ask, EVENT("ADDED", META("c", "11")) "{\"type\":\"DELETED\",\"obj");
    play_advance_ms(table->play, 10 * SECONDS);
    play_cut(ask);
    assert_state(table, KUBE_WATCH_SYNCED);
    ask = play_expect_within(table->play, WATCH, 250, &waited_ms);
    assert_true(waited_ms >= 100);
    assert_true(ask_line_has(ask, "&resourceVersion=11 "));
    play_begin(ask);
    play_send(ask, EVENT("DELETED", META("a", "12")));
    assert_names(table, "b c");
}

static void test_a_server_that_is_away_leaves_what_is_known(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    table->play->outcomes[0] = 111; /* ECONNREFUSED */
    play_cut(ask);
    play_advance_ms(table->play, 3600 * SECONDS);
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STALE);
    assert_string_equal(kube_watch_problem(table->watch), "connect 10.0.0.1:6443: Connection refused");
    assert_names(table, "a b");
    /* About every 22 s, after the first ones. */
    assert_in_range(table->play->connects, 110, 260);
    assert_true(loop_now_ns(table->play->loop) - kube_watch_synced_ns(table->watch) > 3500 * 1000000000ull);
    table->play->outcomes[0] = 0;
    ask = play_expect_within(table->play, WATCH, 30 * SECONDS, NULL);
    play_begin(ask);
    assert_state(table, KUBE_WATCH_SYNCED);
    assert_names(table, "a b");
}

static void test_all_watches_go_on_soon_when_one_finds_the_server_back(void **state)
{
    struct table *table = *state;
    struct kube_watch *more[10];
    struct ask *ask = follow(table);
    table->play->outcomes[0] = 111;
    play_cut(ask);
    for (int i = 0; i < 10; i++) {
        play_advance_ms(table->play, 2 * SECONDS);
        more[i] = kube_watch_new(table->play->client,
                                 &(struct kube_watch_spec){.path = STR("/more"), .ops = &ops, .user = table});
    }
    play_advance_ms(table->play, 600 * SECONDS);
    table->play->outcomes[0] = 0;
    struct ask *first = play_expect_within(table->play, "GET /", 31 * SECONDS, NULL);
    play_answer(first, 503, "");
    for (int i = 0; i < 10; i++)
        (void)play_expect_within(table->play, "GET /", 800, NULL);
    for (int i = 0; i < 10; i++)
        kube_watch_free(more[i]);
}

static void test_a_token_that_is_refused_leaves_what_is_known(void **state)
{
    struct table *table = *state;
    play_cut(follow(table));
    unsigned asked = 0;
    for (uint64_t begin = twin_now_ms(table->play->loop); twin_now_ms(table->play->loop) - begin < 300 * SECONDS;
         asked++)
        play_answer(play_expect_within(table->play, WATCH, 31 * SECONDS, NULL), 401, STATUS("Unauthorized", "401"));
    assert_in_range(asked, 10, 30);
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STALE);
    assert_string_equal(kube_watch_problem(table->watch), "401 Unauthorized: so it \"is\"");
    assert_names(table, "a b");
    play_begin(play_expect_within(table->play, WATCH, 31 * SECONDS, NULL));
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_another_token_is_tried_by_all_soon(void **state)
{
    char path[] = "/tmp/kube-token-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("one", file);
    fclose(file);
    struct play *play = play_open_with(NULL, path);
    struct kube_watch *watches[3];
    struct table none = {NULL, NULL, 0};
    (void)state;
    for (int i = 0; i < 3; i++)
        watches[i] = kube_watch_new(play->client,
                                    &(struct kube_watch_spec){.path = STR("/x"), .ops = &ops, .user = &none});
    for (int i = 0; i < 40; i++)
        play_answer(play_expect_within(play, "GET /x", 31 * SECONDS, NULL), 401, "");
    file = fopen(path, "we");
    fputs("two", file);
    fclose(file);
    struct ask *ask = play_expect_within(play, "GET /x", 31 * SECONDS, NULL);
    if (str_eq(ask_field(ask, "Authorization"), STR("Bearer one")))
        play_answer(ask, 401, "");
    for (int i = 0; i < 2; i++)
        ask = play_expect_within(play, "GET /x", 800, NULL);
    assert_true(str_eq(ask_field(ask, "Authorization"), STR("Bearer two")));
    for (int i = 0; i < 3; i++)
        kube_watch_free(watches[i]);
    play_close(play);
    unlink(path);
}

static void test_a_version_that_is_too_old_is_listed_anew(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    table->changes = 0;
    play_send(ask, EVENT("ERROR", STATUS("Expired", "410")));
    assert_state(table, KUBE_WATCH_SYNCED);
    ask = play_expect_within(table->play, LIST " ", 250, NULL);
    assert_names(table, "a b");
    play_answer(ask, 200, PAGE(META("b", "2") "," META("c", "14"), "15", ""));
    assert_names(table, "b c");
    assert_int_equal(table->changes, 1);
    ask = play_expect(table->play, WATCH);
    assert_true(ask_line_has(ask, "&resourceVersion=15 "));
}

static void test_a_410_by_status_is_listed_anew(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    play_cut(ask);
    ask = play_expect_within(table->play, WATCH, 250, NULL);
    play_answer(ask, 410, STATUS("Gone", "410"));
    (void)play_expect_within(table->play, LIST " ", 250, NULL);
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_versions_that_stay_too_old_make_no_storm(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    unsigned lists = 0;
    uint64_t begin_ms = twin_now_ms(table->play->loop);
    while (twin_now_ms(table->play->loop) - begin_ms < 600 * SECONDS) {
        play_send(ask, EVENT("ERROR", STATUS("Expired", "410")));
        play_answer(play_expect_within(table->play, LIST " ", 31 * SECONDS, NULL), 200, PAGE("", "10", ""));
        ask = play_expect(table->play, WATCH);
        play_begin(ask);
        lists++;
    }
    assert_in_range(lists, 20, 50);
}

static void test_a_list_that_expires_between_pages_is_read_in_one(void **state)
{
    struct table *table = *state;
    play_answer(play_expect(table->play, LIST " "), 200, PAGE(META("gone", "2"), "10", "t1"));
    play_answer(play_expect(table->play, LIST "&continue=t1 "), 410, STATUS("Expired", "410"));
    play_answer(play_expect_within(table->play, "GET " PATH "? ", 250, NULL), 200, PAGE(META("a", "1"), "12", ""));
    assert_names(table, "a");
    assert_state(table, KUBE_WATCH_SYNCED);
    assert_true(ask_line_has(play_expect(table->play, WATCH), "&resourceVersion=12 "));
}

static void test_a_page_that_fails_is_asked_for_again(void **state)
{
    struct table *table = *state;
    uint64_t waited_ms;
    play_answer(play_expect(table->play, LIST " "), 200, PAGE(META("a", "1"), "10", "t1"));
    play_answer_with(play_expect(table->play, LIST "&continue=t1 "), 429, "Retry-After: 7\r\n", STR(""));
    struct ask *ask = play_expect_within(table->play, LIST "&continue=t1 ", 8 * SECONDS, &waited_ms);
    assert_true(waited_ms >= 7 * SECONDS);
    play_cut(ask);
    ask = play_expect_within(table->play, LIST "&continue=t1 ", 8 * SECONDS, NULL);
    play_answer(ask, 200, PAGE(META("b", "1"), "10", ""));
    assert_names(table, "a b");
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_errors_of_other_codes_are_resumed_then_listed(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    for (int i = 0; i < 2; i++) {
        play_send(ask, EVENT("ERROR", STATUS("InternalError", "500")));
        ask = play_expect_within(table->play, WATCH, 2 * SECONDS, NULL);
        play_begin(ask);
    }
    play_send(ask, EVENT("ERROR", STATUS("InternalError", "500")));
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STALE);
    assert_string_equal(kube_watch_problem(table->watch), "500 InternalError: so it \"is\"");
    (void)play_expect_within(table->play, LIST " ", 2 * SECONDS, NULL);
    assert_names(table, "a b");
}

static void test_a_refused_version_is_listed_anew(void **state)
{
    struct table *table = *state;
    play_cut(follow(table));
    for (int i = 0; i < 3; i++)
        play_answer(play_expect_within(table->play, WATCH, 5 * SECONDS, NULL), 500,
                    "{\"kind\":\"Status\",\"code\":500,\"message\":\"strconv\"}");
    assert_string_equal(kube_watch_problem(table->watch), "500: strconv");
    (void)play_expect_within(table->play, LIST " ", 5 * SECONDS, NULL);
}

static void test_what_is_no_event_makes_a_new_list(void **state)
{
    static const char *const texts[] = {"{\"type\":\"ADDED\",\"object\":{]}\n", "hello\n", "{}\n", "[]\n",
                                        "{\"type\":\"ADDED\"}\n"};
    struct table *table = *state;
    struct ask *ask = follow(table);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        play_send(ask, texts[i]);
        assert_true(play_is_closed(ask));
        play_answer(play_expect_within(table->play, LIST " ", 20 * SECONDS, NULL), 200, PAGE(META("a", "1"), "10", ""));
        ask = play_expect(table->play, WATCH);
        play_begin(ask);
    }
    assert_names(table, "a");
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_what_is_no_list_is_asked_for_again(void **state)
{
    static const char *const texts[] = {"[]", "{\"items\":[1]}", "{\"items\":[]}", "not found",
                                        "{\"metadata\":{\"resourceVersion\":"};
    struct table *table = *state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        play_answer(play_expect_within(table->play, LIST " ", 10 * SECONDS, NULL), 200, texts[i]);
        assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STARTING);
        assert_non_null(kube_watch_problem(table->watch));
    }
    play_answer(play_expect_within(table->play, LIST " ", 10 * SECONDS, NULL), 200, PAGE("", "10", ""));
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_objects_that_are_none_cost_themselves_only(void **state)
{
    struct table *table = *state;
    (void)sync_with(
        table,
        PAGE("{\"metadata\":{\"name\":\"../../x\"}},{\"a\":1},{\"metadata\":{\"name\":5}}," META("a", "1"), "10", ""));
    assert_names(table, "a");
}

static void test_what_is_not_there_is_empty_and_asked_for_again(void **state)
{
    struct table *table = *state;
    uint64_t waited_ms;
    unsigned asked = 0;
    for (uint64_t begin = twin_now_ms(table->play->loop); twin_now_ms(table->play->loop) - begin < 10 * SECONDS;
         asked++)
        play_answer_with(play_expect_within(table->play, LIST " ", 20 * SECONDS, NULL), 404,
                         "Content-Type: text/plain\r\n", STR("404 page not found\n"));
    assert_in_range(asked, 5, 9);
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_ABSENT);
    assert_string_equal(kube_watch_problem(table->watch), "404: 404 page not found");
    play_answer(play_expect_within(table->play, LIST " ", 40 * SECONDS, &waited_ms), 404, STATUS("NotFound", "404"));
    play_answer(play_expect_within(table->play, LIST " ", 40 * SECONDS, &waited_ms), 200,
                PAGE(META("a", "1"), "10", ""));
    assert_true(waited_ms >= 20 * SECONDS);
    assert_state(table, KUBE_WATCH_SYNCED);
    assert_names(table, "a");
}

static void test_rights_that_are_taken_away_take_what_was_known(void **state)
{
    struct table *table = *state;
    play_cut(follow(table));
    uint64_t begin = twin_now_ms(table->play->loop);
    while (kube_watch_state(table->watch) != KUBE_WATCH_FORBIDDEN) {
        play_answer(play_expect_within(table->play, WATCH, 20 * SECONDS, NULL), 403, STATUS("Forbidden", "403"));
        assert_true(kube_watch_state(table->watch) == KUBE_WATCH_FORBIDDEN || kube_watch_count(table->watch) == 2);
    }
    assert_in_range(twin_now_ms(table->play->loop) - begin, KUBE_WATCH_REFUSED_MS, 3 * KUBE_WATCH_REFUSED_MS);
    assert_string_equal(kube_watch_problem(table->watch), "403 Forbidden: so it \"is\"");
    assert_int_equal(kube_watch_count(table->watch), 0);
    /* What may be listed and not watched is not called in step. */
    play_answer(play_expect_within(table->play, LIST " ", 40 * SECONDS, NULL), 200, PAGE(META("a", "1"), "10", ""));
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_FORBIDDEN);
    play_begin(play_expect(table->play, WATCH));
    assert_state(table, KUBE_WATCH_SYNCED);
    assert_names(table, "a");
}

static void test_a_server_that_begins_and_knows_nothing_yet_is_forgiven(void **state)
{
    struct table *table = *state;
    play_cut(follow(table));
    play_answer(play_expect_within(table->play, WATCH, 2 * SECONDS, NULL), 403, STATUS("Forbidden", "403"));
    play_answer_with(play_expect_within(table->play, WATCH, 2 * SECONDS, NULL), 404, "", STR("404 page not found\n"));
    assert_int_equal(kube_watch_state(table->watch), KUBE_WATCH_STALE);
    assert_names(table, "a b");
    play_begin(play_expect_within(table->play, WATCH, 3 * SECONDS, NULL));
    assert_state(table, KUBE_WATCH_SYNCED);
}

static void test_a_watch_that_falls_silent_for_good_is_given_up(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    ask = play_expect_within(table->play, WATCH, (KUBE_WATCH_SECONDS * 5 / 4 + 31) * SECONDS, NULL);
    play_begin(ask);
    assert_state(table, KUBE_WATCH_SYNCED);
}

/* ---- answers to writes ---- */

static void test_an_answer_to_a_write_is_in_place_before_its_event(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    table->changes = 0;
    kube_watch_put(table->watch, STR(META("a", "20")));
    play_settle(table->play);
    assert_version(table, "a", "20");
    assert_int_equal(table->changes, 1);
    play_send(ask, EVENT("MODIFIED", META("a", "19")));
    assert_version(table, "a", "20");
    play_send(ask, EVENT("MODIFIED", META("a", "20")));
    play_send(ask, EVENT("MODIFIED", META("a", "21")));
    assert_version(table, "a", "21");
    kube_watch_put(table->watch, STR(META("a", "20")));
    kube_watch_put(table->watch, STR(META("unknown", "30")));
    kube_watch_put(table->watch, STR("{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"other\","
                                     "\"resourceVersion\":\"40\"}}"));
    assert_version(table, "a", "21");
    assert_names(table, "a b");
    play_send(ask, EVENT("DELETED", META("a", "22")));
    assert_names(table, "b");
}

#define A(version, spec, status) \
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\",\"uid\":\"u\",\"resourceVersion\":\"" version \
    "\"},\"spec\":" spec ",\"status\":" status "}"

static void test_a_status_that_somebody_writes_leaves_what_was_made_of_the_object(void **state)
{
    struct table *table = *state;
    struct ask *ask = sync_with(table, PAGE(A("1", "1", "{}"), "10", ""));
    struct manifests *read = manifests_new();
    uint64_t edition = kube_watch_edition(table->watch);
    table->changes = 0;
    kube_watch_keep(table->watch, 0, read);
    play_send(ask, EVENT("MODIFIED", A("11", "1", "{\"x\":1}")));
    assert_int_equal(table->changes, 1);
    assert_version(table, "a", "11");
    kube_watch_put(table->watch, STR(A("12", "1", "{\"x\":2}")));
    play_settle(table->play);
    assert_version(table, "a", "12");
    assert_int_equal(kube_watch_edition(table->watch), edition);
    assert_ptr_equal(kube_watch_at(table->watch, 0)->read, read);
    play_send(ask, EVENT("MODIFIED", A("13", "2", "{\"x\":2}")));
    assert_true(kube_watch_edition(table->watch) != edition);
    assert_null(kube_watch_at(table->watch, 0)->read);
    assert_int_equal(read->refs, 1);
    edition = kube_watch_edition(table->watch);
    kube_watch_keep(table->watch, 0, read);
    play_send(ask, EVENT("DELETED", A("14", "2", "{\"x\":2}")));
    assert_true(kube_watch_edition(table->watch) != edition);
    assert_int_equal(read->refs, 1);
    manifests_unref(read);
}

static void test_what_is_missing_in_a_new_list_is_another_edition(void **state)
{
    struct table *table = *state;
    struct ask *ask = follow(table);
    uint64_t edition = kube_watch_edition(table->watch);
    play_send(ask, EVENT("ERROR", STATUS("Expired", "410")));
    ask = play_expect_within(table->play, LIST " ", 250, NULL);
    play_answer(ask, 200, PAGE(META("a", "1"), "20", ""));
    assert_names(table, "a");
    assert_true(kube_watch_edition(table->watch) != edition);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_are_listed_in_pages_then_watched),
        TEST(test_objects_are_given_api_version_and_kind),
        TEST(test_events_change_objects),
        TEST(test_events_may_be_cut_at_every_byte),
        TEST(test_a_large_object_comes_whole),
        TEST(test_an_idle_watch_asks_for_nothing),
        TEST(test_a_watch_that_ends_is_begun_again_from_where_it_was),
        TEST(test_a_cut_stream_goes_on_where_it_was),
        TEST(test_a_server_that_is_away_leaves_what_is_known),
        TEST(test_all_watches_go_on_soon_when_one_finds_the_server_back),
        TEST(test_a_token_that_is_refused_leaves_what_is_known),
        cmocka_unit_test(test_another_token_is_tried_by_all_soon),
        TEST(test_a_version_that_is_too_old_is_listed_anew),
        TEST(test_a_410_by_status_is_listed_anew),
        TEST(test_versions_that_stay_too_old_make_no_storm),
        TEST(test_a_list_that_expires_between_pages_is_read_in_one),
        TEST(test_a_page_that_fails_is_asked_for_again),
        TEST(test_errors_of_other_codes_are_resumed_then_listed),
        TEST(test_a_refused_version_is_listed_anew),
        TEST(test_what_is_no_event_makes_a_new_list),
        TEST(test_what_is_no_list_is_asked_for_again),
        TEST(test_objects_that_are_none_cost_themselves_only),
        TEST(test_what_is_not_there_is_empty_and_asked_for_again),
        TEST(test_rights_that_are_taken_away_take_what_was_known),
        TEST(test_a_server_that_begins_and_knows_nothing_yet_is_forgiven),
        TEST(test_a_watch_that_falls_silent_for_good_is_given_up),
        TEST(test_an_answer_to_a_write_is_in_place_before_its_event),
        TEST(test_a_status_that_somebody_writes_leaves_what_was_made_of_the_object),
        TEST(test_what_is_missing_in_a_new_list_is_another_edition),
    };
    return cmocka_run_group_tests_name("kube/watch", tests, NULL, NULL);
}
