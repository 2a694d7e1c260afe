/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_page.h"

#include "app/demo_curve.h"
#include "app/demo_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S 1000000000ull

static struct demo_record record;
static struct demo_judgement judgement;

/* A verdict on each, with more reasons than there is room for. */
static void judge_sample(void)
{
    judgement = (struct demo_judgement){.asked_at_ns = S};
    struct demo_judged *shadow = &judgement.shadows[0], *clean = &judgement.shadows[1];
    *shadow = (struct demo_judged){.is_there = true, .kind = VERDICT_FAIL, .pairs = 380000, .reason_count = 8};
    shadow->attempted = 400000;
    shadow->failed = 20000;
    for (int i = 0; i < 8; i++)
        snprintf(shadow->reasons[i], DEMO_SENTENCE,
                 "GET /items/{id}: body.$.price differs in %d of 380000 pairs (2.4 %%, at least 2.3 %%; 4.1 %% of the "
                 "endpoint's), more than the 0.1 %% allowed; for example 12.5 became 13.5.",
                 i);
    for (int i = 0; i < SHOP_FAULTS; i++)
        snprintf(shadow->found[i], DEMO_SENTENCE, "%s: what was found there, %c", shop_planted_faults[i].endpoint,
                 'a' + i);
    *clean = (struct demo_judged){.is_there = true, .kind = VERDICT_PASS, .pairs = 380000, .reason_count = 1};
    clean->attempted = 400000;
    snprintf(clean->reasons[0], DEMO_SENTENCE, "No difference in 380000 pairs.");
}

/* Large figures, a minute and a half in. */
static struct demo_view sample_view(void)
{
    struct demo_look look = {.at_ns = S};
    record = (struct demo_record){0};
    demo_record_look(&record, &look);
    demo_record_condition(&record, DEMO_HUNG);
    for (int i = 0; i < 95; i++) {
        look.at_ns += S;
        look.load.begun = look.load.answered += 5000;
        look.load.latency[demo_latency_bucket(S / 500)] += 5000;
        look.gateway.matched += 5000;
        look.gateway.filtered_by[FILTERED_METHOD] = look.gateway.filtered += 1000;
        look.gateway.dropped_by[DROPPED_INFLIGHT] = look.gateway.dropped += 1000;
        look.gateway.sent += 3000;
        look.gateway.completed += 2000;
        look.gateway.failed_by[FAILED_TIMEOUT] = look.gateway.failed += 1000;
        look.gateway.breaker = BREAKER_OPEN;
        look.gateway.probe_ms = 12345;
        look.gateway.budget_used = look.gateway.budget_limit = 64 << 20;
        demo_record_look(&record, &look);
    }
    judge_sample();
    return (struct demo_view){
        .record = &record,
        .verdicts = {&judgement, {STR("127.0.0.1:40125"), STR("127.0.0.1:40126")}},
        .gateway = STR("http://127.0.0.1:40123"),
        .admin = STR("http://127.0.0.1:40124"),
        .elapsed_ns = 95 * S,
        .rate = 5000,
        .notice = STR("a sentence that says what was done, which may well be somewhat longer than the page is wide"),
        .log = {STR("a line of the log"), STR_NONE},
        .rows = 23,
        .columns = 80,
        .has_utf8 = true,
    };
}

static size_t columns_of(struct str line)
{
    size_t columns = 0;
    for (size_t i = 0; i < line.len; i++)
        columns += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
    return columns;
}

static size_t count_lines(struct str page, size_t width)
{
    size_t lines = 0;
    while (page.len) {
        size_t end = str_find_char(page, '\n');
        if (columns_of(str_slice(page, 0, end)) > width)
            fail_msg("wider than %zu: %.*s", width, (int)end, page.ptr);
        page = str_slice(page, end + 1, page.len);
        lines++;
    }
    return lines;
}

static void see(enum demo_condition condition)
{
    record.rows[condition].ns = S;
}

static void test_the_page_fits_into_80_columns_and_23_lines(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT, keys = STRBUF_INIT;
    for (enum demo_condition seen = 0; seen < DEMO_CONDITION_COUNT; seen++) {
        see(seen);
        strbuf_clear(&page);
        demo_page(&view, &page);
        assert_int_equal(count_lines(strbuf_str(&page), 80), 23);
    }
    demo_page_keys(&view, &keys);
    assert_int_equal(count_lines(strbuf_str(&keys), 79), 1);
    strbuf_deinit(&page);
    strbuf_deinit(&keys);
}

