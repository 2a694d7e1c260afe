/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_add_appends_and_ends_in_nul(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    assert_int_equal(strbuf_str(&buf).len, 0);
    strbuf_add(&buf, STR_NONE);
    assert_string_equal(buf.ptr, "");
    strbuf_add(&buf, STR("abc"));
    strbuf_add_char(&buf, '-');
    strbuf_printf(&buf, "%d%s", 12, "x");
    assert_string_equal(buf.ptr, "abc-12x");
    assert_int_equal(strbuf_str(&buf).len, 7);
    strbuf_deinit(&buf);
    strbuf_deinit(&buf);
}

static void test_numbers_are_written_in_all_their_digits(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    strbuf_add_u64(&buf, 0);
    strbuf_add_char(&buf, ' ');
    strbuf_add_u64(&buf, 1009);
    strbuf_add_char(&buf, ' ');
    strbuf_add_u64(&buf, UINT64_MAX);
    assert_string_equal(buf.ptr, "0 1009 18446744073709551615");
    strbuf_deinit(&buf);
}

static void test_text_grows_by_any_step(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    char text[1001];
    size_t want = 0;
    memset(text, 'x', 1000);
    for (size_t len = 0; len <= 1000; len++, want += len - 1) {
        assert_int_equal(buf.len, want);
        text[len] = '\0';
        if (len % 2)
            strbuf_printf(&buf, "%s", text);
        else
            strbuf_add(&buf, (struct str){text, len});
        text[len] = 'x';
        assert_true(buf.len < buf.capacity);
        assert_int_equal(buf.ptr[buf.len], '\0');
    }
    assert_int_equal(strspn(buf.ptr, "x"), buf.len);
    strbuf_deinit(&buf);
}

static void test_clear_keeps_the_room(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    strbuf_clear(&buf);
    strbuf_add(&buf, STR("abc"));
    char *before = buf.ptr;
    strbuf_clear(&buf);
    assert_string_equal(buf.ptr, "");
    strbuf_add(&buf, STR("de"));
    assert_ptr_equal(buf.ptr, before);
    assert_string_equal(buf.ptr, "de");
    strbuf_deinit(&buf);
}

static void test_take_hands_the_text_over(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    char *text = strbuf_take(&buf);
    assert_string_equal(text, "");
    mem_free(text);
    strbuf_add(&buf, STR("abc"));
    text = strbuf_take(&buf);
    assert_string_equal(text, "abc");
    assert_null(buf.ptr);
    mem_free(text);
}

static void test_json_escapes_what_must_not_stand_in_a_string(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *json;
    } cases[] = {
        {STR_INIT(""), "\"\""},
        {{NULL, 0}, "\"\""},
        {STR_INIT("plain /text"), "\"plain /text\""},
        {STR_INIT("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {STR_INIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""},
        {STR_INIT("\0\x01\x1f"), "\"\\u0000\\u0001\\u001f\""},
        {STR_INIT("\x7f"), "\"\x7f\""},
        {STR_INIT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
         "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {STR_INIT("a\xffz"), "\"a\xef\xbf\xbdz\""},
        {STR_INIT("\xc3"), "\"\xef\xbf\xbd\""},
        {STR_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct strbuf buf = STRBUF_INIT;
        strbuf_add_json(&buf, cases[i].text);
        assert_string_equal(buf.ptr, cases[i].json);
        strbuf_deinit(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_appends_and_ends_in_nul),
        cmocka_unit_test(test_numbers_are_written_in_all_their_digits),
        cmocka_unit_test(test_text_grows_by_any_step),
        cmocka_unit_test(test_clear_keeps_the_room),
        cmocka_unit_test(test_take_hands_the_text_over),
        cmocka_unit_test(test_json_escapes_what_must_not_stand_in_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
