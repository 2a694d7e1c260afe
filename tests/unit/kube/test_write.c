/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/write.h"

#include "base/mem.h"
#include "play.h"

#include <stdio.h>

#define SECONDS 1000

struct table {
    struct play *play;
    struct kube_writer *writer;
    struct strbuf log; /* "target status body\n" of each callback */
};

static void on_written(void *user, struct str target, const struct kube_write_result *result)
{
    struct table *table = user;
    strbuf_printf(&table->log, "%.*s %d %.*s\n", STR_ARG(target), result->status, STR_ARG(result->reason));
    assert_true((result->problem == NULL) == (result->status / 100 == 2));
}

static int setup(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    table->play = play_open(NULL);
    table->writer = kube_writer_new(table->play->client);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    struct table *table = *state;
    kube_writer_free(table->writer);
    play_close(table->play);
    strbuf_deinit(&table->log);
    mem_free(table);
    return 0;
}

static void add_with(struct table *table, const char *method, const char *target, const char *body, unsigned tries)
{
    kube_writer_add(table->writer, &(struct kube_write){.method = method,
                                                        .target = str_from_c(target),
                                                        .content_type = STR("application/json"),
                                                        .body = str_from_c(body),
                                                        .on_written = on_written,
                                                        .user = table,
                                                        .tries = tries});
}

static void add(struct table *table, const char *target, const char *body)
{
    add_with(table, "PUT", target, body, 3);
}

static struct ask *expect_body(struct table *table, const char *line, const char *body, uint64_t most_ms)
{
    struct ask *ask = play_expect_within(table->play, line, most_ms, NULL);
    if (!str_eq(ask->body, str_from_c(body)))
        fail_msg("%.*s where %s was expected", STR_ARG(ask->body), body);
    return ask;
}

static void assert_log(struct table *table, const char *text)
{
    assert_string_equal(table->log.ptr ? table->log.ptr : "", text);
    strbuf_clear(&table->log);
}

static void test_a_write_is_sent_and_told_of(void **state)
{
    struct table *table = *state;
    assert_true(kube_writer_is_idle(table->writer));
    add(table, "/a/status", "{}");
    assert_false(kube_writer_is_idle(table->writer));
    struct ask *ask = expect_body(table, "PUT /a/status HTTP/1.1", "{}", 0);
    assert_true(str_eq(ask_field(ask, "Content-Type"), STR("application/json")));
    play_answer(ask, 200, "{}");
    assert_log(table, "/a/status 200 \n");
    assert_true(kube_writer_is_idle(table->writer));
}

static void test_a_conflict_is_handed_back(void **state)
{
    struct table *table = *state;
    add(table, "/a/status", "{}");
    play_answer(play_expect(table->play, "PUT /a/status"), 409, "{\"kind\":\"Status\",\"reason\":\"Conflict\"}");
    assert_log(table, "/a/status 409 Conflict\n");
    assert_true(kube_writer_is_idle(table->writer));
}

static void test_the_newest_that_waits_wins(void **state)
{
    struct table *table = *state;
    add(table, "/a", "1");
    struct ask *ask = expect_body(table, "PUT /a", "1", 0);
    add(table, "/a", "2");
    add(table, "/a", "3");
    add(table, "/b", "1");
    play_answer(expect_body(table, "PUT /b", "1", 0), 200, "{}");
    play_expect_nothing(table->play); /* one after the other */
    play_answer(ask, 200, "{}");
    play_answer(expect_body(table, "PUT /a", "3", 0), 200, "{}");
    play_expect_nothing(table->play);
    assert_log(table, "/b 200 \n/a 200 \n/a 200 \n");
}

static void test_what_is_made_anew_each_time_is_not_replaced(void **state)
{
    struct table *table = *state;
    add_with(table, "POST", "/events", "1", 1);
    add_with(table, "POST", "/events", "2", 1);
    struct ask *first = expect_body(table, "POST /events", "1", 0),
               *second = expect_body(table, "POST /events", "2", 0);
    play_answer(second, 201, "{}");
    play_answer(first, 201, "{}");
    assert_log(table, "/events 201 \n/events 201 \n");
}

