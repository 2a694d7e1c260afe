/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs as numbers: how often a shadow that is the same as live is blamed, however often one looks, and how soon one that is not is found. Seeded, so
 * that each run of the test is the same. */
#include "http/grpc.h"
#include "play.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define SLOWER 10 /* fewer runs where each costs as many times more */
#else
#    define SLOWER 1
#endif

enum { RUNS = 1000 / SLOWER, LOOKS = 100, PAIRS = 500 };

/* What three instances of one service answer: ids that are always new, a field that is noise in 30 % of the answers, a rare one, errors now and then, and copies that
 * get no answer. */
static void same_service(struct play *play, struct random *random, bool has_control)
{
    play_pair(play, has_control);
    struct leg_seen *legs[] = {&play->pair.live, &play->pair.shadow, &play->pair.control};
    bool is_odd[3], is_rare[3];
    for (size_t i = 0; i < 3; i++) {
        if (play_chance(random, 0.01))
            legs[i]->status = 503;
        if (play_chance(random, 0.005))
            *legs[i] = (struct leg_seen){.state = LEG_FAILED_OWN, .failure = "timeout", .grpc_status = GRPC_NONE};
        is_odd[i] = play_chance(random, 0.16);
        is_rare[i] = play_chance(random, 0.004);
    }
    if (play->pair.live.status != play->pair.shadow.status) {
        play->pair.body = BODY_NOT_COMPARED;
        return;
    }
    play_differ(play, "body.$.id", true, has_control);
    play->fields[0].is_volatile = true;
    if (!has_control)
        return;
    play_differ(play, "body.$.noisy", is_odd[0] != is_odd[1], is_odd[0] != is_odd[2]);
    play_differ(play, "headers.x-cache", is_rare[0] != is_rare[1], is_rare[0] != is_rare[2]);
}

struct outcome {
    size_t failed, insufficient, false_differences;
};

static struct outcome same_runs(size_t runs, size_t looks, bool has_control, bool has_latency)
{
    struct outcome outcome = {0};
    for (size_t run = 0; run < runs; run++) {
        struct tally *tally = play_tally();
        struct play play = {0};
        struct random random;
        struct verdict verdict = {0};
        bool is_failed = false;
        play_seed(&random, run);
        for (size_t i = 0; i < PAIRS; i++) {
            same_service(&play, &random, has_control);
            struct leg_seen *legs[] = {&play.pair.live, &play.pair.shadow, &play.pair.control};
            for (size_t leg = 0; has_latency && leg < 3; leg++)
                legs[leg]->duration_ns = (uint64_t)(play_latency(&random, 20) * 1e6);
            tally_add_pair(tally, &play.pair);
            if ((i + 1) % (PAIRS / looks) != 0)
                continue;
            verdict_deinit(&verdict);
            judge(tally, &verdict);
            if (verdict.kind == VERDICT_FAIL && !is_failed)
                print_message("run %zu, %zu pairs: %.*s\n", run, i + 1, STR_ARG(verdict.reasons[0]));
            is_failed |= verdict.kind == VERDICT_FAIL;
        }
        outcome.failed += is_failed;
        outcome.insufficient += verdict.kind == VERDICT_INSUFFICIENT;
        outcome.false_differences += verdict.bodies_different + verdict.headers_different;
        verdict_deinit(&verdict);
        tally_free(tally);
    }
    print_message("%zu runs of %d pairs, %zu looks each: %zu ever FAIL, %zu INSUFFICIENT at the end\n", runs, PAIRS,
                  looks, outcome.failed, outcome.insufficient);
    return outcome;
}

static void test_a_thousand_equal_shadows_looked_at_a_hundred_times(void **state)
{
    (void)state;
    struct outcome outcome = same_runs(RUNS, LOOKS, true, false);
    assert_true(outcome.failed * 100 <= RUNS);
    assert_true(outcome.insufficient * 20 < RUNS);
    assert_true(outcome.false_differences * 1000 <= (size_t)RUNS * PAIRS);
}

static void test_equal_shadows_without_a_control_whose_ids_look_like_ids(void **state)
{
    (void)state;
    struct outcome outcome = same_runs(300 / SLOWER, LOOKS, false, false);
    assert_true(outcome.failed * 100 <= 300 / SLOWER);
}

static void test_equal_latencies(void **state)
{
    (void)state;
    struct outcome outcome = same_runs(100 / SLOWER, 20, true, true);
    assert_int_equal(outcome.failed, 0);
    assert_true(outcome.insufficient * 20 <= 100);
}

