/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/marker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1767312000u

static const unsigned char key[MARKER_KEY_BYTES] = "0123456789abcde";
static const unsigned char other_key[MARKER_KEY_BYTES] = "0123456789abcdf";
static const struct request_id id = {0x0123456789abcdef, 0xfedcba9876543210};

static struct str make(char *out, struct str mirror, uint64_t unix_s)
{
    size_t len = marker_format(out, mirror, id, unix_s, key);
    assert_true(len <= MARKER_MAX);
    return (struct str){out, len};
}

static void test_a_marker_reads_as_documented(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = make(out, STR("default/shop-v2:80"), NOW);
    assert_true(str_starts_with(
        marker, STR("mirror=default/shop-v2:80; id=0123456789abcdeffedcba9876543210; t=1767312000; sig=")));
}

static void test_a_marker_verifies_with_its_key_only(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = make(out, STR("a"), NOW);
    assert_true(marker_verify(marker, NOW, key));
    assert_false(marker_verify(marker, NOW, other_key));
}

static void test_a_marker_is_worth_five_minutes_in_either_direction(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = make(out, STR("a"), NOW);
    assert_true(marker_verify(marker, NOW + MARKER_MAX_AGE_S, key));
    assert_true(marker_verify(marker, NOW - MARKER_MAX_AGE_S, key));
    assert_false(marker_verify(marker, NOW + MARKER_MAX_AGE_S + 1, key));
    assert_false(marker_verify(marker, NOW - MARKER_MAX_AGE_S - 1, key));
}

static void test_no_changed_bit_passes(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = make(out, STR("default/x"), NOW);
    for (size_t i = 0; i < marker.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            out[i] = (char)(out[i] ^ (1 << bit));
            assert_false(marker_verify(marker, NOW, key));
            out[i] = (char)(out[i] ^ (1 << bit));
        }
    }
    assert_true(marker_verify(marker, NOW, key));
}

static void test_no_cut_or_longer_marker_passes(void **state)
{
    (void)state;
    char out[MARKER_MAX + 1] = {0};
    struct str marker = make(out, STR("default/x"), NOW);
    for (size_t len = 0; len < marker.len; len++) {
        assert_false(marker_verify(str_slice(marker, 0, len), NOW, key));
        assert_false(marker_verify(str_slice(marker, marker.len - len, marker.len), NOW, key));
    }
    assert_false(marker_verify((struct str){out, marker.len + 1}, NOW, key));
}

static void test_what_is_no_marker_is_refused(void **state)
{
    (void)state;
    static const struct str values[] = {
        STR_INIT(""),
        STR_INIT("true"),
        STR_INIT("mirror=a; id=0; t=1767312000"),
        STR_INIT("; sig=00000000000000000000000000000000"),
        STR_INIT("mirror=a; id=0; t=; sig=00000000000000000000000000000000"),
        STR_INIT("mirror=a; id=0; t=99999999999999999999999; sig=00000000000000000000000000000000"),
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_false(marker_verify(values[i], NOW, key));
    assert_false(marker_verify(STR_NONE, NOW, key));
}

static void test_a_long_label_is_cut_to_fit(void **state)
{
    (void)state;
    char out[MARKER_MAX], label[2000];
    memset(label, 'x', sizeof label);
    struct str marker = make(out, (struct str){label, sizeof label}, UINT64_MAX);
    assert_true(marker.len <= MARKER_MAX && marker.len > MARKER_MAX / 2);
    marker = make(out, (struct str){label, sizeof label}, NOW);
    assert_true(marker_verify(marker, NOW, key));
}

static void test_two_requests_have_different_signatures(void **state)
{
    (void)state;
    char one[MARKER_MAX], two[MARKER_MAX];
    size_t len = marker_format(one, STR("a"), (struct request_id){1, 2}, NOW, key);
    size_t other = marker_format(two, STR("a"), (struct request_id){1, 3}, NOW, key);
    assert_int_equal(len, other);
    assert_memory_not_equal(one + len - 32, two + len - 32, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_marker_reads_as_documented),
        cmocka_unit_test(test_a_marker_verifies_with_its_key_only),
        cmocka_unit_test(test_a_marker_is_worth_five_minutes_in_either_direction),
        cmocka_unit_test(test_no_changed_bit_passes),
        cmocka_unit_test(test_no_cut_or_longer_marker_passes),
        cmocka_unit_test(test_what_is_no_marker_is_refused),
        cmocka_unit_test(test_a_long_label_is_cut_to_fit),
        cmocka_unit_test(test_two_requests_have_different_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
