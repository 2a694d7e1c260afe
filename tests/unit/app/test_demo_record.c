/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MS 1000000ull
#define S (1000 * MS)

/* `n` requests of that latency, and as many copies, more than at the last look. */
static void step(struct demo_record *record, struct demo_look *look, uint64_t ns, uint64_t n, uint64_t latency_ns)
{
    look->at_ns += ns;
    look->load.answered += n;
    look->load.begun += n;
    look->load.latency[demo_latency_bucket(latency_ns)] += n;
    look->gateway.completed += n;
    demo_record_look(record, look);
}

static void test_latencies_are_right_to_a_few_percent(void **state)
{
    (void)state;
    size_t last = 0;
    for (uint64_t ns = 20000; ns < 60 * S; ns += ns / 7) {
        uint64_t counts[LATENCY_BUCKETS] = {0};
        size_t bucket = demo_latency_bucket(ns);
        assert_in_range(bucket, last, LATENCY_BUCKETS - 1);
        last = bucket;
        counts[bucket] = 1;
        double ms = latency_quantile_ms(counts, 0.5), want = (double)ns / 1e6;
        assert_true(ms > want * 0.93 && ms < want * 1.07);
    }
    assert_int_equal(demo_latency_bucket(0), 0);
    assert_int_equal(demo_latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void test_quantiles_lie_where_the_ranks_are(void **state)
{
    (void)state;
    uint64_t counts[LATENCY_BUCKETS] = {0};
    assert_true(latency_quantile_ms(counts, 0.5) < 0);
    counts[demo_latency_bucket(1 * MS)] = 98;
    counts[demo_latency_bucket(100 * MS)] = 2;
    assert_true(latency_quantile_ms(counts, 0.50) < 1.1);
    assert_true(latency_quantile_ms(counts, 0.98) < 1.1);
    assert_true(latency_quantile_ms(counts, 0.99) > 90);
}

static void test_figures_of_now_are_those_of_the_last_seconds(void **state)
{
    (void)state;
    static struct demo_record record;
    struct demo_look look = {.at_ns = S};
    demo_record_look(&record, &look);
    assert_true(demo_record_now(&record).requests == 0);
    assert_true(demo_record_now(&record).p50_ms < 0);
    for (int i = 0; i < 40; i++)
        step(&record, &look, 250 * MS, 50, 10 * MS);
    for (int i = 0; i < 24; i++)
        step(&record, &look, 250 * MS, 100, 1 * MS);
    struct demo_now now = demo_record_now(&record);
    assert_true(now.requests > 399.9 && now.requests < 400.1);
    assert_true(now.copies > 399.9 && now.copies < 400.1);
    assert_true(now.p99_ms < 1.1); /* the slow ones are older than the window */
}

static void test_each_condition_gets_what_happened_in_it(void **state)
{
    (void)state;
    static struct demo_record record;
    struct demo_look look = {.at_ns = S};
    demo_record_look(&record, &look);
    step(&record, &look, S, 10, MS);
    demo_record_condition(&record, DEMO_KILLED);
    step(&record, &look, S, 20, MS);
    step(&record, &look, S, 20, MS);
    demo_record_condition(&record, DEMO_HEALTHY);
    step(&record, &look, S, 5, MS);
    assert_int_equal(record.rows[DEMO_HEALTHY].answered, 15);
    assert_int_equal(record.rows[DEMO_HEALTHY].ns, 2 * S);
    assert_int_equal(record.rows[DEMO_KILLED].answered, 40);
    assert_int_equal(record.rows[DEMO_KILLED].latency[demo_latency_bucket(MS)], 40);
    assert_int_equal(record.rows[DEMO_SLOW].ns, 0);
}

static void test_history_has_a_value_a_second_and_forgets_the_oldest(void **state)
{
    (void)state;
    static struct demo_record record;
    struct demo_look look = {.at_ns = S};
    struct demo_now now;
    demo_record_look(&record, &look);
    for (int i = 0; i < 12; i++)
        step(&record, &look, 250 * MS, 1, MS);
    assert_int_equal(demo_record_history_len(&record), 3);
    for (int i = 0; i < DEMO_HISTORY; i++)
        step(&record, &look, S, (uint64_t)i + 1, MS);
    assert_int_equal(demo_record_history_len(&record), DEMO_HISTORY);
    assert_true(demo_record_history(&record, 0, &now));
    assert_true(now.requests > 0.9 && now.requests < 1.1);
    assert_true(demo_record_history(&record, DEMO_HISTORY - 1, &now));
    assert_true(now.requests > DEMO_HISTORY - 0.1);
    assert_false(demo_record_history(&record, DEMO_HISTORY, &now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latencies_are_right_to_a_few_percent),
        cmocka_unit_test(test_quantiles_lie_where_the_ranks_are),
        cmocka_unit_test(test_figures_of_now_are_those_of_the_last_seconds),
        cmocka_unit_test(test_each_condition_gets_what_happened_in_it),
        cmocka_unit_test(test_history_has_a_value_a_second_and_forgets_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
