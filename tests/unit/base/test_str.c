/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_str(struct str got, const char *want)
{
    if (!str_eq(got, str_from_c(want)))
        fail_msg("got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

static void test_from_c_borrows_without_nul(void **state)
{
    (void)state;
    assert_str(str_from_c("abc"), "abc");
    assert_int_equal(str_from_c("").len, 0);
    assert_non_null(str_from_c("").ptr);
    assert_null(str_from_c(NULL).ptr);
}

static void test_eq_compares_bytes(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_true(str_eq(STR_NONE, STR("")));
}

static void test_eq_nocase_folds_ascii_letters_and_nothing_else(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("Transfer-Encoding"), STR("tRANSFER-eNCODING")));
    assert_false(str_eq_nocase(STR("content-length"), STR("content-lengtg")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_eq_nocase(STR_NONE, STR("")));
    /* Every pair of bytes, in texts shorter and longer than a word of eight, at any place. */
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            int folded_a = a >= 'A' && a <= 'Z' ? a + 32 : a;
            int folded_b = b >= 'A' && b <= 'Z' ? b + 32 : b;
            size_t len = 1 + (size_t)(a + b) % 19;
            size_t place = (size_t)(a + 3 * b) % len;
            char left[20] = "ABCDEFGHIJKLMNOPQRS", right[20] = "abcdefghijklmnopqrs";
            left[place] = (char)a;
            right[place] = (char)b;
            if (str_eq_nocase((struct str){left, len}, (struct str){right, len}) != (folded_a == folded_b))
                fail_msg("bytes %d and %d at %zu", a, b, place);
        }
    }
}

static void test_starts_and_ends_with(void **state)
{
    (void)state;
    assert_true(str_starts_with(STR("/api/x"), STR("/api")));
    assert_true(str_starts_with(STR("x"), STR("")));
    assert_true(str_starts_with(STR_NONE, STR_NONE));
    assert_false(str_starts_with(STR("/ap"), STR("/api")));
    assert_true(str_ends_with(STR("a.example"), STR(".example")));
    assert_true(str_ends_with(STR_NONE, STR("")));
    assert_false(str_ends_with(STR("example"), STR("an.example")));
    assert_false(str_ends_with(STR("a.examplf"), STR(".example")));
}

static void test_find_char_gives_length_when_absent(void **state)
{
    (void)state;
    assert_int_equal(str_find_char(STR("a:b:c"), ':'), 1);
    assert_int_equal(str_find_char(STR("abc"), ':'), 3);
    assert_int_equal(str_find_char(STR_NONE, ':'), 0);
}

static void test_slice_is_clipped(void **state)
{
    (void)state;
    assert_str(str_slice(STR("abcdef"), 1, 3), "bc");
    assert_str(str_slice(STR("abcdef"), 4, 99), "ef");
    assert_str(str_slice(STR("abcdef"), 4, 2), "");
    assert_str(str_slice(STR("abcdef"), 9, 12), "");
    assert_str(str_slice(STR_NONE, 1, 2), "");
}

static void test_trim_takes_ows_only(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t a b\t ")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR("\na\r")), "\na\r");
    assert_str(str_trim(STR_NONE), "");
}

