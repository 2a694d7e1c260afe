/* SPDX-License-Identifier: Apache-2.0 */
#include "app/startup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct settings sample = {
    .live = {.host = "shop", .port = 80},
    .shadows = {{.host = "::1", .port = 3001, .numerator = 20, .denominator = 100},
                {.host = "unix:/run/v3", .numerator = 5, .denominator = 1000},
                {.host = "c", .port = 1, .numerator = 333333, .denominator = 1000000},
                {.host = "d", .port = 2, .numerator = 100, .denominator = 100}},
    .shadow_count = 4,
};

static void assert_block(const struct settings *settings, const char *middle)
{
    struct address listening, admin;
    assert_true(address_parse(STR("[::]:8080"), &listening));
    assert_true(address_parse(STR("127.0.0.1:9900"), &admin));
    char want[1024];
    snprintf(want, sizeof(want),
             "umbra %s\n  listening  http://[::]:8080\n  live       shop:80\n%s  admin      http://127.0.0.1:9900/\n"
             "  pid        %ld\n",
             UMBRA_VERSION, middle, (long)getpid());
    struct strbuf block = STRBUF_INIT;
    startup_format(&block, settings, &listening, 1, &admin);
    assert_string_equal(block.ptr, want);
    strbuf_deinit(&block);
}

static void test_block_names_all_that_runs(void **state)
{
    (void)state;
    static const char shadows[] = "  shadow     [::1]:3001  20 %\n  shadow     unix:/run/v3  0.5 %\n"
                                  "  shadow     c:1  33.3333 %\n  shadow     d:2  100 %\n";
    char middle[512];
    struct settings settings = sample;
    snprintf(middle, sizeof(middle), "%s  copied     GET, HEAD, OPTIONS (--mirror-writes: all methods)\n", shadows);
    assert_block(&settings, middle);
    settings.is_mirroring_writes = 1;
    snprintf(middle, sizeof(middle), "%s  copied     all methods\n", shadows);
    assert_block(&settings, middle);
    settings.is_safe_methods = 1;
    snprintf(middle, sizeof(middle), "%s  copied     GET, HEAD, OPTIONS\n", shadows);
    assert_block(&settings, middle);
}

static void test_block_says_that_there_is_no_shadow(void **state)
{
    (void)state;
    struct settings settings = sample;
    settings.shadow_count = 0;
    assert_block(&settings, "  shadow     none: a plain proxy (--shadow HOST:PORT adds one)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_names_all_that_runs),
        cmocka_unit_test(test_block_says_that_there_is_no_shadow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
