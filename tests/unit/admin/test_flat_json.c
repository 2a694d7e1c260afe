/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/flat_json.h"

#include "fixture.h"

enum { OFF, NAME, COUNT, MEMBERS };
#define MEMBERS_INIT \
    { \
        [OFF] = {.name = "off", .kind = FLAT_BOOL}, [NAME] = {.name = "route", .kind = FLAT_TEXT}, \
        [COUNT] = {.name = "count", .kind = FLAT_COUNT}, \
    }

static void test_members_are_read(void **state)
{
    (void)state;
    struct flat_member members[MEMBERS] = MEMBERS_INIT;
    struct err err;
    assert_true(flat_json_parse(
        STR(" {\"off\" : true, \"count\":18446744073709551615 ,\n\"route\":\"a\\\"\\u00e9\\ud83d\\ude00\\n/é\"} "),
        members, MEMBERS, &err));
    assert_true(members[OFF].is_set && members[OFF].is_true);
    assert_true(members[COUNT].count == UINT64_MAX);
    assert_string_equal(members[NAME].text.ptr, "a\"é😀\n/é");
    flat_json_deinit(members, MEMBERS);
}

static void test_null_counts_as_absent(void **state)
{
    (void)state;
    struct flat_member members[MEMBERS] = MEMBERS_INIT;
    struct err err;
    assert_true(flat_json_parse(STR("{\"route\":null,\"off\":false}"), members, MEMBERS, &err));
    assert_false(members[NAME].is_set);
    assert_true(members[OFF].is_set && !members[OFF].is_true);
    assert_true(flat_json_parse(STR("{}"), members, 0, &err));
    flat_json_deinit(members, MEMBERS);
}

static void test_what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *piece;
    } cases[] = {
        {"", "object is expected"},
        {"[]", "object is expected"},
        {"{\"off\":1}", "\"off\" must be true or false"},
        {"{\"off\":\"true\"}", "\"off\" must be true or false"},
        {"{\"of\":true}", "unknown member \"of\""},
        {"{\"off\":true,\"off\":true}", "stands twice"},
        {"{\"off\":true", "',' or '}'"},
        {"{\"off\":true,}", "string is expected"},
        {"{\"off\" true}", "':'"},
        {"{\"off\":true} x", "nothing may follow"},
        {"{\"route\":\"abc", "does not end"},
        {"{\"route\":\"\\", "escape"},
        {"{\"route\":\"\\x\"}", "escape"},
        {"{\"route\":\"\\u12", "four hex"},
        {"{\"route\":\"\\ud800x\"}", "surrogate"},
        {"{\"route\":\"\\ud800\\u0041\"}", "surrogate"},
        {"{\"route\":\"\\udc00\"}", "surrogate"},
        {"{\"route\":\"\x01\"}", "may not stand"},
        {"{\"route\":\"\xff\"}", "may not stand"},
        {"{\"count\":-1}", "whole number"},
        {"{\"count\":18446744073709551616}", "whole number"},
        {"{\"route\":{}}", "string is expected"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct flat_member members[MEMBERS] = MEMBERS_INIT;
        struct err err;
        if (flat_json_parse(str_from_c(cases[i].json), members, MEMBERS, &err))
            fail_msg("taken: %s", cases[i].json);
        if (!strstr(err.text, cases[i].piece))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].json, err.text, cases[i].piece);
        flat_json_deinit(members, MEMBERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_read),
        cmocka_unit_test(test_null_counts_as_absent),
        cmocka_unit_test(test_what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
