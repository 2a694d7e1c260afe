/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_verdicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S 1000000000ull
#define SHADOW "127.0.0.1:3001"
#define CLEAN "127.0.0.1:3002"

static const char labels[DEMO_SHADOWS][ADDRESS_TEXT] = {SHADOW, CLEAN};

/* ---- from tallies to judgements ---- */

static struct leg_seen answer(uint16_t status, uint64_t ms)
{
    return (struct leg_seen){.state = LEG_ANSWERED, .status = status, .duration_ns = ms * 1000000};
}

static struct pair_seen pair(const char *endpoint, unsigned at_s, uint16_t status, uint64_t ms)
{
    return (struct pair_seen){
        .endpoint = str_from_c(endpoint),
        .wall_ns = at_s * S,
        .live = answer(200, 1),
        .shadow = answer(status, ms),
    };
}

/* What the shop's answers come to; with the faults when `is_faulty`. */
static void add_tally(const char *mirror, bool is_faulty, unsigned pairs, struct strbuf *json)
{
    struct tally_key key = {STR("default/quickstart#0"), str_from_c(mirror), STR("1"), STR("2")};
    struct tally *tally = tally_new(&key);
    for (unsigned i = 0; i < pairs; i++) {
        struct field_seen price = {.field = STR("body.$.price"),
                                   .kind = DIFFERENCE_VALUE,
                                   .is_in_shadow = true,
                                   .live = STR("12.5"),
                                   .shadow = STR("13.5")};
        bool is_wrong = is_faulty && i % 10 == 0, is_missing = is_faulty && i % 10 == 1;
        struct pair_seen item = pair("GET /items/{id}", i, 200, 1);
        item.fields = &price;
        item.field_count = is_wrong;
        item.body = is_wrong ? BODY_DIFFERENT : BODY_SAME;
        struct pair_seen user = pair("GET /users/{id}", i, is_missing ? 404 : 200, 1);
        struct pair_seen search = pair("GET /search", i, 200, is_faulty ? 21 : 1);
        tally_add_pair(tally, &item);
        tally_add_pair(tally, &user);
        tally_add_pair(tally, &search);
    }
    tally_write(tally, json);
    tally_free(tally);
}

static void read_tallies(unsigned pairs, struct demo_judgement *judgement)
{
    struct strbuf json = STRBUF_INIT;
    struct err err;
    strbuf_add(&json, STR("{\"tallies\":["));
    add_tally("127.0.0.1:3003", true, 200, &json);
    strbuf_add_char(&json, ',');
    add_tally(CLEAN, false, pairs, &json);
    strbuf_add_char(&json, ',');
    add_tally(SHADOW, true, pairs, &json);
    strbuf_add(&json, STR("]}"));
    if (!demo_judgement_read(judgement, strbuf_str(&json), labels, &err))
        fail_msg("%s", err.text);
    strbuf_deinit(&json);
}

static void test_verdicts_name_each_planted_fault(void **state)
{
    (void)state;
    struct demo_judgement judgement = {0};
    read_tallies(300, &judgement);
    const struct demo_judged *shadow = &judgement.shadows[0], *clean = &judgement.shadows[1];
    assert_int_equal(shadow->kind, VERDICT_FAIL);
    assert_int_equal(shadow->pairs, 900);
    assert_true(str_starts_with(str_from_c(shadow->found[0]), STR("GET /items/{id}: body.$.price differs in 30 of")));
    assert_true(str_starts_with(str_from_c(shadow->found[1]), STR("GET /users/{id}: ")));
    assert_non_null(strstr(shadow->found[1], "for example 200 became 404"));
    assert_true(str_starts_with(str_from_c(shadow->found[2]), STR("GET /search: the shadow's p50 is ")));
    assert_int_equal(clean->kind, VERDICT_PASS);
    assert_string_equal(clean->found[0], "");
    assert_true(demo_judgement_is_whole(&judgement));
}

static void test_few_pairs_are_no_verdict(void **state)
{
    (void)state;
    struct demo_judgement judgement = {0};
    assert_false(demo_judgement_is_whole(&judgement));
    read_tallies(10, &judgement);
    assert_true(judgement.shadows[1].is_there);
    assert_int_equal(judgement.shadows[1].kind, VERDICT_INSUFFICIENT);
    assert_false(demo_judgement_is_whole(&judgement));
}

