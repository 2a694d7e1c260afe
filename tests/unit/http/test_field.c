/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

#include "check.h"

static void test_every_id_is_found_by_its_name_in_any_case(void **state)
{
    (void)state;
    for (enum field_id id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++) {
        char lower[32], upper[32];
        struct str name = field_id_name(id);
        assert_in_range(name.len, 1, sizeof(lower));
        for (size_t i = 0; i < name.len; i++) {
            lower[i] = (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 32 : name.ptr[i]);
            upper[i] = (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 32 : name.ptr[i]);
        }
        assert_int_equal(field_id_from_name(name), id);
        assert_int_equal(field_id_from_name((struct str){lower, name.len}), id);
        assert_int_equal(field_id_from_name((struct str){upper, name.len}), id);
    }
}

static void test_other_names_have_no_id(void **state)
{
    static const struct str names[] = {
        STR_INIT(""),
        STR_INIT("X"),
        STR_INIT("Hos"),
        STR_INIT("Hosts"),
        STR_INIT("Hast"),
        STR_INIT("Content"),
        STR_INIT("ContentLength"),
        STR_INIT("Content_Length"),
        STR_INIT("Content\rLength"),
        STR_INIT("Transfer-Encodings"),
        STR_INIT("x-a-name-that-is-longer-than-all-known"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(field_id_from_name(names[i]), FIELD_OTHER);
}

static void test_hop_by_hop_fields_are_those_of_rfc_9110(void **state)
{
    static const enum field_id hop[] = {
        FIELD_CONNECTION, FIELD_KEEP_ALIVE, FIELD_PROXY_CONNECTION,   FIELD_TRANSFER_ENCODING,
        FIELD_TE,         FIELD_UPGRADE,    FIELD_PROXY_AUTHENTICATE, FIELD_PROXY_AUTHORIZATION};
    size_t count = 0;
    (void)state;
    for (enum field_id id = FIELD_OTHER; id < FIELD_ID_COUNT; id++)
        count += field_is_hop_by_hop(id);
    assert_int_equal(count, COUNT(hop));
    for (size_t i = 0; i < COUNT(hop); i++)
        assert_true(field_is_hop_by_hop(hop[i]));
}

static void test_framing_routing_and_credentials_are_forbidden_in_trailers(void **state)
{
    static const enum field_id forbidden[] = {
        FIELD_HOST,          FIELD_TRANSFER_ENCODING, FIELD_CONTENT_LENGTH, FIELD_AUTHORIZATION,   FIELD_COOKIE,
        FIELD_SET_COOKIE,    FIELD_CONNECTION,        FIELD_TRAILER,        FIELD_X_FORWARDED_FOR, FIELD_BAGGAGE,
        FIELD_X_UMBRA_SHADOW};
    (void)state;
    for (size_t i = 0; i < COUNT(forbidden); i++)
        assert_true(field_is_forbidden_in_trailers(forbidden[i]));
    assert_false(field_is_forbidden_in_trailers(FIELD_OTHER));
    assert_false(field_is_forbidden_in_trailers(FIELD_SERVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_id_is_found_by_its_name_in_any_case),
        cmocka_unit_test(test_other_names_have_no_id),
        cmocka_unit_test(test_hop_by_hop_fields_are_those_of_rfc_9110),
        cmocka_unit_test(test_framing_routing_and_credentials_are_forbidden_in_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
