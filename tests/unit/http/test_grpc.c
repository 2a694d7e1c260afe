/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"

#include "base/arena.h"
#include "check.h"

static struct head request_with(struct field *field, const char *name, const char *value)
{
    *field = (struct field){str_from_c(name), str_from_c(value), FIELD_OTHER};
    return (struct head){.method_id = METHOD_POST, .fields = field, .field_count = 1};
}

static void test_a_call_is_known_by_its_content_type(void **state)
{
    static const struct {
        const char *type;
        bool is_call;
    } rows[] = {
        {"application/grpc", true},
        {"application/grpc+proto", true},
        {"application/grpc; charset=x", true},
        {"Application/gRPC+json", true},
        {"application/grpc ;a=b", true},
        {"application/grpc-web", false},
        {"application/grpc-web+proto", false},
        {"application/json", false},
        {"application/grp", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field field;
        struct head head = request_with(&field, "Content-Type", rows[i].type);
        if (grpc_is_call(&head) != rows[i].is_call)
            fail_msg("%s", rows[i].type);
        head.method_id = METHOD_GET;
        assert_false(grpc_is_call(&head));
        head = (struct head){.method_id = METHOD_POST};
        assert_false(grpc_is_call(&head));
    }
}

static void test_deadlines_are_read_in_all_units(void **state)
{
    static const struct {
        const char *text;
        bool has_deadline;
        uint32_t ms;
    } rows[] = {
        {"1H", true, 3600000},   {"2M", true, 120000},
        {"3S", true, 3000},      {"4m", true, 4},
        {"5000u", true, 5},      {"1u", true, 1},
        {"1n", true, 1},         {"1000001n", true, 2},
        {"0S", true, 0},         {"99999999m", true, 99999999},
        {"99999999H", false, 0}, {"1", false, 0},
        {"S", false, 0},         {"", false, 0},
        {"1s", false, 0},        {"123456789m", false, 0},
        {"-1S", false, 0},       {"1.5S", false, 0},
        {" 1S", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field field;
        struct head head = request_with(&field, "grpc-timeout", rows[i].text);
        uint32_t ms = 0;
        if (grpc_deadline_ms(&head, &ms) != rows[i].has_deadline)
            fail_msg("%s", rows[i].text);
        if (rows[i].has_deadline)
            assert_int_equal(ms, rows[i].ms);
    }
}

static void test_the_status_is_that_of_the_first_field(void **state)
{
    static const struct {
        const char *text;
        enum grpc_status status;
    } rows[] = {
        {"0", GRPC_OK},   {"16", GRPC_UNAUTHENTICATED}, {"17", GRPC_OTHER},
        {"", GRPC_OTHER}, {"-1", GRPC_OTHER},           {"OK", GRPC_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field fields[] = {{STR("a"), STR("5"), FIELD_OTHER},
                                 {STR("grpc-status"), str_from_c(rows[i].text), FIELD_OTHER},
                                 {STR("grpc-status"), STR("3"), FIELD_OTHER}};
        assert_int_equal(grpc_find_status(fields, 3), rows[i].status);
        assert_int_equal(grpc_find_status(fields, 1), GRPC_NONE);
    }
    assert_int_equal(grpc_find_status(NULL, 0), GRPC_NONE);
}

static void test_each_status_has_a_text(void **state)
{
    (void)state;
    for (unsigned status = 0; status < GRPC_STATUS_COUNT; status++)
        assert_true(grpc_status_text((enum grpc_status)status).len > 0);
    check_str(grpc_status_text(GRPC_UNAVAILABLE), "14", "number");
    check_str(grpc_status_text(GRPC_NONE), "none", "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_known_by_its_content_type),
        cmocka_unit_test(test_deadlines_are_read_in_all_units),
        cmocka_unit_test(test_the_status_is_that_of_the_first_field),
        cmocka_unit_test(test_each_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
