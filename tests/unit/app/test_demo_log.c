/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_log.h"

#include "app/demo_terminal.h"
#include "app/startup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_the_startup_block_tells_the_addresses(void **state)
{
    (void)state;
    static const struct settings settings = {.live = {.host = "127.0.0.1", .port = 1}};
    static const char *const listening[] = {"127.0.0.1:8080", "[::1]:8080", "unix:/run/umbra.sock"};
    for (size_t i = 0; i < sizeof(listening) / sizeof(listening[0]); i++) {
        static struct demo_log log;
        struct address listen, admin;
        struct strbuf block = STRBUF_INIT;
        log = (struct demo_log){.read_fd = -1, .write_fd = -1};
        assert_true(address_parse(str_from_c(listening[i]), &listen));
        assert_true(address_parse(STR("127.0.0.1:9900"), &admin));
        startup_format(&block, &settings, &listen, 1, &admin);
        for (size_t at = 0; at < block.len; at++) { /* however it is cut */
            assert_false(log.is_up);
            demo_log_take(&log, (struct str){block.ptr + at, 1});
        }
        assert_true(log.is_up);
        assert_true(address_eq(&log.listening, &listen));
        assert_true(address_eq(&log.admin, &admin));
        assert_null(demo_log_line(&log, 0).ptr);
        strbuf_deinit(&block);
    }
}

static void test_the_last_lines_are_kept_newest_first(void **state)
{
    (void)state;
    static struct demo_log log;
    char line[2 * DEMO_LOG_WIDTH];
    for (int i = 0; i < 20; i++) {
        int len = snprintf(line, sizeof(line), "line %d\n\n", i);
        demo_log_take(&log, (struct str){line, (size_t)len});
    }
    assert_string_equal(demo_log_line(&log, 0).ptr, "line 19");
    assert_string_equal(demo_log_line(&log, DEMO_LOG_LINES - 1).ptr, "line 12");
    assert_null(demo_log_line(&log, DEMO_LOG_LINES).ptr);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    demo_log_take(&log, (struct str){line, sizeof(line)});
    assert_int_equal(demo_log_line(&log, 0).len, DEMO_LOG_WIDTH - 1);
}

static void test_glyphs_follow_the_locale(void **state)
{
    (void)state;
    static const struct {
        const char *locale, *term;
        bool is_multiplexed, is_utf8;
    } cases[] = {
        {"en_US.UTF-8", "xterm", false, true},
        {"C.utf8", "linux", true, true},
        {"de_DE.UTF-8@euro", "xterm", false, true},
        {"", "xterm-256color", false, true},
        {"C", "xterm", false, true},
        {"POSIX", "screen", true, false},
        {"", "linux", false, false},
        {"de_DE", "xterm", false, false},
        {"en_US.ISO-8859-1", "xterm", false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (demo_terminal_is_utf8(cases[i].locale, cases[i].term, cases[i].is_multiplexed) != cases[i].is_utf8)
            fail_msg("%s on %s", cases[i].locale, cases[i].term);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_startup_block_tells_the_addresses),
        cmocka_unit_test(test_the_last_lines_are_kept_newest_first),
        cmocka_unit_test(test_glyphs_follow_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
