/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "http/grpc.h"
#include "judge/tallies.h"
#include "play.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* A shadow with a bit of everything, judged. */
static struct tally *broken_tally(struct verdict *verdict)
{
    struct tally *tally = play_tally();
    struct play play = {0};
    struct random random;
    play_seed(&random, 1);
    for (size_t i = 0; i < 1200; i++) {
        play_pair(&play, true);
        play_differ(&play, "body.$.id", true, true);
        if (i % 50 == 7) {
            play_differ(&play, "body.$.price", true, false);
            play_example(&play, "\"<b>12|5</b>\"",
                         "13 and a value that is so long that nobody wants to read all of it in a sentence");
        }
        if (i % 30 == 3)
            play.pair.shadow = (struct leg_seen){
                .state = LEG_FAILED_OWN, .failure = "timeout", .grpc_status = GRPC_NONE};
        if (i % 40 == 9)
            play.pair.shadow.status = 500;
        play.pair.live.duration_ns = (uint64_t)(play_latency(&random, 20) * 1e6);
        play.pair.shadow.duration_ns = (uint64_t)(play_latency(&random, 32) * 1e6);
        play.pair.control.duration_ns = (uint64_t)(play_latency(&random, 20) * 1e6);
        tally_add_pair(tally, &play.pair);
    }
    tally_add_delivery(tally, 1230, 20, 4);
    judge(tally, verdict);
    return tally;
}

static char *written(const struct verdict *verdicts, size_t count, enum report_format format)
{
    static const char *const unreached[] = {"127.0.0.1:9900: nothing answers & <that> is it"};
    struct strbuf page = STRBUF_INIT;
    report_write(&(struct report_source){verdicts, count, unreached, 1}, format, &page);
    return strbuf_take(&page);
}