static void test_an_answer_that_is_not_understood_says_so(void **state)
{
    (void)state;
    struct demo_judgement judgement = {0};
    struct err err;
    static const char *const odd[] = {"", "[]", "{\"tallies\":", "{\"tallies\":[{}]}", "not json"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_false(demo_judgement_read(&judgement, str_from_c(odd[i]), labels, &err));
    assert_true(demo_judgement_read(&judgement, STR("{\"tallies\":[]}"), labels, &err));
    assert_false(judgement.shadows[0].is_there);
}

/* ---- what is said ---- */

static struct demo_judgement judgement;
static struct demo_said said;
static struct strbuf text;

static const char *say(uint64_t now_ns)
{
    struct demo_verdicts verdicts = {&judgement, {STR(SHADOW), STR(CLEAN)}};
    strbuf_clear(&text);
    strbuf_add(&text, STR(""));
    demo_verdicts_say(&verdicts, &said, now_ns, STR(" 0:01"), &text);
    return text.len ? text.ptr : "";
}

static void judged(size_t shadow, enum verdict_kind kind, const char *reason)
{
    struct demo_judged *into = &judgement.shadows[shadow];
    *into = (struct demo_judged){.is_there = true, .kind = kind, .pairs = 200, .reason_count = 1};
    snprintf(into->reasons[0], DEMO_SENTENCE, "%s", reason);
}

static int forget(void **state)
{
    (void)state;
    judgement = (struct demo_judgement){0};
    said = (struct demo_said){0};
    return 0;
}

static int free_text(void **state)
{
    (void)state;
    strbuf_deinit(&text);
    return 0;
}

static void test_a_verdict_is_said_when_it_is_reached(void **state)
{
    (void)state;
    assert_string_equal(say(S), "");
    judged(1, VERDICT_INSUFFICIENT, "57 pairs of the 100 that a verdict needs.");
    assert_string_equal(say(2 * S), " 0:01  clean " CLEAN "  INSUFFICIENT  200 pairs\n"
                                    "         57 pairs of the 100 that a verdict needs.\n");
    judged(1, VERDICT_INSUFFICIENT, "It is not certain yet.");
    assert_string_equal(say(9 * S), ""); /* once */
    judged(1, VERDICT_PASS, "No difference.");
    assert_string_equal(say(9 * S), " 0:01  clean " CLEAN "  PASS  200 pairs\n         No difference.\n");
    assert_string_equal(say(99 * S), "");
}

static void test_numbers_alone_are_no_news(void **state)
{
    (void)state;
    judged(0, VERDICT_FAIL, "price differs in 5 of 200 pairs (2.5 %)");
    assert_string_not_equal(say(S), "");
    judged(0, VERDICT_FAIL, "price differs in 1005 of 20000 pairs (12 %)");
    assert_string_equal(say(99 * S), "");
    judged(0, VERDICT_FAIL, "status differs in 1005 of 20000 pairs (12 %)");
    assert_string_not_equal(say(99 * S), "");
    judged(0, VERDICT_FAIL, "body differs in 1005 of 20000 pairs (12 %)");
    assert_string_equal(say(101 * S), ""); /* not that soon */
    assert_string_not_equal(say(103 * S), "");
}

static void test_a_change_of_verdict_is_said_after_a_while(void **state)
{
    (void)state;
    judged(1, VERDICT_PASS, "No difference.");
    assert_string_not_equal(say(S), "");
    judged(1, VERDICT_INSUFFICIENT, "Umbra lost 30 %.");
    assert_string_equal(say(2 * S), "");
    assert_string_not_equal(say(4 * S), "");
    judged(1, VERDICT_PASS, "No difference.");
    assert_string_not_equal(say(4 * S), "");
}

static void test_trouble_is_said_once(void **state)
{
    (void)state;
    snprintf(judgement.trouble, DEMO_SENTENCE, "the admin port answers 503");
    assert_string_equal(say(S), " 0:01  no verdicts now: the admin port answers 503\n");
    assert_string_equal(say(99 * S), "");
    judgement.trouble[0] = '\0';
    assert_string_equal(say(99 * S), "");
}

static void test_a_sentence_is_broken_at_blanks_and_cut_at_its_last_line(void **state)
{
    (void)state;
    static const struct {
        const char *sentence;
        size_t rows;
        const char *lines;
    } cases[] = {
        {"one two three", 2, "  one two \n  three   \n"},
        {"one two", 2, "  one two \n"},
        {"one two three four", 2, "  one two \n  three f…\n"},
        {"onetwothreefour", 2, "  onetwoth\n  reefour \n"},
        {"one two three", 1, "  one two…\n"},
        {"", 2, ""},
        {"one", 0, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        strbuf_clear(&text);
        size_t rows = demo_sentence(cases[i].sentence, cases[i].rows, 2, 8, &text);
        assert_string_equal(text.len ? text.ptr : "", cases[i].lines);
        assert_in_range(rows, 0, cases[i].rows);
    }
}

/* How many lines have a mark. */
static size_t count(const char *mark)
{
    size_t found = 0;
    for (const char *at = text.ptr; at && (at = strstr(at, mark)); at++)
        found++;
    return found;
}

static void test_many_reasons_get_a_line_each_and_few_get_two(void **state)
{
    (void)state;
    static const struct {
        size_t reasons, rows, first, second; /* lines of the first reason, of the second */
    } cases[] = {{4, 2, 2, 0}, {4, 3, 1, 1}, {4, 4, 1, 1}, {4, 5, 2, 1}, {2, 4, 2, 2}, {2, 9, 2, 2}, {3, 1, 1, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct demo_judged some = {.reason_count = cases[i].reasons};
        for (size_t r = 0; r < cases[i].reasons; r++)
            snprintf(some.reasons[r], DEMO_SENTENCE, "%zu---- %zu---- %zu----", r, r, r);
        strbuf_clear(&text);
        size_t rows = demo_judged_reasons(&some, cases[i].rows, 1, 8, &text);
        assert_int_equal(count("\n"), rows);
        assert_in_range(rows, 1, cases[i].rows);
        assert_int_equal(count(" 0----"), cases[i].first);
        assert_int_equal(count(" 1----"), cases[i].second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_name_each_planted_fault),
        cmocka_unit_test(test_few_pairs_are_no_verdict),
        cmocka_unit_test(test_an_answer_that_is_not_understood_says_so),
        cmocka_unit_test_setup(test_a_verdict_is_said_when_it_is_reached, forget),
        cmocka_unit_test_setup(test_numbers_alone_are_no_news, forget),
        cmocka_unit_test_setup(test_a_change_of_verdict_is_said_after_a_while, forget),
        cmocka_unit_test_setup(test_trouble_is_said_once, forget),
        cmocka_unit_test(test_many_reasons_get_a_line_each_and_few_get_two),
        cmocka_unit_test(test_a_sentence_is_broken_at_blanks_and_cut_at_its_last_line),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
