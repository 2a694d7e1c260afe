/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_len_knows_what_is_utf8(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t len;
    } cases[] = {
        {STR_INIT(""), 0},
        {STR_INIT("\0"), 1},
        {STR_INIT("a"), 1},
        {STR_INIT("\x7f"), 1},
        {STR_INIT("\x80"), 0},
        {STR_INIT("\xc0\x80"), 0}, /* overlong */
        {STR_INIT("\xc1\xbf"), 0}, /* overlong */
        {STR_INIT("\xc2\x80"), 2},
        {STR_INIT("\xc3\xbcx"), 2},
        {STR_INIT("\xc3"), 0}, /* cut */
        {STR_INIT("\xc3x"), 0},
        {STR_INIT("\xe0\x9f\xbf"), 0}, /* overlong */
        {STR_INIT("\xe0\xa0\x80"), 3},
        {STR_INIT("\xe2\x82\xac"), 3},
        {STR_INIT("\xe2\x82"), 0}, /* cut */
        {STR_INIT("\xe2\x82x"), 0},
        {STR_INIT("\xed\x9f\xbf"), 3},
        {STR_INIT("\xed\xa0\x80"), 0}, /* surrogate */
        {STR_INIT("\xef\xbf\xbd"), 3},
        {STR_INIT("\xf0\x8f\xbf\xbf"), 0}, /* overlong */
        {STR_INIT("\xf0\x9f\x98\x80"), 4},
        {STR_INIT("\xf0\x9f\x98"), 0}, /* cut */
        {STR_INIT("\xf4\x8f\xbf\xbf"), 4},
        {STR_INIT("\xf4\x90\x80\x80"), 0}, /* above U+10FFFF */
        {STR_INIT("\xf5\x80\x80\x80"), 0},
        {STR_INIT("\xff"), 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (utf8_len(cases[i].text) != cases[i].len)
            fail_msg("case %zu: %zu", i, utf8_len(cases[i].text));
    }
    assert_int_equal(utf8_len(STR_NONE), 0);
}

static void test_plain_text_ends_at_the_first_other_byte(void **state)
{
    (void)state;
    static const char other[] = {'\0', '\x80', '\xff'};
    char text[24];
    for (size_t place = 0; place < sizeof(text); place++) {
        for (size_t i = 0; i < sizeof(other); i++) {
            memset(text, i & 1 ? '\x01' : '\x7f', sizeof(text));
            text[place] = other[i];
            assert_int_equal(utf8_plain_len((struct str){text, sizeof(text)}), place);
            assert_int_equal(utf8_plain_len((struct str){text, place}), place);
        }
    }
    assert_int_equal(utf8_plain_len(STR_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_len_knows_what_is_utf8),
        cmocka_unit_test(test_plain_text_ends_at_the_first_other_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
