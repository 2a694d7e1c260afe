/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/record.h"

#include "base/mem.h"
#include "http/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct record_labels labels = {STR_INIT("default/shop#0"), STR_INIT("v2:80"), STR_INIT("v2:80"),
                                            STR_INIT("r7")};
static const struct record_end end = {.outcome = OUTCOME_COMPLETE,
                                      .is_fresh = 1,
                                      .grpc_status = GRPC_NONE,
                                      .status = 200,
                                      .copies = 3,
                                      .wall_ns = 1,
                                      .begin_ns = 2,
                                      .sent_ns = 3,
                                      .head_ns = 4,
                                      .end_ns = 5,
                                      .request_bytes = 6,
                                      .request_hash = 7,
                                      .answer_bytes = 8,
                                      .answer_hash = 9};
static const struct field fields[] = {{.name = STR_INIT("HOST"), .value = STR_INIT("shop"), .id = FIELD_HOST},
                                      {.name = STR_INIT("x-b"), .value = STR_INIT("")}};

static void begin(struct strbuf *out, uint32_t number)
{
    record_begin_part(out, LEG_SHADOW, (struct request_id){11, 12}, 13, number);
    if (number == 0)
        record_add_labels(out, &labels);
}

static void finish(struct strbuf *out)
{
    record_add_end(out, &end);
    record_end_part(out, true, true);
}

static bool reads(const struct strbuf *out)
{
    struct err err;
    struct record_view view;
    return record_read(strbuf_str(out), &view, &err);
}

static void test_a_part_reads_as_it_was_written(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_INIT;
    struct record_view view;
    struct err err;
    begin(&out, 0);
    record_add_request(&out, STR("PUT"), STR("shop:80"), STR("/a b"), fields, 2);
    record_add_body(&out, SECTION_REQUEST_BODY, STR("123"));
    record_add_answer(&out, 404, fields, 1);
    record_add_body(&out, SECTION_ANSWER_BODY, STR(""));
    record_add_trailers(&out, fields + 1, 1);
    finish(&out);
    assert_true(record_read(strbuf_str(&out), &view, &err));
    assert_int_equal(view.part.leg, LEG_SHADOW);
    assert_int_equal(view.part.id_hi, 11);
    assert_int_equal(view.part.id_lo, 12);
    assert_int_equal(view.part.leg_id, 13);
    assert_true(str_eq(view.labels.revision, labels.revision) && str_eq(view.labels.mirror, labels.mirror));
    assert_true(str_eq(view.request.authority, STR("shop:80")) && str_eq(view.request.target, STR("/a b")));
    assert_true(str_eq(view.request_body, STR("123")) && view.answer_body.len == 0);
    assert_int_equal(view.answer.status, 404);
    assert_memory_equal(&view.end, &end, sizeof(end));
    struct field field;
    size_t at = 0;
    assert_true(record_next_field(&view.request, &at, &field));
    assert_true(str_eq(field.name, STR("HOST")) && field.id == FIELD_HOST);
    assert_true(record_next_field(&view.request, &at, &field));
    assert_true(str_eq(field.name, STR("x-b")) && field.id == FIELD_OTHER);
    assert_false(record_next_field(&view.request, &at, &field));
    at = 0;
    assert_true(record_next_field(&view.trailers, &at, &field) && str_eq(field.name, STR("x-b")));
    strbuf_deinit(&out);
}

static void test_a_body_grows_in_its_section(void **state)
{
    (void)state;
    char bytes[100];
    memset(bytes, 0xff, sizeof(bytes));
    for (size_t first = 0; first < 20; first++) {
        for (size_t more = 0; more < 20; more++) {
            struct strbuf out = STRBUF_INIT;
            struct record_view view;
            struct err err;
            begin(&out, 1);
            size_t section = out.len;
            record_add_body(&out, SECTION_ANSWER_BODY, (struct str){bytes, first});
            record_grow_body(&out, section, (struct str){bytes, more});
            record_grow_body(&out, section, STR("z"));
            assert_int_equal(out.len, section + record_section_size(first + more + 1));
            for (size_t i = section + sizeof(struct record_section) + first + more + 1; i < out.len; i++)
                assert_int_equal(out.ptr[i], 0);
            record_end_part(&out, false, false);
            assert_true(record_read(strbuf_str(&out), &view, &err));
            assert_int_equal(view.answer_body.len, first + more + 1);
            assert_int_equal(view.answer_body.ptr[first + more], 'z');
            strbuf_deinit(&out);
        }
    }
}

static void test_any_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_INIT;
    begin(&out, 0);
    record_add_answer(&out, 200, fields, 2);
    finish(&out);
    assert_true(reads(&out));
    for (size_t i = 0; i < out.len; i++) {
        out.ptr[i] ^= 1;
        assert_false(reads(&out));
        out.ptr[i] ^= 1;
    }
    for (size_t len = 0; len < out.len; len++) {
        struct err err;
        struct record_view view;
        assert_false(record_read((struct str){out.ptr, len}, &view, &err));
    }
    strbuf_deinit(&out);
}

