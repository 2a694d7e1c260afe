/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_bounds_rise_from_half_a_millisecond_to_a_minute(void **state)
{
    (void)state;
    assert_true(histogram_bounds_ns[0] == 500000);
    assert_true(histogram_bounds_ns[HISTOGRAM_BUCKETS - 2] == 60000000000);
    assert_true(histogram_bounds_ns[HISTOGRAM_BUCKETS - 1] == UINT64_MAX);
    for (size_t i = 1; i < HISTOGRAM_BUCKETS; i++)
        assert_true(histogram_bounds_ns[i] > histogram_bounds_ns[i - 1]);
}

static void test_bounds_are_inclusive(void **state)
{
    (void)state;
    assert_int_equal(histogram_bucket(0), 0);
    for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
        assert_int_equal(histogram_bucket(histogram_bounds_ns[i]), i);
        assert_int_equal(histogram_bucket(histogram_bounds_ns[i] + 1), i + 1);
    }
    assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_rise_from_half_a_millisecond_to_a_minute),
        cmocka_unit_test(test_bounds_are_inclusive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
