/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http1_parse.h"

#include "check.h"

static void test_trailers_are_fields_without_the_forbidden_ones(void **state)
{
    struct field fields[HEAD_MAX_FIELDS];
    enum refusal refusal;
    uint16_t count;
    (void)state;
    assert_int_equal(http1_parse_trailers(STR("\r\n"), fields, &count, &refusal), PARSE_DONE);
    assert_int_equal(count, 0);

    struct str section = STR("X-Sum: abc \r\nContent-Length: 3\r\ntransfer-encoding: chunked\r\nHost: b\r\n"
                             "Authorization: x\r\nX-Umbra-Shadow: x\r\nbaggage: umbra.shadow=1\r\nx-sum: 2\r\n\r\n");
    assert_int_equal(http1_parse_trailers(section, fields, &count, &refusal), PARSE_DONE);
    assert_int_equal(count, 2);
    check_str(fields[0].name, "X-Sum", "first");
    check_str(fields[0].value, "abc", "first");
    check_str(fields[1].name, "x-sum", "second");
}

static void test_malformed_trailers_are_refused(void **state)
{
    static const struct str rows[] = {
        STR_INIT(""),
        STR_INIT("\n"),
        STR_INIT("X: y\r\n"),
        STR_INIT("X : y\r\n\r\n"),
        STR_INIT(" X: y\r\n\r\n"),
        STR_INIT("X: y\r\n z\r\n\r\n"),
        STR_INIT("X: y\nZ: z\r\n\r\n"),
        STR_INIT("X: \0\r\n\r\n"),
        STR_INIT("GET / HTTP/1.1\r\n\r\n"),
        STR_INIT("\r\nX: y\r\n\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field fields[HEAD_MAX_FIELDS];
        enum refusal refusal;
        uint16_t count;
        assert_int_equal(http1_parse_trailers(rows[i], fields, &count, &refusal), PARSE_BAD);
        assert_int_equal(refusal, REFUSAL_SYNTAX);
        assert_int_equal(count, 0);
    }
}

static void test_more_than_128_trailers_are_refused(void **state)
{
    static char bytes[(HEAD_MAX_FIELDS + 1) * 6 + 2];
    struct field fields[HEAD_MAX_FIELDS];
    enum refusal refusal;
    uint16_t count;
    (void)state;
    for (size_t i = 0; i <= HEAD_MAX_FIELDS; i++)
        memcpy(bytes + i * 6, "X: y\r\n", 6);
    memcpy(bytes + HEAD_MAX_FIELDS * 6, "\r\n", 2);
    struct str section = {bytes, HEAD_MAX_FIELDS * 6 + 2};
    assert_int_equal(http1_parse_trailers(section, fields, &count, &refusal), PARSE_DONE);
    assert_int_equal(count, HEAD_MAX_FIELDS);
    memcpy(bytes + HEAD_MAX_FIELDS * 6, "X: y\r\n\r\n", 8);
    section.len += 6;
    assert_int_equal(http1_parse_trailers(section, fields, &count, &refusal), PARSE_BAD);
    assert_int_equal(refusal, REFUSAL_HEADER_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trailers_are_fields_without_the_forbidden_ones),
        cmocka_unit_test(test_malformed_trailers_are_refused),
        cmocka_unit_test(test_more_than_128_trailers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