static void test_the_page_is_as_long_whatever_the_verdicts_are(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    for (unsigned rows = 23; rows <= 70; rows++) {
        size_t lines[2];
        for (int has_verdicts = 0; has_verdicts < 2; has_verdicts++) {
            judge_sample();
            if (!has_verdicts)
                judgement = (struct demo_judgement){.trouble = ""};
            view.rows = rows;
            strbuf_clear(&page);
            demo_page(&view, &page);
            lines[has_verdicts] = count_lines(strbuf_str(&page), 80);
        }
        assert_int_equal(lines[0], lines[1]);
        assert_in_range(lines[0], 23, rows);
    }
    strbuf_deinit(&page);
}

static void test_the_verdicts_are_on_the_smallest_page_with_the_first_reason(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        " VERDICT  shadow 127.0.0.1:40125  ✗ FAIL  380,000 pairs; 5.0 % of copies failed",
        "\n            GET /items/{id}: body.$.price differs in 0 of 380000 pairs (2.4 %, ",
        "\n          clean  127.0.0.1:40126  ✓ PASS  380,000 pairs",
    };
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    for (enum demo_condition seen = 0; seen < DEMO_CONDITION_COUNT; seen++)
        see(seen);
    demo_page(&view, &page);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (!strstr(page.ptr, pieces[i]))
            fail_msg("the page lacks\n%s\nit is\n%s", pieces[i], page.ptr);
    }
    assert_null(strstr(page.ptr, "differs in 1 of"));
    strbuf_deinit(&page);
}

static void test_why_there_is_no_verdict_is_on_the_page(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    judgement = (struct demo_judgement){.trouble = "the admin port answers 503: no analyst"};
    judgement.shadows[1] = (struct demo_judged){.is_there = true, .kind = VERDICT_INSUFFICIENT, .reason_count = 1};
    memcpy(judgement.shadows[1].reasons[0], "57 pairs of 100", 16);
    demo_page(&view, &page);
    assert_non_null(strstr(page.ptr, "shadow 127.0.0.1:40125  the admin port answers 503"));
    assert_non_null(strstr(page.ptr, "clean  127.0.0.1:40126  … INSUFFICIENT  57 pairs of 100"));
    strbuf_deinit(&page);
}

static void test_a_larger_page_shows_more(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    view.rows = 39;
    view.columns = 120;
    demo_page(&view, &page);
    assert_in_range(count_lines(strbuf_str(&page), 120), 24, 39);
    assert_non_null(strstr(page.ptr, "curl -i http://127.0.0.1:40123/items/25"));
    assert_non_null(strstr(page.ptr, "umbra top --admin 127.0.0.1:40124"));
    assert_non_null(strstr(page.ptr, "a line of the log"));
    assert_non_null(strstr(page.ptr, "every 25th item costs 1.00 more   GET /items/{id}: what was found there, a"));
    assert_non_null(strstr(page.ptr, "a search takes 20 ms longer       GET /search: what was found there, c"));
    assert_non_null(strstr(page.ptr, "differs in 1 of"));
    assert_non_null(strstr(page.ptr, "            No difference in 380000 pairs."));
    strbuf_deinit(&page);
}

static void test_without_colour_and_utf8_the_page_is_ascii(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    view.has_utf8 = false;
    view.notice = STR("");
    judgement.shadows[0].reason_count = 0;
    demo_page(&view, &page);
    for (size_t i = 0; i < page.len; i++)
        assert_true(page.ptr[i] == '\n' || (page.ptr[i] >= ' ' && page.ptr[i] <= '~'));
    strbuf_deinit(&page);
}

static void test_figures_of_both_sides_are_on_the_page(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "LIVE     5,000 requests/s    0 errors",
        "SHADOW   ● hung",
        "2,000 copies/s   breaker open for 12.3 s   budget 64 MiB of 64 MiB",
        "    475,000             0     95,000     95,000    285,000        0  ✓ holds",
        "    285,000       190,000     95,000           0                     ✓ holds",
        "failed: timeout 95,000   dropped: inflight 95,000   filtered: method 95,000",
        " ▸hung       95.0 s   5,000       0    2.0",
    };
    struct demo_view view = sample_view();
    struct strbuf page = STRBUF_INIT;
    demo_page(&view, &page);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (!strstr(page.ptr, pieces[i]))
            fail_msg("the page lacks\n%s\nit is\n%s", pieces[i], page.ptr);
    }
    strbuf_deinit(&page);
}

