/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/text.h"

#include "fixture.h"

static void test_counts_have_thousands_separators(void **state)
{
    (void)state;
    assert_string_equal(text_count(0).ptr, "0");
    assert_string_equal(text_count(999).ptr, "999");
    assert_string_equal(text_count(1000).ptr, "1,000");
    assert_string_equal(text_count(UINT64_MAX).ptr, "18,446,744,073,709,551,615");
}

static void test_rates_keep_a_decimal_while_small(void **state)
{
    (void)state;
    assert_string_equal(text_rate(0).ptr, "0.0");
    assert_string_equal(text_rate(12.34).ptr, "12.3");
    assert_string_equal(text_rate(99.99).ptr, "100");
    assert_string_equal(text_rate(12345.6).ptr, "12,346");
    assert_string_equal(text_rate(-1).ptr, "0.0");
}

static void test_bytes_and_durations_have_the_unit_that_fits(void **state)
{
    (void)state;
    assert_string_equal(text_bytes(0).ptr, "0 B");
    assert_string_equal(text_bytes(1536).ptr, "1.5 KiB");
    assert_string_equal(text_bytes(64ull << 20).ptr, "64 MiB");
    assert_string_equal(text_duration(0).ptr, "0 ms");
    assert_string_equal(text_duration(850000000).ptr, "850 ms");
    assert_string_equal(text_duration(3100000000).ptr, "3 s");
    assert_string_equal(text_duration(125000000000).ptr, "2 min 5 s");
    assert_string_equal(text_duration(11040ull * 1000000000).ptr, "3 h 4 min");
    assert_string_equal(text_duration(90000ull * 1000000000).ptr, "1 d 1 h");
    assert_string_equal(text_ms(-1).ptr, "-");
    assert_string_equal(text_ms(1.234).ptr, "1.23");
    assert_string_equal(text_ms(12.34).ptr, "12.3");
    assert_string_equal(text_ms(60000).ptr, "60,000");
    assert_string_equal(text_time(1769860801123456789).ptr, "2026-01-31T12:00:01.123Z");
}

static void test_a_share_is_never_rounded_to_none_or_all(void **state)
{
    (void)state;
    assert_string_equal(text_share(0, 0).ptr, "-");
    assert_string_equal(text_share(0, 10).ptr, "0 %");
    assert_string_equal(text_share(10, 10).ptr, "100 %");
    assert_string_equal(text_share(1, 1000000).ptr, "<0.01 %");
    assert_string_equal(text_share(999999, 1000000).ptr, ">99.99 %");
    assert_string_equal(text_share(1, 8).ptr, "12.5 %");
    assert_string_equal(text_share(1, 5000).ptr, "0.02 %");
}

static void test_label_values_are_escaped(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    text_add_label(&page, STR("a\"b\\c\nd\x01\xff\xc3\xa9"));
    assert_string_equal(page.ptr, "a\\\"b\\\\c\\nd??\xc3\xa9");
    strbuf_deinit(&page);
}

static void test_cells_are_padded_and_cut_by_columns(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    text_add_cell(&page, STR("é"), 3);
    strbuf_add_char(&page, '|');
    text_add_cell(&page, STR("12"), -4);
    strbuf_add_char(&page, '|');
    text_add_cell(&page, STR("abcdef"), 4);
    strbuf_add_char(&page, '|');
    text_add_cell(&page, STR("\x1b[2J"), 4);
    assert_string_equal(page.ptr, "é  |  12|abc…|?[2J");
    strbuf_deinit(&page);
}

static void test_lines_are_broken_at_blanks(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    text_add_wrapped(&page, STR("one two three"), 2, 9);
    assert_string_equal(page.ptr, "  one two\n  three\n");
    strbuf_deinit(&page);
}

static void test_query_values_survive_both_ways(void **state)
{
    (void)state;
    struct strbuf there = STRBUF_INIT, back = STRBUF_INIT;
    text_add_escaped(&there, STR("default/q#0 +&é"));
    assert_string_equal(there.ptr, "default/q%230%20%2B%26%C3%A9");
    text_add_unescaped(&back, strbuf_str(&there));
    assert_string_equal(back.ptr, "default/q#0 +&é");
    strbuf_clear(&back);
    text_add_unescaped(&back, STR("a+b%4"));
    assert_string_equal(back.ptr, "a b%4");
    strbuf_deinit(&there);
    strbuf_deinit(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_have_thousands_separators),
        cmocka_unit_test(test_rates_keep_a_decimal_while_small),
        cmocka_unit_test(test_bytes_and_durations_have_the_unit_that_fits),
        cmocka_unit_test(test_a_share_is_never_rounded_to_none_or_all),
        cmocka_unit_test(test_label_values_are_escaped),
        cmocka_unit_test(test_cells_are_padded_and_cut_by_columns),
        cmocka_unit_test(test_lines_are_broken_at_blanks),
        cmocka_unit_test(test_query_values_survive_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