static void test_what_may_pass_is_tried_again(void **state)
{
    static const int codes[] = {429, 500, 503, 401};
    struct table *table = *state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        add(table, "/a", "1");
        play_answer(expect_body(table, "PUT /a", "1", SECONDS), codes[i], "");
        play_cut(expect_body(table, "PUT /a", "1", SECONDS));
        /* The connection was kept, so the client itself asks once more on another. */
        struct ask *ask = expect_body(table, "PUT /a", "1", SECONDS);
        play_answer(ask, 200, "{}");
        assert_log(table, "/a 200 \n");
    }
}

static void test_tries_come_to_an_end(void **state)
{
    struct table *table = *state;
    uint64_t waited_ms;
    add(table, "/a", "1");
    play_answer_with(play_expect(table->play, "PUT /a"), 429, "Retry-After: 5\r\n", STR(""));
    struct ask *ask = play_expect_within(table->play, "PUT /a", 6 * SECONDS, &waited_ms);
    assert_true(waited_ms >= 5 * SECONDS);
    play_answer(ask, 503, "");
    play_answer(play_expect_within(table->play, "PUT /a", 6 * SECONDS, &waited_ms), 503, "");
    assert_log(table, "/a 503 \n");
    assert_true(kube_writer_is_idle(table->writer));
}

static void test_a_newer_one_takes_the_place_of_one_that_failed(void **state)
{
    struct table *table = *state;
    add(table, "/a", "1");
    struct ask *ask = expect_body(table, "PUT /a", "1", 0);
    add(table, "/a", "2");
    play_answer(ask, 503, "");
    play_answer(expect_body(table, "PUT /a", "2", 0), 503, "");
    add(table, "/a", "3");
    play_answer(expect_body(table, "PUT /a", "3", SECONDS), 200, "{}");
    assert_log(table, "/a 200 \n");
}

static void test_few_are_under_way_and_not_too_many_a_second(void **state)
{
    struct table *table = *state;
    char target[32];
    unsigned written = 0;
    for (unsigned i = 0; i < 500; i++) {
        snprintf(target, sizeof target, "/o%03u", i);
        add(table, target, "x");
    }
    struct ask *asks[KUBE_WRITES_AT_ONCE];
    for (unsigned i = 0; i < KUBE_WRITES_AT_ONCE; i++)
        assert_non_null(asks[i] = play_next(table->play));
    play_expect_nothing(table->play);
    for (unsigned i = 0; i < KUBE_WRITES_AT_ONCE; i++, written++)
        play_answer(asks[i], 200, "{}");
    uint64_t begin = twin_now_ms(table->play->loop);
    while (written < 500) {
        struct ask *ask = play_expect_within(table->play, "PUT /o", SECONDS, NULL);
        written++;
        uint64_t spent_ms = twin_now_ms(table->play->loop) - begin;
        assert_true(written <= 101 + spent_ms * KUBE_WRITES_PER_SECOND / 1000);
        play_answer(ask, 200, "{}");
    }
    assert_in_range(twin_now_ms(table->play->loop) - begin, 7800, 9500);
}

static void test_who_leads_no_more_writes_no_more(void **state)
{
    struct table *table = *state;
    add(table, "/a", "1");
    struct ask *ask = play_expect(table->play, "PUT /a");
    add(table, "/a", "2");
    add(table, "/b", "1");
    kube_writer_clear(table->writer);
    assert_true(kube_writer_is_idle(table->writer));
    assert_true(play_is_closed(ask));
    play_advance_ms(table->play, 60 * SECONDS);
    play_expect_nothing(table->play);
    assert_log(table, "");
    add(table, "/a", "3");
    play_answer(expect_body(table, "PUT /a", "3", 0), 200, "{}");
    assert_log(table, "/a 200 \n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_write_is_sent_and_told_of),
        TEST(test_a_conflict_is_handed_back),
        TEST(test_the_newest_that_waits_wins),
        TEST(test_what_is_made_anew_each_time_is_not_replaced),
        TEST(test_what_may_pass_is_tried_again),
        TEST(test_tries_come_to_an_end),
        TEST(test_a_newer_one_takes_the_place_of_one_that_failed),
        TEST(test_few_are_under_way_and_not_too_many_a_second),
        TEST(test_who_leads_no_more_writes_no_more),
    };
    return cmocka_run_group_tests_name("kube/write", tests, NULL, NULL);
}