static void test_next_splits_and_keeps_empty_elements(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *elements[5];
    } cases[] = {
        {"a, b ,c", {"a", "b", "c"}},
        {"a", {"a"}},
        {",a", {"", "a"}},
        {"a,", {"a", ""}},
        {" , ", {"", ""}},
        {"", {""}},
        {NULL, {NULL}},
        {"a,,b", {"a", "", "b"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str rest = str_from_c(cases[i].list), element;
        size_t count = 0;
        for (; str_next(&rest, ',', &element); count++) {
            assert_non_null(cases[i].elements[count]);
            assert_str(element, cases[i].elements[count]);
        }
        assert_null(cases[i].elements[count]);
        assert_false(str_next(&rest, ',', &element));
    }
}

static void test_list_has_compares_whole_tokens(void **state)
{
    (void)state;
    assert_true(str_list_has(STR("keep-alive, Upgrade"), STR("upgrade")));
    assert_true(str_list_has(STR(",\tclose ,"), STR("close")));
    assert_false(str_list_has(STR("not-close"), STR("close")));
    assert_false(str_list_has(STR("close x"), STR("close")));
    assert_false(str_list_has(STR(","), STR("")));
    assert_false(str_list_has(STR_NONE, STR("close")));
}

static void test_to_u64_takes_digits_only(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        bool is_ok;
        uint64_t value;
    } cases[] = {
        {STR_INIT("0"), true, 0},
        {STR_INIT("007"), true, 7},
        {STR_INIT("18446744073709551615"), true, UINT64_MAX},
        {STR_INIT("18446744073709551616"), false, 0},
        {STR_INIT("99999999999999999999"), false, 0},
        {STR_INIT(""), false, 0},
        {STR_INIT("+1"), false, 0},
        {STR_INIT("-1"), false, 0},
        {STR_INIT(" 1"), false, 0},
        {STR_INIT("1 "), false, 0},
        {STR_INIT("0x1"), false, 0},
        {STR_INIT("1\0"), false, 0},
        {{NULL, 0}, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 42;
        assert_int_equal(str_to_u64(cases[i].text, &value), cases[i].is_ok);
        assert_true(value == (cases[i].is_ok ? cases[i].value : 42));
    }
}

static void test_to_bytes_knows_kubernetes_quantities(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ok;
        uint64_t bytes;
    } cases[] = {
        {"0", true, 0},
        {"512", true, 512},
        {"1k", true, 1000},
        {"64Ki", true, 64 << 10},
        {"64Mi", true, 64 << 20},
        {"3M", true, 3000000},
        {"1Gi", true, 1 << 30},
        {"2G", true, 2000000000},
        {"5Ti", true, 5ull << 40},
        {"5T", true, 5000000000000},
        {"15Ei", true, 15ull << 60},
        {"16Ei", false, 0},
        {"16777216Ti", false, 0},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"Mi", false, 0},
        {"1K", false, 0},
        {"1ki", false, 0},
        {"1MiB", false, 0},
        {"1 Mi", false, 0},
        {"-1Mi", false, 0},
        {"1.5Gi", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bytes = 0;
        if (str_to_bytes(str_from_c(cases[i].text), &bytes) != cases[i].is_ok)
            fail_msg("\"%s\"", cases[i].text);
        if (cases[i].is_ok && bytes != cases[i].bytes)
            fail_msg("\"%s\" is %llu", cases[i].text, (unsigned long long)bytes);
    }
}

static void test_to_ms_knows_gateway_api_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ok;
        uint64_t ms;
    } cases[] = {
        {"0s", true, 0},
        {"250ms", true, 250},
        {"15s", true, 15000},
        {"2m", true, 120000},
        {"1h", true, 3600000},
        {"1m30s", true, 90000},
        {"1h2m3s4ms", true, 3723004},
        {"10s30m1h", true, 5410000},
        {"99999h", true, 99999ull * 3600000},
        {"100000h", false, 0},
        {"1s1s1s1s1s", false, 0},
        {"", false, 0},
        {"0", false, 0},
        {"15", false, 0},
        {"s", false, 0},
        {"1.5s", false, 0},
        {"1us", false, 0},
        {"1S", false, 0},
        {"-1s", false, 0},
        {"1s ", false, 0},
        {"1m30", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t ms = 0;
        if (str_to_ms(str_from_c(cases[i].text), &ms) != cases[i].is_ok)
            fail_msg("\"%s\"", cases[i].text);
        if (cases[i].is_ok && ms != cases[i].ms)
            fail_msg("\"%s\" is %llu", cases[i].text, (unsigned long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_c_borrows_without_nul),
        cmocka_unit_test(test_eq_compares_bytes),
        cmocka_unit_test(test_eq_nocase_folds_ascii_letters_and_nothing_else),
        cmocka_unit_test(test_starts_and_ends_with),
        cmocka_unit_test(test_find_char_gives_length_when_absent),
        cmocka_unit_test(test_slice_is_clipped),
        cmocka_unit_test(test_trim_takes_ows_only),
        cmocka_unit_test(test_next_splits_and_keeps_empty_elements),
        cmocka_unit_test(test_list_has_compares_whole_tokens),
        cmocka_unit_test(test_to_u64_takes_digits_only),
        cmocka_unit_test(test_to_bytes_knows_kubernetes_quantities),
        cmocka_unit_test(test_to_ms_knows_gateway_api_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