/* Of `runs`, those that FAIL within `pairs` and name `says`. */
typedef void change_fn(struct play *play, struct random *random);
static size_t found(size_t runs, size_t pairs, bool has_control, change_fn *change, const char *says)
{
    size_t count = 0;
    for (size_t run = 0; run < runs; run++) {
        struct tally *tally = play_tally();
        struct play play = {0};
        struct random random;
        struct verdict verdict;
        play_seed(&random, 5000 + run);
        for (size_t i = 0; i < pairs; i++) {
            play_pair(&play, has_control);
            play_differ(&play, "body.$.id", true, has_control);
            play.fields[0].is_volatile = true;
            change(&play, &random);
            tally_add_pair(tally, &play.pair);
        }
        judge(tally, &verdict);
        count += verdict.kind == VERDICT_FAIL && play_says(&verdict, says);
        verdict_deinit(&verdict);
        tally_free(tally);
    }
    print_message("%-28s %s control: found in %zu of %zu runs of %zu pairs\n", says, has_control ? "with" : "without",
                  count, runs, pairs);
    return count;
}

static void change_price(struct play *play, struct random *random)
{
    play_differ(play, "body.$.price", play_chance(random, 0.02), false);
}

static void change_status(struct play *play, struct random *random)
{
    if (play_chance(random, 0.05)) {
        play_pair(play, play->pair.has_control);
        play_differ(play, "body.$.id", false, play->pair.has_control);
        play->pair.live.status = play->pair.control.status = 404;
        play->pair.body = BODY_NOT_COMPARED;
    }
}

static void reset_some(struct play *play, struct random *random)
{
    if (play_chance(random, 0.05))
        play->pair.shadow = (struct leg_seen){.state = LEG_FAILED_OWN, .failure = "reset", .grpc_status = GRPC_NONE};
}

static void time_out_some(struct play *play, struct random *random)
{
    if (play_chance(random, 0.05))
        play->pair.shadow = (struct leg_seen){.state = LEG_FAILED_OWN, .failure = "timeout", .grpc_status = GRPC_NONE};
}

static void test_what_is_broken_is_found(void **state)
{
    (void)state;
    const struct {
        change_fn *change;
        const char *says;
        size_t pairs;
    } cases[] = {
        {change_price, "body.$.price", 1000},
        {change_status, "404 became 200", 600},
        {reset_some, "reset", 600},
        {time_out_some, "timeout", 600},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int has_control = 0; has_control < 2; has_control++)
            assert_true(found(100, cases[i].pairs, has_control, cases[i].change, cases[i].says) >= 98);
    }
}

/* 10 ms more: the interval holds it in nearly all runs, and the value is within 1 ms. */
static void test_ten_milliseconds_more(void **state)
{
    (void)state;
    size_t held = 0, near = 0;
    enum { SLOW_RUNS = 60 / (SLOWER > 1 ? 5 : 1) };
    for (size_t run = 0; run < SLOW_RUNS; run++) {
        struct tally *tally = play_tally();
        struct play play = {0};
        struct random random;
        struct verdict verdict;
        play_seed(&random, run);
        for (size_t i = 0; i < 1200; i++) {
            play_pair(&play, false);
            double spread = 18 + 4 * play_uniform(&random), other = 28 + 4 * play_uniform(&random);
            play.pair.live.duration_ns = (uint64_t)(spread * 1e6);
            play.pair.shadow.duration_ns = (uint64_t)(other * 1e6);
            tally_add_pair(tally, &play.pair);
        }
        judge(tally, &verdict);
        held += verdict.delta_p50.low <= 10 && verdict.delta_p50.high >= 10;
        near += fabs(verdict.delta_p50.value - 10) <= 1;
        if (run == 0)
            print_message("p50 %+.2f ms (%+.2f to %+.2f), p99 %+.2f (%+.2f to %+.2f)\n", verdict.delta_p50.value,
                          verdict.delta_p50.low, verdict.delta_p50.high, verdict.delta_p99.value, verdict.delta_p99.low,
                          verdict.delta_p99.high);
        verdict_deinit(&verdict);
        tally_free(tally);
    }
    assert_int_equal(held, SLOW_RUNS);
    assert_int_equal(near, SLOW_RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_equal_shadows_looked_at_a_hundred_times),
        cmocka_unit_test(test_equal_shadows_without_a_control_whose_ids_look_like_ids),
        cmocka_unit_test(test_equal_latencies),
        cmocka_unit_test(test_what_is_broken_is_found),
        cmocka_unit_test(test_ten_milliseconds_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