static void test_an_equation_that_stays_unequal_is_broken(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct demo_look look = *demo_record_newest(&record);
    assert_int_equal(demo_verdict(&record, DEMO_SENT), VERDICT_HOLDS);
    look.gateway.sent++;
    look.gateway.matched++;
    demo_record_look(&record, &look);
    assert_int_equal(demo_verdict(&record, DEMO_SENT), VERDICT_MOVING);
    assert_int_equal(demo_verdict(&record, DEMO_MATCHED), VERDICT_HOLDS);
    for (int i = 0; i < 8; i++)
        demo_record_look(&record, &look);
    assert_int_equal(demo_verdict(&record, DEMO_SENT), VERDICT_BROKEN);
    struct strbuf summary = STRBUF_INIT;
    demo_summary(&view, &summary);
    assert_non_null(strstr(summary.ptr, "does not hold"));
    strbuf_deinit(&summary);
}

static void test_curves_follow_their_scale(void **state)
{
    (void)state;
    static const struct {
        double p99_ms;
        unsigned level;
    } cases[] = {{-1, 0}, {0.1, 1}, {0.25, 1}, {0.3, 2}, {0.9, 3}, {3, 5}, {16, 7}, {17, 8}, {5000, 8}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(curve_level(CURVE_P99, &(struct demo_now){.p99_ms = cases[i].p99_ms}, 0), cases[i].level);
    assert_int_equal(curve_level(CURVE_COPIES, &(struct demo_now){.copies = 0}, 200), 0);
    assert_int_equal(curve_level(CURVE_COPIES, &(struct demo_now){.copies = 2}, 200), 1);
    assert_int_equal(curve_level(CURVE_COPIES, &(struct demo_now){.copies = 400}, 200), 8);
}

static void test_times_are_short(void **state)
{
    (void)state;
    assert_string_equal(demo_span(2540000000u).ptr, "2.5 s");
    assert_string_equal(demo_span(99960000000u).ptr, "1:39");
    assert_string_equal(demo_clock(3725 * S).ptr, "62:05");
}

static void test_a_line_and_the_summary_say_the_same(void **state)
{
    (void)state;
    struct demo_view view = sample_view();
    struct strbuf text = STRBUF_INIT;
    demo_line(&view, &text);
    assert_string_equal(text.ptr,
                        " 1:35  hung       live 5,000/s, 0 errors, p50 2.02, p99 2.05 ms | copies 2,000/s, 190,000 "
                        "completed, 95,000 failed, 95,000 dropped, 0 in flight | equations hold | breaker open "
                        "for 12.3 s | budget 64 MiB\n");
    strbuf_clear(&text);
    demo_summary(&view, &text);
    assert_true(str_starts_with(strbuf_str(&text), STR("umbra demo: 475,000 requests in 95 s, 0 errors\n")));
    assert_null(strstr(text.ptr, "killed")); /* what was not seen is left out */
    assert_non_null(
        strstr(text.ptr, "\n  every 25th user is a 404          GET /users/{id}: what was found there, b\n"));
    assert_non_null(
        strstr(text.ptr, "\n  shadow 127.0.0.1:40125  FAIL  380,000 pairs; 5.0 % of copies failed\n    GET /"));
    assert_non_null(strstr(text.ptr, "\n  clean 127.0.0.1:40126  PASS  380,000 pairs\n    No difference in"));
    strbuf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_fits_into_80_columns_and_23_lines),
        cmocka_unit_test(test_the_page_is_as_long_whatever_the_verdicts_are),
        cmocka_unit_test(test_the_verdicts_are_on_the_smallest_page_with_the_first_reason),
        cmocka_unit_test(test_why_there_is_no_verdict_is_on_the_page),
        cmocka_unit_test(test_a_larger_page_shows_more),
        cmocka_unit_test(test_without_colour_and_utf8_the_page_is_ascii),
        cmocka_unit_test(test_figures_of_both_sides_are_on_the_page),
        cmocka_unit_test(test_an_equation_that_stays_unequal_is_broken),
        cmocka_unit_test(test_curves_follow_their_scale),
        cmocka_unit_test(test_times_are_short),
        cmocka_unit_test(test_a_line_and_the_summary_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
