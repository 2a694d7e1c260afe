/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT_HEAD "2026-01-02T12:00:01.123Z warn gateway: "
#define JSON_HEAD "{\"time\":\"2026-01-02T12:00:01.123Z\",\"level\":\"warn\",\"role\":\"gateway\",\"message\":\""

static char written[LOG_LINE_MAX + 1];
static size_t written_len;
static int writes;

static void write_line(const char *line, size_t len)
{
    assert_true(len <= LOG_LINE_MAX);
    memcpy(written, line, len);
    written[len] = '\0';
    written_len = len;
    writes++;
    errno = EBADF;
}

static uint64_t wall_ns(void)
{
    return 1767355201123456789;
}

static void use_sink(enum log_format format, enum log_level level)
{
    struct log_sink sink = {format, level, "gateway", write_line, wall_ns};
    log_set_sink(&sink);
    writes = 0;
}

/* Runs first: the process has no sink yet. */
static void test_without_a_sink_nothing_is_written(void **state)
{
    (void)state;
    assert_false(log_is_on(LOG_ERROR));
    log_error("x");
    assert_int_equal(writes, 0);
}

static void test_lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    use_sink(LOG_TEXT, LOG_WARN);
    assert_false(log_is_on(LOG_INFO));
    log_debug("x");
    log_info("x");
    assert_int_equal(writes, 0);
    log_warn("x");
    log_error("x");
    assert_int_equal(writes, 2);
}

static void test_a_text_line_has_time_level_role_and_message(void **state)
{
    (void)state;
    use_sink(LOG_TEXT, LOG_DEBUG);
    errno = EAGAIN;
    log_warn("mirror %s: %d held back", "default/v2", 3);
    assert_string_equal(written, TEXT_HEAD "mirror default/v2: 3 held back\n");
    assert_int_equal(errno, EAGAIN);
    log_debug("x");
    assert_string_equal(written, "2026-01-02T12:00:01.123Z debug gateway: x\n");
    log_info("x");
    assert_string_equal(written, "2026-01-02T12:00:01.123Z info gateway: x\n");
    log_error("x");
    assert_string_equal(written, "2026-01-02T12:00:01.123Z error gateway: x\n");
}

static void test_a_json_line_is_one_object(void **state)
{
    (void)state;
    use_sink(LOG_JSON, LOG_DEBUG);
    log_warn("mirror %s", "default/v2");
    assert_string_equal(written, JSON_HEAD "mirror default/v2\"}\n");
}

static void test_a_peer_can_not_forge_lines(void **state)
{
    (void)state;
    static const struct {
        const char *message, *text, *json;
    } cases[] = {
        {"a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc"},
        {"\x1b[31m", "\\x1b[31m", "\\u001b[31m"},
        {"\x01\x7f", "\\x01\\x7f", "\\u0001\\u007f"},
        {"say \"hi\" \\", "say \"hi\" \\", "say \\\"hi\\\" \\\\"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac"},
        {"\xc2\x9b"
         "31m",
         "\\u009b31m", "\\u009b31m"},
        {"\xff\xc3", "\\xff\\xc3", UTF8_REPLACEMENT UTF8_REPLACEMENT},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[200];
        use_sink(LOG_TEXT, LOG_DEBUG);
        log_warn("%s", cases[i].message);
        snprintf(want, sizeof(want), TEXT_HEAD "%s\n", cases[i].text);
        assert_string_equal(written, want);
        use_sink(LOG_JSON, LOG_DEBUG);
        log_warn("%s", cases[i].message);
        snprintf(want, sizeof(want), JSON_HEAD "%s\"}\n", cases[i].json);
        assert_string_equal(written, want);
    }
}

static void test_a_long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    static const char *const fillers[] = {"x", "\xc3\xbc", "\xf0\x9f\x98\x80", "\n", "\x01", "\xff", "\""};
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        char message[5000] = "";
        size_t len = 0, filler_len = strlen(fillers[i]);
        for (; len + filler_len < sizeof(message); len += filler_len)
            memcpy(message + len, fillers[i], filler_len);
        for (int is_json = 0; is_json < 2; is_json++) {
            use_sink(is_json ? LOG_JSON : LOG_TEXT, LOG_DEBUG);
            log_warn("%.*s", (int)len, message);
            assert_true(written_len > LOG_LINE_MAX - 12);
            struct str line = {written, written_len};
            assert_true(str_ends_with(line, is_json ? STR("\xe2\x80\xa6\"}\n") : STR("\xe2\x80\xa6\n")));
            assert_int_equal(str_find_char(line, '\n'), written_len - 1);
            for (size_t at = 0; at < written_len;) {
                size_t step = utf8_len(str_slice(line, at, written_len));
                assert_true(step > 0);
                at += step;
            }
        }
    }
}

static void test_a_message_that_just_fits_is_whole(void **state)
{
    (void)state;
    use_sink(LOG_TEXT, LOG_DEBUG);
    char message[LOG_LINE_MAX];
    size_t fits = LOG_LINE_MAX - (sizeof(TEXT_HEAD) - 1) - 1 - 3;
    memset(message, 'x', sizeof(message));
    log_warn("%.*s", (int)fits, message);
    assert_int_equal(written_len, LOG_LINE_MAX - 3);
    assert_null(strstr(written, "\xe2\x80\xa6"));
    log_warn("%.*s", (int)fits + 1, message);
    assert_int_equal(written_len, LOG_LINE_MAX);
    assert_non_null(strstr(written, "x\xe2\x80\xa6\n"));
}

static void test_limit_passes_one_line_per_interval_and_counts_the_rest(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    uint64_t held_back = 99;
    assert_true(log_limit_pass(&limit, 5000, 1000, &held_back));
    assert_int_equal(held_back, 0);
    assert_false(log_limit_pass(&limit, 5001, 1000, &held_back));
    assert_false(log_limit_pass(&limit, 5999, 1000, &held_back));
    assert_true(log_limit_pass(&limit, 6000, 1000, &held_back));
    assert_int_equal(held_back, 2);
    assert_true(log_limit_pass(&limit, 9000, 1000, &held_back));
    assert_int_equal(held_back, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_sink_nothing_is_written),
        cmocka_unit_test(test_lines_below_the_level_are_dropped),
        cmocka_unit_test(test_a_text_line_has_time_level_role_and_message),
        cmocka_unit_test(test_a_json_line_is_one_object),
        cmocka_unit_test(test_a_peer_can_not_forge_lines),
        cmocka_unit_test(test_a_long_message_is_cut_at_a_character),
        cmocka_unit_test(test_a_message_that_just_fits_is_whole),
        cmocka_unit_test(test_limit_passes_one_line_per_interval_and_counts_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
