/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set_returns_false_with_the_sentence(void **state)
{
    (void)state;
    struct err err;
    assert_false(err_set(&err, "port %d: too large", 70000));
    assert_string_equal(err.text, "port 70000: too large");
}

static void test_wrap_puts_context_in_front(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, "no such field");
    assert_false(err_wrap(&err, "%s:%d", "rules.yaml", 7));
    assert_string_equal(err.text, "rules.yaml:7: no such field");
}

static void test_errno_is_named_and_kept(void **state)
{
    (void)state;
    struct err err;
    errno = ENOENT;
    assert_false(err_errno(&err, "open %s", "/x"));
    assert_string_equal(err.text, "open /x: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void test_null_is_allowed(void **state)
{
    (void)state;
    assert_false(err_set(NULL, "x"));
    assert_false(err_wrap(NULL, "x"));
    assert_false(err_errno(NULL, "x"));
}

static void test_the_old_text_may_be_an_argument(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, "inner");
    err_set(&err, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    struct err err;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    err_set(&err, "tail");
    err_wrap(&err, "%.505s", text);
    assert_string_equal(err.text + 505, ": tail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_false_with_the_sentence),
        cmocka_unit_test(test_wrap_puts_context_in_front),
        cmocka_unit_test(test_errno_is_named_and_kept),
        cmocka_unit_test(test_null_is_allowed),
        cmocka_unit_test(test_the_old_text_may_be_an_argument),
        cmocka_unit_test(test_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
