/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/marker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1800000000ull
#define LONGEST (UINT64_MAX - 1000) /* a time with as many digits as there can be */

static const unsigned char key[MARKER_KEY_BYTES] = "0123456789abcde";
static const unsigned char other_key[MARKER_KEY_BYTES] = "0123456789abcdf";
static const struct request_id id = {0x0123456789abcdefull, 0xfedcba9876543210ull};

static struct str format(char *out, struct str mirror, uint64_t at)
{
    return (struct str){out, marker_format(out, mirror, id, at, key)};
}

static void test_marker_says_mirror_request_and_time(void **state)
{
    (void)state;
    static const char want[] = "mirror=shop-v2:80; id=0123456789abcdeffedcba9876543210; t=1800000000; sig=";
    char out[MARKER_MAX];
    struct str marker = format(out, STR("shop-v2:80"), NOW);
    assert_int_equal(marker.len, sizeof(want) - 1 + 32);
    assert_memory_equal(marker.ptr, want, sizeof(want) - 1);
    assert_true(marker_verify(marker, NOW, key));
}

static void test_every_changed_byte_is_refused(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = format(out, STR("shop"), NOW);
    for (size_t i = 0; i < marker.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            out[i] = (char)(out[i] ^ (1 << bit));
            assert_false(marker_verify(marker, NOW, key));
            out[i] = (char)(out[i] ^ (1 << bit));
        }
    }
    assert_true(marker_verify(marker, NOW, key));
}

static void test_every_cut_and_every_added_byte_is_refused(void **state)
{
    (void)state;
    char out[MARKER_MAX + 1];
    struct str marker = format(out, STR("shop"), NOW);
    for (size_t len = 0; len < marker.len; len++) {
        assert_false(marker_verify(str_slice(marker, 0, len), NOW, key));
        assert_false(marker_verify(str_slice(marker, marker.len - len, marker.len), NOW, key));
    }
    out[marker.len] = '0';
    assert_false(marker_verify((struct str){out, marker.len + 1}, NOW, key));
}

static void test_other_key_is_refused(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    assert_false(marker_verify(format(out, STR("shop"), NOW), NOW, other_key));
}

static void test_marker_is_good_for_its_age_and_no_longer(void **state)
{
    (void)state;
    char out[MARKER_MAX];
    struct str marker = format(out, STR("shop"), NOW);
    assert_true(marker_verify(marker, NOW + MARKER_MAX_AGE_S, key));
    assert_false(marker_verify(marker, NOW + MARKER_MAX_AGE_S + 1, key));
    assert_true(marker_verify(marker, NOW - MARKER_MAX_AGE_S, key));
    assert_false(marker_verify(marker, NOW - MARKER_MAX_AGE_S - 1, key));
    /* Times that would wrap around are neither young nor old enough. */
    assert_false(marker_verify(format(out, STR("shop"), UINT64_MAX), NOW, key));
    assert_false(marker_verify(format(out, STR("shop"), 0), NOW, key));
}

static void test_over_long_names_are_cut_to_fit(void **state)
{
    (void)state;
    char name[4 * MARKER_MAX], out[MARKER_MAX];
    memset(name, 'n', sizeof(name));
    size_t cut = 0;
    for (size_t len = 1; len < sizeof(name); len += 7) {
        struct str marker = format(out, (struct str){name, len}, LONGEST);
        assert_in_range(marker.len, 1, MARKER_MAX);
        if (len > MARKER_MAX)
            cut = cut ? cut : marker.len;
        if (cut)
            assert_int_equal(marker.len, cut);
        assert_true(marker_verify(marker, LONGEST, key));
    }
}

static void test_what_is_no_marker_is_refused(void **state)
{
    (void)state;
    static const struct str values[] = {
        STR_INIT(""),
        STR_INIT("true"),
        STR_INIT("; sig="),
        STR_INIT("; sig=00000000000000000000000000000000"),
        STR_INIT("; t=1800000000; sig=00000000000000000000000000000000"),
        STR_INIT("mirror=a; id=0123456789abcdeffedcba9876543210; t=; sig=00000000000000000000000000000000"),
        STR_INIT("mirror=a; id=0123456789abcdeffedcba9876543210; sig=00000000000000000000000000000000"),
        STR_INIT("mirror=a; t=99999999999999999999999999; sig=00000000000000000000000000000000"),
        STR_INIT("1800000000; sig=00000000000000000000000000000000"),
    };
    char large[2 * MARKER_MAX];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_false(marker_verify(values[i], NOW, key));
    memset(large, '1', sizeof(large));
    assert_false(marker_verify((struct str){large, sizeof(large)}, NOW, key));
    assert_false(marker_verify(STR_NONE, NOW, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marker_says_mirror_request_and_time),
        cmocka_unit_test(test_every_changed_byte_is_refused),
        cmocka_unit_test(test_every_cut_and_every_added_byte_is_refused),
        cmocka_unit_test(test_other_key_is_refused),
        cmocka_unit_test(test_marker_is_good_for_its_age_and_no_longer),
        cmocka_unit_test(test_over_long_names_are_cut_to_fit),
        cmocka_unit_test(test_what_is_no_marker_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