static void test_text_says_it_on_the_first_screen_and_fits_its_columns(void **state)
{
    (void)state;
    struct verdict verdict;
    struct tally *tally = broken_tally(&verdict);
    char *page = written(&verdict, 1, REPORT_TEXT);
    assert_int_equal(strncmp(page, "FAIL  default/checkout#0 -> default/shop-v2:80\n", 46), 0);
    size_t line = 0, lines = 0;
    for (const char *at = page; *at; at++) {
        line = *at == '\n' ? 0 : line + 1;
        lines += *at == '\n';
        assert_true(line <= 100);
        if (lines == 24)
            assert_true(strstr(page, "body.$.price differs") < at);
    }
    assert_true(lines <= 30);
    assert_non_null(strstr(page, "timeout"));
    assert_non_null(strstr(page, "1230 attempted"));
    mem_free(page);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_json_is_what_the_design_says(void **state)
{
    (void)state;
    struct verdict verdict;
    struct tally *tally = broken_tally(&verdict);
    char *page = written(&verdict, 1, REPORT_JSON);
    json_t *document = json_loads(page, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    const json_t *object = json_array_get(json_object_get(document, "verdicts"), 0);
    static const char *const members[] = {"route",    "mirror",  "verdict",    "reasons",  "since",
                                          "revision", "pairs",   "unpaired",   "delivery", "status",
                                          "body",     "headers", "latency_ms", "blind"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_non_null(json_object_get(object, members[i]));
    assert_int_equal(json_object_size(object), sizeof(members) / sizeof(members[0]));
    assert_string_equal(json_string_value(json_object_get(object, "verdict")), "FAIL");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "delivery"), "lost")), 20);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "delivery"), "shadow_failed")), 40);
    const json_t *delta = json_object_get(json_object_get(object, "latency_ms"), "delta");
    assert_true(json_is_number(json_object_get(json_object_get(delta, "p50"), "low")));
    json_decref(document);
    mem_free(page);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_what_peers_wrote_is_no_markup(void **state)
{
    (void)state;
    struct verdict verdict;
    struct tally *tally = broken_tally(&verdict);
    char *markdown = written(&verdict, 1, REPORT_MARKDOWN), *junit = written(&verdict, 1, REPORT_JUNIT);
    assert_null(strstr(markdown, "<b>"));
    assert_non_null(strstr(markdown, "\\<b\\>12\\|5"));
    assert_null(strstr(junit, "<b>"));
    assert_non_null(strstr(junit, "&lt;b&gt;"));
    mem_free(markdown);
    mem_free(junit);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_junit_has_a_case_for_each_verdict_and_what_was_not_reached(void **state)
{
    (void)state;
    struct verdict verdicts[2];
    struct tally *broken = broken_tally(&verdicts[0]), *empty = play_tally();
    judge(empty, &verdicts[1]);
    char *page = written(verdicts, 2, REPORT_JUNIT);
    assert_non_null(strstr(page, "tests=\"3\" failures=\"1\" skipped=\"1\" errors=\"1\""));
    assert_non_null(strstr(page, "<failure message="));
    assert_non_null(strstr(page, "<skipped message="));
    assert_non_null(strstr(page, "<error message=\"127.0.0.1:9900: nothing answers &amp; &lt;that&gt; is it\"/>"));
    mem_free(page);
    verdict_deinit(&verdicts[0]);
    verdict_deinit(&verdicts[1]);
    tally_free(broken);
    tally_free(empty);
}

static void test_exit_codes(void **state)
{
    (void)state;
    struct verdict pass = {.kind = VERDICT_PASS}, fail = {.kind = VERDICT_FAIL}, open = {.kind = VERDICT_INSUFFICIENT};
    assert_int_equal(report_exit_code(NULL, 0), 3);
    assert_int_equal(report_exit_code(&pass, 1), 0);
    assert_int_equal(report_exit_code((struct verdict[]){pass, open}, 2), 3);
    assert_int_equal(report_exit_code((struct verdict[]){open, fail, pass}, 3), 1);
}

static void test_metrics_have_one_for_the_verdict_that_holds(void **state)
{
    (void)state;
    struct verdict verdict;
    struct tally *tally = broken_tally(&verdict);
    struct strbuf page = STRBUF_INIT;
    verdicts_metrics(&verdict, 1, &page);
    static const char *const lines[] = {
        "\numbra_verdict{route=\"default/checkout#0\",mirror=\"default/shop-v2:80\",verdict=\"FAIL\"} 1\n",
        "\numbra_verdict{route=\"default/checkout#0\",mirror=\"default/shop-v2:80\",verdict=\"PASS\"} 0\n",
        ",result=\"different\"} ",
        ",quantile=\"0.5\",bound=\"low\"} 0.0",
        ",quantile=\"0.99\",bound=\"high\"} ",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(page.ptr, lines[i]));
    strbuf_deinit(&page);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_replicas_are_added_and_only_the_current_revision_stays(void **state)
{
    (void)state;
    struct tallies tallies = {0};
    struct err err;
    const char *const revisions[] = {"v1", "v2", "v2"};
    struct play play = {0};
    for (size_t i = 0; i < 3; i++) {
        struct tally *tally = tally_new(
            &(struct tally_key){STR("default/a#0"), STR("default/b"), STR("live"), str_from_c(revisions[i])});
        struct strbuf text = STRBUF_INIT;
        play_pair(&play, false);
        tally_add_pair(tally, &play.pair);
        strbuf_add(&text, STR("{\"tallies\":["));
        tally_write(tally, &text);
        strbuf_add(&text, STR("]}"));
        assert_true(tallies_read(&tallies, strbuf_str(&text), &err));
        strbuf_deinit(&text);
        tally_free(tally);
    }
    assert_int_equal(tallies.count, 2);
    tallies_keep_current(&tallies);
    assert_int_equal(tallies.count, 1);
    struct verdict verdict;
    judge(tallies.list[0], &verdict);
    assert_int_equal(verdict.pairs, 2);
    assert_true(str_eq(verdict.key.shadow_revision, STR("v2")));
    verdict_deinit(&verdict);
    assert_false(tallies_read(&tallies, STR("{\"tallies\":7}"), &err));
    tallies_deinit(&tallies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_says_it_on_the_first_screen_and_fits_its_columns),
        cmocka_unit_test(test_json_is_what_the_design_says),
        cmocka_unit_test(test_what_peers_wrote_is_no_markup),
        cmocka_unit_test(test_junit_has_a_case_for_each_verdict_and_what_was_not_reached),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_metrics_have_one_for_the_verdict_that_holds),
        cmocka_unit_test(test_replicas_are_added_and_only_the_current_revision_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
