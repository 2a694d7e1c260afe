/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Those of RFC 4648 10, and what Kubernetes lets pass. */
static void test_base64_becomes_the_bytes_it_stands_for(void **state)
{
    (void)state;
    static const struct {
        struct str text, want;
    } cases[] = {
        {STR_INIT(""), STR_INIT("")},
        {STR_INIT("Zg=="), STR_INIT("f")},
        {STR_INIT("Zm8="), STR_INIT("fo")},
        {STR_INIT("Zm9v"), STR_INIT("foo")},
        {STR_INIT("Zm9vYg=="), STR_INIT("foob")},
        {STR_INIT("Zm9vYmE="), STR_INIT("fooba")},
        {STR_INIT("Zm9vYmFy"), STR_INIT("foobar")},
        {STR_INIT("Zm9v\r\nYm\nFy\n"), STR_INIT("foobar")},
        {STR_INIT("+/+/AP8="), STR_INIT("\xfb\xff\xbf\x00\xff")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        assert_true(BASE64_ROOM(cases[i].text.len) <= sizeof(out));
        struct str got = {out, base64_decode(cases[i].text, out)};
        assert_true(got.len <= BASE64_ROOM(cases[i].text.len));
        assert_true(str_eq(got, cases[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_base64_becomes_the_bytes_it_stands_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
