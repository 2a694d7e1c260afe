/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"
#include "play.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Adds `count` equal pairs. */
static void add_equal(struct tally *tally, struct play *play, size_t count, bool has_control)
{
    for (size_t i = 0; i < count; i++) {
        play_pair(play, has_control);
        tally_add_pair(tally, &play->pair);
    }
}

static void assert_verdict(const struct verdict *verdict, enum verdict_kind kind)
{
    if (verdict->kind != kind)
        print_message("%s: %.*s\n", verdict_name(verdict->kind), STR_ARG(verdict->reasons[0]));
    assert_int_equal(verdict->kind, kind);
}

static void test_nothing_is_insufficient(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    assert_int_equal(play_verdict(tally), VERDICT_INSUFFICIENT);
    tally_free(tally);
}

static void test_ten_pairs_are_insufficient(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    add_equal(tally, &play, 10, true);
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_INSUFFICIENT);
    assert_true(play_says(&verdict, "10 pairs of the 100 that a verdict needs"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_equal_answers_pass(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    add_equal(tally, &play, 400, false);
    tally_add_delivery(tally, 400, 0, 0);
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_int_equal(verdict.pairs, 400);
    assert_int_equal(verdict.bodies_same, 400);
    assert_int_equal(verdict.live_status[2], 400);
    assert_true(play_says(&verdict, "No difference in 400 pairs"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_half_of_the_copies_lost_is_insufficient(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    add_equal(tally, &play, 500, false);
    tally_add_delivery(tally, 1000, 500, 0);
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_INSUFFICIENT);
    assert_true(play_says(&verdict, "Umbra lost 500 of 1000 copies (50 %)"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_bodies_that_can_not_be_compared_withhold_a_pass(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    add_equal(tally, &play, 300, false);
    for (size_t i = 0; i < 100; i++) {
        play_pair(&play, false);
        play.pair.body = BODY_BLIND;
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_INSUFFICIENT);
    assert_true(play_says(&verdict, "100 of 400 bodies could not be compared (25 %)"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

/* ------------------------------------------------------------------------------------------------------- differences */

/* A price that is another in every hundredth answer. */
static struct tally *price_tally(size_t pairs, bool has_control, bool is_noisy)
{
    struct tally *tally = play_tally();
    struct play play = {0};
    struct random random;
    play_seed(&random, 7);
    for (size_t i = 0; i < pairs; i++) {
        play_pair(&play, has_control);
        if (is_noisy)
            play_differ(&play, "body.$.id", true, has_control);
        if (is_noisy && has_control)
            play_differ(&play, "headers.x-served-by", play_chance(&random, 0.5), play_chance(&random, 0.5));
        if (i % 100 == 42) {
            play_differ(&play, "body.$.price", true, false);
            play_example(&play, "12.5", "13");
        }
        tally_add_pair(tally, &play.pair);
    }
    return tally;
}

static void assert_names_price(struct tally *tally, uint64_t different)
{
    struct verdict verdict;
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_true(play_says(&verdict, "GET /items/{id}: body.$.price differs in"));
    assert_true(play_says(&verdict, "for example 12.5 became 13"));
    assert_int_equal(verdict.bodies_different, different);
    bool is_found = false;
    for (size_t i = 0; i < verdict.finding_count; i++)
        is_found |= str_eq(verdict.findings[i].field, STR("body.$.price")) &&
                    verdict.findings[i].severity == SEVERITY_OF_FAILURE && verdict.findings[i].count == different;
    assert_true(is_found);
    verdict_deinit(&verdict);
}

static void test_a_price_that_changes_in_one_of_a_hundred_answers_fails_within_a_thousand(void **state)
{
    (void)state;
    for (int has_control = 0; has_control < 2; has_control++) {
        struct tally *tally = price_tally(1000, has_control, false);
        assert_names_price(tally, 10);
        tally_free(tally);
    }
}

static void test_it_fails_also_where_ids_differ_always(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    for (size_t i = 0; i < 1000; i++) {
        play_pair(&play, true);
        play_differ(&play, "body.$.id", true, true);
        play_differ(&play, "body.$.at", true, true);
        if (i % 100 == 42) {
            play_differ(&play, "body.$.price", true, false);
            play_example(&play, "12.5", "13");
        }
        tally_add_pair(tally, &play.pair);
    }
    assert_names_price(tally, 10);
    struct verdict verdict;
    judge(tally, &verdict);
    assert_int_equal(verdict.bodies_noise, 990);
    assert_int_equal(verdict.blind_count, 2);
    assert_true(verdict.blind[0].rate == 1.0);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_it_is_found_under_the_noise_of_another_field(void **state)
{
    (void)state;
    struct tally *tally = price_tally(2000, true, true);
    assert_names_price(tally, 20);
    tally_free(tally);
}

static void test_a_field_that_the_shadow_drops_is_no_noise_where_control_has_another_value(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 200; i++) {
        play_pair(&play, true);
        play_differ(&play, "body.$.id", true, true);
        play.fields[0].kind = DIFFERENCE_MISSING;
        play.fields[0].live = STR("\"a1\"");
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_true(play_says(&verdict, "body.$.id is missing in 200 of 200 pairs"));
    assert_true(play_says(&verdict, "live has, for example, \"a1\""));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_without_a_control_ids_are_proposed_as_a_rule(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 400; i++) {
        play_pair(&play, false);
        play_differ(&play, "body.$.requestId", true, false);
        play.fields[0].is_volatile = true;
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_int_equal(verdict.bodies_different, 0);
    assert_int_equal(verdict.bodies_noise, 400);
    assert_int_equal(verdict.blind_count, 1);
    assert_true(verdict.blind[0].is_proposed);
    assert_int_equal(verdict.finding_count, 1);
    assert_int_equal(verdict.findings[0].severity, SEVERITY_OF_INFO);
    assert_non_null(strstr(verdict.findings[0].summary.ptr, "compare.ignore.jsonPaths: [$.requestId]"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_one_difference_without_a_control_withholds_a_pass(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    add_equal(tally, &play, 399, false);
    play_pair(&play, false);
    play_differ(&play, "body.$.price", true, false);
    tally_add_pair(tally, &play.pair);
    assert_int_equal(play_verdict(tally), VERDICT_INSUFFICIENT);
    tally_free(tally);
}

static void test_noise_of_control_alone_never_fails(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    for (size_t i = 0; i < 1000; i++) {
        play_pair(&play, true);
        play_differ(&play, "body.$.price", false, i % 3 == 0);
        tally_add_pair(tally, &play.pair);
    }
    assert_int_equal(play_verdict(tally), VERDICT_PASS);
    tally_free(tally);
}

/* ------------------------------------------------------------------------------------------------------------ status */

static void assert_status_fails(uint16_t live, uint16_t shadow, bool has_control, const char *says)
{
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 400; i++) {
        play_pair(&play, has_control);
        if (i % 10 == 3) {
            play.pair.live.status = live;
            play.pair.shadow.status = shadow;
            play.pair.control.status = live;
            play.pair.body = BODY_NOT_COMPARED;
        }
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_int_equal(verdict.mismatched, 40);
    if (!play_says(&verdict, says))
        print_message("%.*s\n", STR_ARG(verdict.reasons[0]));
    assert_true(play_says(&verdict, says));
    assert_true(verdict.finding_count >= 1);
    assert_true(str_eq(verdict.findings[0].field, STR("status")));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_statuses_are_judged_the_right_way_round(void **state)
{
    (void)state;
    for (int has_control = 0; has_control < 2; has_control++) {
        assert_status_fails(404, 200, has_control, "for example 404 became 200");
        assert_status_fails(200, 404, has_control, "for example 200 became 404");
        assert_status_fails(200, 500, has_control, "errors where live's are not in 40 of 400 pairs");
    }
}

static void test_errors_of_live_that_the_shadow_does_not_have_are_no_new_errors(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 400; i++) {
        play_pair(&play, false);
        play.pair.live.status = i % 20 == 0 ? 503 : 200;
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_int_equal(verdict.new_errors, 0);
    assert_int_equal(verdict.mismatched, 20);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_a_grpc_status_is_an_error_whatever_the_http_status_is(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 400; i++) {
        play_pair(&play, false);
        play.pair.live.grpc_status = GRPC_OK;
        play.pair.shadow.grpc_status = i % 10 == 0 ? GRPC_INTERNAL : GRPC_OK;
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_int_equal(verdict.new_errors, 40);
    verdict_deinit(&verdict);
    tally_free(tally);
}

/* ---------------------------------------------------------------------------------------------------------- failures */

static void fail_leg(struct leg_seen *leg, const char *failure)
{
    *leg = (struct leg_seen){.state = LEG_FAILED_OWN, .failure = failure, .grpc_status = GRPC_NONE};
}

static void test_a_dead_shadow_fails_after_twenty_copies(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 20; i++) {
        play_pair(&play, true);
        fail_leg(&play.pair.shadow, "connect");
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_true(play_says(&verdict, "failed to answer 20 of 20 copies while live succeeded (100 %"));
    assert_true(play_says(&verdict, "20 connect"));
    assert_int_equal(verdict.shadow_failed, 20);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_one_of_twenty_copies_reset_or_timed_out_fails(void **state)
{
    (void)state;
    const char *const failures[] = {"reset", "timeout"};
    for (size_t f = 0; f < 2; f++) {
        struct tally *tally = play_tally();
        struct play play = {0};
        struct verdict verdict;
        for (size_t i = 0; i < 400; i++) {
            play_pair(&play, false);
            if (i % 20 == 5)
                fail_leg(&play.pair.shadow, failures[f]);
            tally_add_pair(tally, &play.pair);
        }
        judge(tally, &verdict);
        assert_verdict(&verdict, VERDICT_FAIL);
        assert_true(play_says(&verdict, "20 of 400 copies while live succeeded (5.0 %"));
        assert_true(play_says(&verdict, failures[f]));
        verdict_deinit(&verdict);
        tally_free(tally);
    }
}

static void test_copies_fail_as_often_as_live_does(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    for (size_t i = 0; i < 1000; i++) {
        play_pair(&play, false);
        if (i % 20 == 5)
            fail_leg(&play.pair.shadow, "timeout");
        if (i % 20 == 6)
            fail_leg(&play.pair.live, "timeout");
        tally_add_pair(tally, &play.pair);
    }
    assert_int_equal(play_verdict(tally), VERDICT_PASS);
    tally_free(tally);
}

static void test_a_shadow_that_fails_as_control_does_is_not_blamed_and_does_not_pass(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    for (size_t i = 0; i < 400; i++) {
        play_pair(&play, true);
        if (i % 10 == 5) {
            fail_leg(&play.pair.shadow, "timeout");
            fail_leg(&play.pair.control, "timeout");
        }
        tally_add_pair(tally, &play.pair);
    }
    assert_int_equal(play_verdict(tally), VERDICT_INSUFFICIENT);
    tally_free(tally);
}

/* ----------------------------------------------------------------------------------------------------------- latency */

static struct tally *slow_tally(size_t pairs, double live_ms, double added_ms, double control_added_ms, bool is_exact)
{
    struct tally *tally = play_tally();
    struct play play = {0};
    struct random random;
    play_seed(&random, 11);
    for (size_t i = 0; i < pairs; i++) {
        play_pair(&play, control_added_ms >= 0);
        double live = is_exact ? live_ms : play_latency(&random, live_ms);
        double shadow = added_ms + (is_exact ? live_ms : play_latency(&random, live_ms));
        double control = control_added_ms + (is_exact ? live_ms : play_latency(&random, live_ms));
        play.pair.live.duration_ns = (uint64_t)(live * 1e6);
        play.pair.shadow.duration_ns = (uint64_t)(shadow * 1e6);
        if (control_added_ms >= 0)
            play.pair.control.duration_ns = (uint64_t)(control * 1e6);
        tally_add_pair(tally, &play.pair);
    }
    return tally;
}

static void assert_ten_more(struct tally *tally)
{
    struct verdict verdict;
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_true(verdict.delta_p50.is_there);
    assert_true(fabs(verdict.delta_p50.value - 10) <= 1);
    assert_true(verdict.delta_p50.low <= 10 && verdict.delta_p50.high >= 10);
    assert_true(play_says(&verdict, "p50 is"));
    assert_int_equal(verdict.findings[0].kind, FINDING_LATENCY);
    verdict_deinit(&verdict);
}

static void test_ten_milliseconds_more_are_seen_as_ten(void **state)
{
    (void)state;
    struct tally *noisy = slow_tally(1000, 20, 10, -1, false);
    assert_ten_more(noisy);
    tally_free(noisy);
    struct tally *exact = slow_tally(1000, 20, 10, -1, true);
    assert_ten_more(exact);
    tally_free(exact);
}

static void test_the_same_latency_is_no_difference(void **state)
{
    (void)state;
    struct tally *tally = slow_tally(1500, 20, 0, -1, false);
    struct verdict verdict;
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_true(verdict.delta_p50.low <= 0 && verdict.delta_p50.high >= 0);
    assert_true(verdict.delta_p99.is_there);
    assert_true(verdict.delta_p99.low <= 0 && verdict.delta_p99.high >= 0);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_what_control_adds_as_well_is_not_held_against_the_shadow(void **state)
{
    (void)state;
    struct tally *tally = slow_tally(600, 5, 10, 10, false);
    struct verdict verdict;
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_true(play_says(&verdict, "what control shows as well is not held against it"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_p99_waits_for_a_thousand_pairs_and_connections_are_kept_apart(void **state)
{
    (void)state;
    struct tally *tally = slow_tally(400, 20, 0, -1, false);
    struct play play = {0};
    struct verdict verdict;
    for (size_t i = 0; i < 5000; i++) {
        play_pair(&play, false);
        play.pair.live.duration_ns = 1000000;
        play.pair.shadow.duration_ns = 90000000;
        play.pair.shadow.is_fresh = true;
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_PASS);
    assert_true(verdict.delta_p50.is_there);
    assert_false(verdict.delta_p99.is_there);
    assert_true(play_says(&verdict, "p99 is judged from 1000 pairs on; there are 400"));
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_one_slow_endpoint_is_named(void **state)
{
    (void)state;
    struct tally *tally = play_tally();
    struct play play = {0};
    struct random random;
    struct verdict verdict;
    play_seed(&random, 12);
    for (size_t i = 0; i < 2000; i++) {
        bool is_slow = i % 8 == 0;
        play_pair(&play, true);
        play.pair.endpoint = is_slow ? STR("GET /search") : STR("GET /items/{id}");
        play.pair.live.duration_ns = (uint64_t)(play_latency(&random, 5) * 1e6);
        play.pair.shadow.duration_ns = (uint64_t)(play_latency(&random, is_slow ? 40 : 5) * 1e6);
        play.pair.control.duration_ns = (uint64_t)(play_latency(&random, 5) * 1e6);
        tally_add_pair(tally, &play.pair);
    }
    judge(tally, &verdict);
    assert_verdict(&verdict, VERDICT_FAIL);
    assert_true(play_says(&verdict, "GET /search: the shadow's p50 is"));
    assert_false(play_says(&verdict, "GET /items/{id}: the shadow's"));
    assert_true(fabs(verdict.delta_p50.value) < 1);
    verdict_deinit(&verdict);
    tally_free(tally);
}

static void test_looking_changes_nothing(void **state)
{
    (void)state;
    struct tally *tally = slow_tally(1500, 20, 3, -1, false);
    struct strbuf texts[2] = {STRBUF_INIT, STRBUF_INIT};
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict;
        judge(tally, &verdict);
        verdict_json(&verdict, &texts[i]);
        verdict_deinit(&verdict);
    }
    assert_string_equal(texts[0].ptr, texts[1].ptr);
    strbuf_deinit(&texts[0]);
    strbuf_deinit(&texts[1]);
    tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_insufficient),
        cmocka_unit_test(test_ten_pairs_are_insufficient),
        cmocka_unit_test(test_equal_answers_pass),
        cmocka_unit_test(test_half_of_the_copies_lost_is_insufficient),
        cmocka_unit_test(test_bodies_that_can_not_be_compared_withhold_a_pass),
        cmocka_unit_test(test_a_price_that_changes_in_one_of_a_hundred_answers_fails_within_a_thousand),
        cmocka_unit_test(test_it_fails_also_where_ids_differ_always),
        cmocka_unit_test(test_it_is_found_under_the_noise_of_another_field),
        cmocka_unit_test(test_a_field_that_the_shadow_drops_is_no_noise_where_control_has_another_value),
        cmocka_unit_test(test_without_a_control_ids_are_proposed_as_a_rule),
        cmocka_unit_test(test_one_difference_without_a_control_withholds_a_pass),
        cmocka_unit_test(test_noise_of_control_alone_never_fails),
        cmocka_unit_test(test_statuses_are_judged_the_right_way_round),
        cmocka_unit_test(test_errors_of_live_that_the_shadow_does_not_have_are_no_new_errors),
        cmocka_unit_test(test_a_grpc_status_is_an_error_whatever_the_http_status_is),
        cmocka_unit_test(test_a_dead_shadow_fails_after_twenty_copies),
        cmocka_unit_test(test_one_of_twenty_copies_reset_or_timed_out_fails),
        cmocka_unit_test(test_copies_fail_as_often_as_live_does),
        cmocka_unit_test(test_a_shadow_that_fails_as_control_does_is_not_blamed_and_does_not_pass),
        cmocka_unit_test(test_ten_milliseconds_more_are_seen_as_ten),
        cmocka_unit_test(test_the_same_latency_is_no_difference),
        cmocka_unit_test(test_what_control_adds_as_well_is_not_held_against_the_shadow),
        cmocka_unit_test(test_p99_waits_for_a_thousand_pairs_and_connections_are_kept_apart),
        cmocka_unit_test(test_one_slow_endpoint_is_named),
        cmocka_unit_test(test_looking_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
