/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include "manifest/timestamp.h"

static void test_times_are_read_as_rfc_3339_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00Z", 1769860800},
        {"2026-01-31T12:00:00.123456Z", 1769860800},
        {"2026-01-31T14:00:00+02:00", 1769860800},
        {"2026-01-31T10:30:00-01:30", 1769860800},
        {"2026-01-31t12:00:00z", 1769860800},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2000-02-29T23:59:60Z", 951868800},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = 1;
        if (!timestamp_parse(str_from_c(cases[i].text), &seconds))
            fail_msg("%s was refused", cases[i].text);
        if (seconds != cases[i].seconds)
            fail_msg("%s is %llu", cases[i].text, (unsigned long long)seconds);
    }
}

static void test_what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00Zx",
        "2026-01-31T12:00:00.Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+0200",
        "1969-12-31T23:59:59Z",
        "+026-01-31T12:00:00Z",
        "yesterday",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds;
        if (timestamp_parse(str_from_c(cases[i]), &seconds))
            fail_msg("%s was taken", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_read_as_rfc_3339_has_them),
        cmocka_unit_test(test_what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