static void test_sections_stand_where_they_may(void **state)
{
    (void)state;
    static const struct {
        uint32_t number;
        uint8_t kinds[8];
        bool is_good;
    } cases[] = {
        {0, {SECTION_LABELS}, true},
        {0, {SECTION_LABELS, SECTION_REQUEST, SECTION_REQUEST_BODY, SECTION_ANSWER, SECTION_END}, true},
        {0, {SECTION_LABELS, SECTION_ANSWER, SECTION_REQUEST_BODY, SECTION_TRAILERS}, true},
        {0, {SECTION_LABELS, SECTION_ANSWER, SECTION_TRAILERS, SECTION_REQUEST_BODY, SECTION_END}, true},
        {1, {SECTION_ANSWER_BODY, SECTION_REQUEST_BODY}, true},
        {1, {0}, true},
        {0, {0}, false},
        {0, {SECTION_ANSWER}, false},
        {0, {SECTION_LABELS, SECTION_LABELS}, false},
        {0, {SECTION_LABELS, SECTION_REQUEST_BODY, SECTION_REQUEST}, false},
        {0, {SECTION_REQUEST_BODY, SECTION_LABELS}, false},
        {0, {SECTION_LABELS, SECTION_END, SECTION_REQUEST_BODY}, false},
        {0, {SECTION_LABELS, SECTION_END, SECTION_ANSWER_BODY}, false},
        {1, {SECTION_LABELS}, false},
        {1, {SECTION_REQUEST}, false},
        {1, {SECTION_ANSWER_BODY, SECTION_ANSWER}, false},
        {1, {SECTION_TRAILERS, SECTION_ANSWER_BODY}, false},
        {1, {SECTION_ANSWER_BODY, SECTION_REQUEST_BODY, SECTION_ANSWER_BODY}, false},
        {1, {SECTION_KIND_COUNT}, false},
        {1, {99}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        bool is_last = false;
        record_begin_part(&out, LEG_LIVE, (struct request_id){1, 2}, 0, cases[i].number);
        for (const uint8_t *kind = cases[i].kinds; *kind; kind++) {
            switch (*kind) {
            case SECTION_LABELS: record_add_labels(&out, &labels); break;
            case SECTION_REQUEST: record_add_request(&out, STR("GET"), STR("a"), STR("/"), fields, 2); break;
            case SECTION_ANSWER: record_add_answer(&out, 200, fields, 2); break;
            case SECTION_TRAILERS: record_add_trailers(&out, fields, 2); break;
            case SECTION_END:
                record_add_end(&out, &end);
                is_last = true;
                break;
            default: record_add_body(&out, *kind, STR("x"));
            }
        }
        record_end_part(&out, cases[i].number == 0, is_last);
        if (reads(&out) != cases[i].is_good)
            fail_msg("case %zu", i);
        strbuf_deinit(&out);
    }
}

static void test_flags_say_what_is_there(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct strbuf out = STRBUF_INIT;
        bool has_end = i & 1, is_first = i & 2, is_last = i & 4;
        begin(&out, 0);
        if (has_end)
            record_add_end(&out, &end);
        record_end_part(&out, is_first, is_last);
        assert_int_equal(reads(&out), is_first && has_end == is_last);
        strbuf_deinit(&out);
    }
}

/* Each byte of a head and an end set to what it can't be, with a checksum that is right. */
static void test_sizes_that_can_not_be_are_refused(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_INIT;
    begin(&out, 1);
    size_t section = out.len, head = section + sizeof(struct record_section);
    record_add_answer(&out, 200, fields, 2);
    size_t behind = out.len;
    record_end_part(&out, false, false);
    assert_true(reads(&out));
    for (size_t i = section; i < behind; i++) {
        size_t in_head = i - head;
        bool is_size = i < head || (i >= head && in_head >= 2 && in_head < sizeof(struct record_head) && in_head != 7);
        char before = out.ptr[i];
        out.ptr[i] = (char)0xee;
        record_end_part(&out, false, false);
        if (is_size)
            assert_false(reads(&out));
        else
            reads(&out);
        out.ptr[i] = before;
    }
    strbuf_deinit(&out);
}

