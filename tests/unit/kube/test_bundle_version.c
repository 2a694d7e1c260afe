/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/bundle_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CRD(version) "{\"metadata\":{\"annotations\":{\"gateway.networking.k8s.io/bundle-version\":" version "}}}"
#define SIXTEEN "1234567890123456"

static void test_a_version_is_read_and_what_is_none_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *json, *version;
    } cases[] = {
        {CRD("\"v1.6.1\""), "v1.6.1"},
        {CRD("\"v1.7.0-rc.1+dev\""), "v1.7.0-rc.1+dev"},
        {CRD("\"" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "\""), SIXTEEN SIXTEEN SIXTEEN SIXTEEN},
        {CRD("\"v" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "\""), ""},
        {CRD("\"\""), ""},
        {CRD("\"v1 or so\""), ""},
        {CRD("\"v1\\u0000\""), ""},
        {CRD("\"v1\\n\""), ""},
        {CRD("1"), ""},
        {CRD("null"), ""},
        {"{\"metadata\":{\"annotations\":[]}}", ""},
        {"{\"metadata\":{}}", ""},
        {"[]", ""},
        {"{", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[BUNDLE_VERSION_MAX + 1] = "before";
        bundle_version_read(str_from_c(cases[i].json), text);
        assert_string_equal(text, cases[i].version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_version_is_read_and_what_is_none_is_not),
    };
    return cmocka_run_group_tests_name("bundle_version", tests, NULL, NULL);
}
