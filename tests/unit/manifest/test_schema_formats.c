/* SPDX-License-Identifier: Apache-2.0 */
/* The checks in C and the patterns of the CRDs must say the same, or a laptop would take what a cluster refuses. */
#include "manifest/schema_formats.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct schema_format *const formats[] = {
    &format_dns_label,        &format_dns_name, &format_section_name, &format_hostname,
    &format_precise_hostname, &format_group,    &format_kind,         &format_header_name,
    &format_domain_path,      &format_origin,   &format_cidr,         &format_ip,
    &format_base64,           &format_duration, &format_quantity,     &format_percent,
    &format_decimal_duration,
};

static void test_examples_are_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(formats); i++) {
        if (!formats[i]->is_valid(str_from_c(formats[i]->example)))
            fail_msg("%s: %s", formats[i]->name, formats[i]->example);
    }
}

static void check_like_pattern(const struct schema_format *format, const regex_t *pattern, const char *text)
{
    bool is_match = regexec(pattern, text, 0, NULL, 0) == 0;
    if (is_match && format->is_rough)
        return;
    if (format->is_valid(str_from_c(text)) != is_match)
        fail_msg("%s: \"%s\" is %s by the pattern only", format->name, text, is_match ? "right" : "wrong");
}

static const char *const texts[] = {
    "",
    "a",
    "shop-v2",
    "-a",
    "a-",
    "A",
    "a.b",
    "a..b",
    ".a",
    "a.",
    "*.a.b",
    "*",
    "*.",
    "a.*.b",
    "a_b",
    "HTTPRoute",
    "1Route",
    "Route-",
    "X-User-Id",
    "x y",
    "a!#$%&'*+-.^_`|~0",
    "a:b",
    "example.com/a",
    "example.com/",
    "example.com/a/b~%!$&'()*+,;=:",
    "/a",
    "example.com/a b",
    "http://a",
    "https://a.b:443",
    "https://*.a.b",
    "https://*",
    "http://*:80",
    "https://a.b:123456",
    "https://a.b:",
    "ftp://a",
    "https://a..b",
    "https://.a",
    "https://a.",
    "https://A-b",
    "https://",
    "https://a/b",
    "10s",
    "1h30m",
    "1m2s3ms4h",
    "1m2s3ms4h5m",
    "123456s",
    "10",
    "s",
    "1.5s",
    "1d",
    "1ms",
    "64Mi",
    "64",
    "64k",
    "64K",
    "Mi",
    "1.5Gi",
    "-1",
    "1Mi ",
    "0.1%",
    "100%",
    "5",
    "1234567%",
    "0.12345%",
    ".5%",
    "5.%",
    "%",
    "-5%",
};

static void test_checks_say_what_patterns_say(void **state)
{
    (void)state;
    static const char letters[] = "a1.-*/:Zs%";
    for (size_t i = 0; i < COUNT(formats); i++) {
        regex_t pattern;
        char text[6] = "";
        if (!formats[i]->pattern)
            continue;
        assert_int_equal(regcomp(&pattern, formats[i]->pattern, REG_EXTENDED | REG_NOSUB), 0);
        for (size_t j = 0; j < COUNT(texts); j++)
            check_like_pattern(formats[i], &pattern, texts[j]);
        /* All texts of four letters. */
        for (unsigned number = 0; number < 10000; number++) {
            for (unsigned at = 0, rest = number; at < 4; at++, rest /= 10)
                text[at] = letters[rest % 10];
            check_like_pattern(formats[i], &pattern, text);
        }
        regfree(&pattern);
    }
}

struct format_case {
    const struct schema_format *format;
    const char *text;
    bool is_valid;
};

static void test_formats_without_a_pattern(void **state)
{
    (void)state;
    static const struct format_case cases[] = {
        {&format_cidr, "10.0.0.0/8", true}, {&format_cidr, "fd00::/8", true},
        {&format_cidr, "192.0.2.7", true},  {&format_cidr, "10.0.0.0/33", false},
        {&format_cidr, "10.0.0/8", false},  {&format_cidr, "shop/8", false},
        {&format_ip, "192.0.2.7", true},    {&format_ip, "::1", true},
        {&format_ip, "10.0.0.0/8", false},  {&format_ip, "localhost", false},
        {&format_base64, "", true},         {&format_base64, "YQ==", true},
        {&format_base64, "YWI=", true},     {&format_base64, "YWJj\nYWJj\n", true},
        {&format_base64, "YQ", false},      {&format_base64, "YQ=", false},
        {&format_base64, "YQ=a", false},    {&format_base64, "Y===", false},
        {&format_base64, "-_==", false},    {&format_quantity, "9Ei", false}, /* over 63 bits */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].format->is_valid(str_from_c(cases[i].text)) != cases[i].is_valid)
            fail_msg("%s: \"%s\"", cases[i].format->name, cases[i].text);
    }
}

static void test_no_format_takes_a_nul(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(formats); i++) {
        assert_false(formats[i]->is_valid(STR("a\0b")));
        assert_false(formats[i]->is_valid(STR("\0")));
    }
}

static void test_percentages_are_millionths(void **state)
{
    (void)state;
    int64_t millionths = 0;
    assert_true(format_percent_parse(STR("0.1%"), &millionths));
    assert_int_equal(millionths, 1000);
    assert_true(format_percent_parse(STR("12.0305%"), &millionths));
    assert_int_equal(millionths, 120305);
    assert_true(format_percent_parse(STR("999999.9999%"), &millionths));
    assert_int_equal(millionths, 9999999999);
}

static void test_durations_with_decimals_are_rounded_up_to_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: no duration */
    } cases[] = {
        {"1s", 1000},
        {"1.5s", 1500},
        {"0.25s", 250},
        {"1h30m", 5400000},
        {"250ms", 250},
        {"1us", 1},
        {"1ns", 1},
        {"0s", 0},
        {"1000001ns", 2},
        {".5s", 500},
        {"2.s", 2000},
        {"1m0.1s", 60100},
        {"", -1},
        {"5", -1},
        {"s", -1},
        {".s", -1},
        {"-1s", -1},
        {"1 s", -1},
        {"1s ", -1},
        {"1d", -1},
        {"1e3s", -1},
        {"1.2.3s", -1},
        {"9999999999s", -1},
        {"999999999h", -1},
        {"1s1s1s1s1s1s1s1s1s", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 0;
        bool is_read = format_decimal_duration_parse(str_from_c(cases[i].text), &ms);
        if (is_read != (cases[i].ms >= 0) || (is_read && ms != cases[i].ms))
            fail_msg("\"%s\": %d, %lld", cases[i].text, is_read, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_are_valid),
        cmocka_unit_test(test_checks_say_what_patterns_say),
        cmocka_unit_test(test_formats_without_a_pattern),
        cmocka_unit_test(test_no_format_takes_a_nul),
        cmocka_unit_test(test_percentages_are_millionths),
        cmocka_unit_test(test_durations_with_decimals_are_rounded_up_to_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