static void test_ends_that_can_not_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t outcome, reason, is_fresh, grpc_status;
        bool is_good;
    } cases[] = {
        {OUTCOME_COMPLETE, 0, 0, GRPC_NONE, true},
        {OUTCOME_FAILED, 6, 1, GRPC_OK, true},
        {OUTCOME_LOST, 9, 1, GRPC_OK, true},
        {OUTCOME_FAILED, 7, 1, GRPC_OK, false},
        {OUTCOME_LOST, 10, 1, GRPC_OK, false},
        {OUTCOME_ABORTED, 200, 1, GRPC_OK, false},
        {OUTCOME_COUNT, 0, 0, GRPC_NONE, false},
        {OUTCOME_COMPLETE, 0, 2, GRPC_NONE, false},
        {OUTCOME_COMPLETE, 0, 0, GRPC_STATUS_COUNT, false},
        {OUTCOME_COMPLETE, 77, 0, GRPC_NONE, true}, /* the writer takes the reason away */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strbuf out = STRBUF_INIT;
        struct record_end changed = end;
        changed.outcome = cases[i].outcome;
        changed.reason = cases[i].reason;
        changed.is_fresh = cases[i].is_fresh;
        changed.grpc_status = cases[i].grpc_status;
        begin(&out, 0);
        record_add_end(&out, &changed);
        record_end_part(&out, true, true);
        if (reads(&out) != cases[i].is_good)
            fail_msg("case %zu", i);
        strbuf_deinit(&out);
    }
}

static void test_what_is_too_large_is_cut_and_says_so(void **state)
{
    (void)state;
    char *big = mem_alloc(70000);
    memset(big, 'x', 70000);
    struct field large[] = {{.name = STR("a"), .value = {big, 1000}}, {.name = STR("b"), .value = {big, 65000}}};
    struct strbuf out = STRBUF_INIT;
    struct record_view view;
    struct err err;
    struct record_labels long_labels = {.route = {big, 5000}, .mirror = STR("m")};
    record_begin_part(&out, LEG_LIVE, (struct request_id){1, 2}, 0, 0);
    record_add_labels(&out, &long_labels);
    record_add_request(&out, STR("GET"), STR("a"), STR("/"), large, 2);
    finish(&out);
    assert_true(out.len <= RECORD_PART_MAX);
    assert_true(record_read(strbuf_str(&out), &view, &err));
    assert_int_equal(view.labels.route.len, RECORD_LABEL_MAX);
    assert_true(str_eq(view.labels.mirror, STR("m")));
    assert_true(view.request.is_cut);
    assert_int_equal(view.request.field_count, 1);

    begin(&out, 0);
    record_add_request(&out, STR("GET"), STR("a"), (struct str){big, 70000}, large, 2);
    finish(&out);
    assert_true(out.len <= RECORD_PART_MAX);
    assert_true(record_read(strbuf_str(&out), &view, &err));
    assert_true(view.request.is_cut && view.request.target.len > 60000 && view.request.field_count == 0);

    struct field many[RECORD_MAX_FIELDS + 1];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct field){.name = STR("n"), .value = STR("v")};
    begin(&out, 0);
    record_add_answer(&out, 200, many, COUNT(many));
    finish(&out);
    assert_true(record_read(strbuf_str(&out), &view, &err));
    assert_true(view.answer.is_cut && view.answer.field_count == RECORD_MAX_FIELDS);

    begin(&out, 0);
    record_add_answer(&out, 200, many, RECORD_MAX_FIELDS);
    finish(&out);
    assert_true(record_read(strbuf_str(&out), &view, &err));
    assert_false(view.answer.is_cut);
    strbuf_deinit(&out);
    mem_free(big);
}

/* What a head takes is known before, to the byte. */
static void test_a_head_may_take_the_last_byte(void **state)
{
    (void)state;
    struct record_lines lines = {STR("GET"), STR("shop"), STR("/"), 0, 2, fields};
    size_t size = record_head_size(&lines);
    for (size_t most = 48 + 24; most < 48 + size + 16; most++) {
        struct strbuf out = STRBUF_INIT;
        struct record_view view;
        struct err err;
        record_begin_part(&out, LEG_LIVE, (struct request_id){1, 2}, 0, 1);
        record_add_head(&out, SECTION_ANSWER, &lines, most);
        assert_true(out.len <= most);
        record_end_part(&out, false, false);
        assert_true(record_read(strbuf_str(&out), &view, &err));
        assert_int_equal(view.answer.is_cut, most < 48 + size);
        strbuf_deinit(&out);
    }
}

static void test_the_reference_names_every_field(void **state)
{
    (void)state;
    struct strbuf page = STRBUF_INIT;
    record_reference(&page);
    assert_non_null(strstr(page.ptr, "| 8 | 8 | `checksum` |"));
    assert_non_null(strstr(page.ptr, "| 72 | 8 | `answer_hash` |"));
    strbuf_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_part_reads_as_it_was_written),
        cmocka_unit_test(test_a_body_grows_in_its_section),
        cmocka_unit_test(test_any_changed_byte_is_noticed),
        cmocka_unit_test(test_sections_stand_where_they_may),
        cmocka_unit_test(test_flags_say_what_is_there),
        cmocka_unit_test(test_sizes_that_can_not_be_are_refused),
        cmocka_unit_test(test_ends_that_can_not_be_are_refused),
        cmocka_unit_test(test_what_is_too_large_is_cut_and_says_so),
        cmocka_unit_test(test_a_head_may_take_the_last_byte),
        cmocka_unit_test(test_the_reference_names_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
