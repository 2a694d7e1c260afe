/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/capture.h"

#include "base/mem.h"
#include "base/slab.h"
#include "http/grpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PARTS_MAX 256

/* A sink with a ring of its own and a budget. */
struct bench {
    struct registry_totals totals;
    struct ring_reader_page page;
    struct ring_writer writer;
    struct ring_reader reader;
    struct capture_sink sink;
    void *data;
    size_t budget, held, peak;
    /* one leg, put together */
    struct record_view first, last;
    struct strbuf request_body, answer_body;
    struct record_message answer, trailers;
    char *parts[PARTS_MAX];
    size_t part_count;
};

static bool take(void *budget, size_t bytes)
{
    struct bench *bench = budget;
    if (bytes > bench->budget - bench->held)
        return false;
    bench->held += bytes;
    if (bench->held > bench->peak)
        bench->peak = bench->held;
    return true;
}

static void give(void *budget, size_t bytes)
{
    struct bench *bench = budget;
    assert_true(bytes <= bench->held);
    bench->held -= bytes;
}

static struct bench *bench_new(size_t capacity, size_t budget)
{
    struct err err;
    struct bench *bench = mem_alloc(sizeof(*bench));
    bench->data = mem_alloc(ring_data_size(capacity));
    bench->budget = budget;
    ring_format(bench->data, capacity);
    assert_true(ring_writer_open(&bench->writer, bench->data, ring_data_size(capacity), &bench->page, &err));
    assert_true(ring_reader_open(&bench->reader, bench->data, ring_data_size(capacity), &bench->page, &err));
    capture_sink_init(&bench->sink, &bench->writer, &bench->totals);
    bench->sink.take = take;
    bench->sink.give = give;
    bench->sink.budget = bench;
    return bench;
}

static void forget_leg(struct bench *bench)
{
    while (bench->part_count > 0)
        mem_free(bench->parts[--bench->part_count]);
    strbuf_clear(&bench->request_body);
    strbuf_clear(&bench->answer_body);
    bench->answer = bench->trailers = (struct record_message){0};
}

static void bench_free(struct bench *bench)
{
    forget_leg(bench);
    strbuf_deinit(&bench->request_body);
    strbuf_deinit(&bench->answer_body);
    assert_int_equal(slab_in_use(bench->sink.captures), 0);
    capture_sink_deinit(&bench->sink);
    assert_true(bench->held == 0);
    mem_free(bench->data);
    mem_free(bench);
}

static struct capture *begin_leg(struct bench *bench, enum record_leg leg, uint64_t body_bytes)
{
    return capture_begin(
        &bench->sink, &(struct capture_leg){.leg = leg,
                                            .id = {1, 2},
                                            .leg_id = leg == LEG_LIVE ? 0 : 1,
                                            .labels = {STR("default/shop#0"), leg == LEG_LIVE ? STR("") : STR("v2:80"),
                                                       STR("v1:80"), STR("r1")},
                                            .body_bytes = body_bytes});
}

static const struct record_end done = {.outcome = OUTCOME_COMPLETE, .grpc_status = GRPC_NONE, .begin_ns = 5};

/* The parts of the one leg that is in the ring, put together as a reader has to. False: it is void, or there is none. */
static bool read_leg(struct bench *bench)
{
    struct err err;
    struct str record;
    bool is_whole = false;
    forget_leg(bench);
    for (uint32_t number = 0; ring_next(&bench->reader, &record) == RING_RECORD; number++) {
        assert_true(number < PARTS_MAX && !is_whole);
        char *part = bench->parts[bench->part_count++] = mem_dup(record.ptr, record.len);
        struct record_view view;
        if (!record_read((struct str){part, record.len}, &view, &err))
            fail_msg("%s", err.text);
        assert_int_equal(view.part.number, number);
        if (number == 0)
            bench->first = view;
        strbuf_add(&bench->request_body, view.request_body);
        strbuf_add(&bench->answer_body, view.answer_body);
        if (view.answer.is_there) {
            assert_false(bench->answer.is_there);
            bench->answer = view.answer;
        }
        if (view.trailers.is_there)
            bench->trailers = view.trailers;
        bench->last = view;
        is_whole = view.has_end;
        ring_done(&bench->reader);
    }
    return is_whole;
}

static uint64_t records(struct bench *bench)
{
    return counter_get(&bench->totals.records);
}

static uint64_t dropped(struct bench *bench, enum record_drop why)
{
    return counter_get(&bench->totals.records_dropped[why]);
}

static struct field request_fields[] = {{.name = STR_INIT("Host"), .value = STR_INIT("shop")},
                                        {.name = STR_INIT("X-A"), .value = STR_INIT("")}};
static struct field answer_fields[] = {{.name = STR_INIT("Content-Type"), .value = STR_INIT("text/plain")}};

static const struct head request = {.method = STR_INIT("POST"),
                                    .target = STR_INIT("/items/7?x=1"),
                                    .authority = STR_INIT("shop"),
                                    .fields = request_fields,
                                    .field_count = COUNT(request_fields)};
static const struct head answer = {.status = 201, .fields = answer_fields, .field_count = COUNT(answer_fields)};

static void test_a_live_leg_is_one_record_with_all_of_it(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1000);
    capture_request(capture, &request);
    capture_request_data(capture, STR("hel"));
    capture_request_data(capture, STR("lo"));
    capture_answer(capture, &answer);
    capture_answer_data(capture, STR("created"));
    struct field trailer = {.name = STR("grpc-status"), .value = STR("0")};
    capture_trailers(capture, &trailer, 1);
    assert_true(bench->held > 0);
    capture_end(capture, &done);

    assert_true(read_leg(bench));
    assert_int_equal(bench->part_count, 1);
    assert_true(str_eq(bench->first.labels.route, STR("default/shop#0")));
    assert_true(str_eq(bench->first.labels.backend, STR("v1:80")));
    assert_true(str_eq(bench->first.labels.revision, STR("r1")));
    assert_true(str_eq(bench->first.request.method, STR("POST")));
    assert_true(str_eq(bench->first.request.authority, STR("shop")));
    assert_true(str_eq(bench->first.request.target, STR("/items/7?x=1")));
    assert_int_equal(bench->first.request.field_count, 2);
    size_t at = 0;
    struct field field;
    assert_true(record_next_field(&bench->first.request, &at, &field));
    assert_true(str_eq(field.name, STR("Host")) && str_eq(field.value, STR("shop")) && field.id == FIELD_HOST);
    assert_true(record_next_field(&bench->first.request, &at, &field));
    assert_true(str_eq(field.name, STR("X-A")) && field.value.len == 0);
    assert_false(record_next_field(&bench->first.request, &at, &field));
    assert_int_equal(bench->answer.status, 201);
    assert_int_equal(bench->trailers.field_count, 1);
    assert_true(str_eq(strbuf_str(&bench->request_body), STR("hello")));
    assert_true(str_eq(strbuf_str(&bench->answer_body), STR("created")));
    assert_int_equal(bench->last.end.request_bytes, 5);
    assert_true(bench->last.end.request_hash == XXH64("hello", 5, 0));
    assert_true(bench->last.end.answer_hash == XXH64("created", 7, 0));
    assert_int_equal(bench->last.end.status, 201);
    assert_int_equal(bench->last.end.begin_ns, 5);
    assert_int_equal(records(bench), 1);
    bench_free(bench);
}

static void test_nothing_is_captured_without_a_ring(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    bench->sink.ring = NULL;
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1000);
    assert_null(capture);
    capture_request(capture, &request);
    capture_request_data(capture, STR("x"));
    capture_answer(capture, &answer);
    capture_answer_data(capture, STR("x"));
    capture_trailers(capture, answer_fields, 1);
    capture_end(capture, &done);
    capture_drop(NULL);
    for (enum record_drop why = 0; why < RECORD_DROP_COUNT; why++)
        assert_int_equal(dropped(bench, why), 0);
    bench_free(bench);
}

/* Bytes that differ by place. */
static char *pattern(size_t size)
{
    char *bytes = mem_alloc_raw(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    return bytes;
}

static void test_a_long_body_makes_parts_and_is_hashed_whole(void **state)
{
    (void)state;
    enum { BODY = 500000, KEPT = 200001 };
    char *body = pattern(BODY);
    static const size_t rings[] = {RING_MIN, 4 << 20};
    for (size_t i = 0; i < COUNT(rings); i++) {
        struct bench *bench = bench_new(rings[i], 1 << 20);
        struct capture *capture = begin_leg(bench, LEG_SHADOW, i == 0 ? 40001 : KEPT);
        capture_answer(capture, &answer);
        for (size_t at = 0; at < BODY; at += 7777)
            capture_answer_data(capture, (struct str){body + at, BODY - at < 7777 ? BODY - at : 7777});
        capture_end(capture, &done);
        assert_true(read_leg(bench));
        size_t kept = i == 0 ? 40001 : KEPT;
        assert_int_equal(bench->answer_body.len, kept);
        assert_memory_equal(bench->answer_body.ptr, body, kept);
        assert_int_equal(bench->last.end.answer_bytes, BODY);
        assert_true(bench->last.end.answer_hash == XXH64(body, BODY, 0));
        assert_int_equal(records(bench), 1);
        assert_true(bench->peak <= RECORD_PART_MAX + 2048);
        bench_free(bench);
    }
    mem_free(body);
}

static void test_no_bytes_of_bodies_are_kept_when_none_are_wanted(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 0);
    capture_request(capture, &request);
    capture_request_data(capture, STR("secret"));
    capture_answer(capture, &answer);
    capture_answer_data(capture, STR("secret"));
    capture_end(capture, &done);
    assert_true(read_leg(bench));
    assert_int_equal(bench->request_body.len + bench->answer_body.len, 0);
    assert_int_equal(bench->last.end.answer_bytes, 6);
    bench_free(bench);
}

static void test_no_bytes_have_the_hash_of_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_SHADOW, 10);
    capture_answer_data(capture, STR(""));
    capture_end(capture, &done);
    assert_true(read_leg(bench));
    assert_true(bench->last.end.answer_hash == XXH64("", 0, 0));
    assert_true(bench->last.end.request_hash == XXH64("", 0, 0));
    bench_free(bench);
}

static void test_bodies_may_take_turns(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1000);
    capture_request(capture, &request);
    capture_request_data(capture, STR("ab"));
    capture_answer(capture, &answer);
    capture_answer_data(capture, STR("AB"));
    capture_request_data(capture, STR("cd"));
    capture_answer_data(capture, STR("CD"));
    capture_answer_data(capture, STR("EF"));
    capture_request_data(capture, STR("ef"));
    capture_trailers(capture, answer_fields, 1);
    capture_request_data(capture, STR("gh"));
    capture_end(capture, &done);
    assert_true(read_leg(bench));
    assert_true(str_eq(strbuf_str(&bench->request_body), STR("abcdefgh")));
    assert_true(str_eq(strbuf_str(&bench->answer_body), STR("ABCDEF")));
    assert_true(bench->trailers.is_there);
    bench_free(bench);
}

static void test_bodies_that_take_turns_for_ever_are_not_kept_for_ever(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1 << 20);
    capture_request(capture, &request);
    capture_answer(capture, &answer);
    for (size_t i = 0; i < 1000; i++) {
        capture_request_data(capture, STR("ping"));
        capture_answer_data(capture, STR("pong"));
    }
    capture_end(capture, &done);
    assert_true(read_leg(bench));
    assert_true(bench->part_count <= CAPTURE_TURNS + 2);
    assert_in_range(bench->request_body.len, 4 * CAPTURE_TURNS, 3999);
    assert_int_equal(bench->last.end.answer_bytes, 4000);
    assert_int_equal(bench->last.end.request_bytes, 4000);
    bench_free(bench);
}

static void test_a_second_answer_voids_the_leg_and_is_counted_once(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1000);
    capture_request(capture, &request);
    capture_answer(capture, &answer);
    capture_answer(capture, &answer);
    capture_answer(capture, &answer);
    capture_answer_data(capture, STR("x"));
    capture_end(capture, &done);
    assert_false(read_leg(bench));
    assert_int_equal(bench->part_count, 0);
    assert_int_equal(dropped(bench, RECORD_DROPPED_RETRY), 1);
    assert_int_equal(records(bench), 0);
    bench_free(bench);
}

static void test_a_full_ring_voids_the_leg_and_is_counted_once(void **state)
{
    (void)state;
    char *body = pattern(100000);
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_SHADOW, 100000);
    capture_answer(capture, &answer);
    capture_answer_data(capture, (struct str){body, 100000});
    assert_int_equal(dropped(bench, RECORD_DROPPED_RING), 1);
    assert_true(bench->held < 1024);
    capture_answer_data(capture, (struct str){body, 100000});
    capture_end(capture, &done);
    assert_int_equal(dropped(bench, RECORD_DROPPED_RING), 1);
    assert_int_equal(records(bench), 0);
    assert_false(read_leg(bench));
    assert_true(bench->part_count > 0); /* they are there, and void without the last */
    /* Room again: the next leg is whole. */
    capture_end(begin_leg(bench, LEG_SHADOW, 100000), &done);
    assert_true(read_leg(bench));
    bench_free(bench);
    mem_free(body);
}

static void test_a_short_budget_voids_the_leg_wherever_it_gets_short(void **state)
{
    (void)state;
    char *body = pattern(100000);
    for (size_t budget = 0; budget < 80000; budget += 1111) {
        struct bench *bench = bench_new(1 << 20, budget);
        struct capture *capture = begin_leg(bench, LEG_LIVE, 100000);
        capture_request(capture, &request);
        capture_answer(capture, &answer);
        for (size_t at = 0; at < 100000; at += 1000)
            capture_answer_data(capture, (struct str){body + at, 1000});
        capture_end(capture, &done);
        assert_int_equal(records(bench) + dropped(bench, RECORD_DROPPED_BUDGET), 1);
        assert_true(bench->peak <= budget && bench->held == 0);
        assert_int_equal(read_leg(bench), records(bench));
        bench_free(bench);
    }
    mem_free(body);
}

static void test_a_head_over_a_part_is_cut_at_whole_fields(void **state)
{
    (void)state;
    char *value = pattern(1000);
    struct field fields[128];
    for (size_t i = 0; i < COUNT(fields); i++)
        fields[i] = (struct field){.name = STR("X-Long"), .value = {value, 1000}};
    struct head large = {.status = 200, .fields = fields, .field_count = COUNT(fields), .method = STR("GET")};
    struct bench *bench = bench_new(1 << 20, 1 << 20);
    struct capture *capture = begin_leg(bench, LEG_LIVE, 1000);
    capture_request(capture, &large);
    capture_answer(capture, &large);
    capture_answer_data(capture, STR("body"));
    capture_end(capture, &done);
    assert_true(read_leg(bench));
    assert_true(bench->first.request.is_cut && bench->answer.is_cut);
    assert_in_range(bench->first.request.field_count, 60, 127);
    size_t at = 0, seen = 0;
    struct field field;
    for (; record_next_field(&bench->answer, &at, &field); seen++)
        assert_true(str_eq(field.value, fields[0].value));
    assert_int_equal(seen, bench->answer.field_count);
    assert_true(str_eq(strbuf_str(&bench->answer_body), STR("body")));
    bench_free(bench);
    mem_free(value);
}

static void test_a_dropped_capture_is_counted_and_leaves_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new(RING_MIN, 1 << 20);
    capture_drop(begin_leg(bench, LEG_LIVE, 10));
    assert_int_equal(dropped(bench, RECORD_DROPPED_BUDGET), 1);
    assert_false(read_leg(bench));
    bench_free(bench);
}

static void test_pieces_of_any_size_are_put_together_again(void **state)
{
    (void)state;
    enum { BODY = 90000 };
    char *body = pattern(BODY);
    uint32_t seed = 7;
    for (int round = 0; round < 100; round++) {
        struct bench *bench = bench_new(1 << 20, 1 << 20);
        struct capture *capture = begin_leg(bench, LEG_LIVE, BODY);
        capture_request(capture, &request);
        size_t sent = 0, got = 0, most = 1u << (round % 15);
        bool is_answered = false;
        while (sent < BODY || got < BODY) {
            seed = seed * 1664525 + 1013904223;
            size_t piece = (seed >> 8) % most + 1;
            bool is_request = sent < BODY && (!is_answered ? seed >> 28 != 0 : (seed >> 20) % 512 == 0 || got == BODY);
            if (is_request) {
                piece = piece < BODY - sent ? piece : BODY - sent;
                capture_request_data(capture, (struct str){body + sent, piece});
                sent += piece;
            } else {
                if (!is_answered)
                    capture_answer(capture, &answer);
                is_answered = true;
                piece = piece < BODY - got ? piece : BODY - got;
                capture_answer_data(capture, (struct str){body + got, piece});
                got += piece;
            }
        }
        capture_end(capture, &done);
        assert_true(read_leg(bench));
        assert_memory_equal(bench->request_body.ptr, body, bench->request_body.len);
        assert_memory_equal(bench->answer_body.ptr, body, bench->answer_body.len);
        assert_true(bench->last.end.request_hash == XXH64(body, BODY, 0));
        assert_true(bench->last.end.answer_hash == XXH64(body, BODY, 0));
        bench_free(bench);
    }
    mem_free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_live_leg_is_one_record_with_all_of_it),
        cmocka_unit_test(test_nothing_is_captured_without_a_ring),
        cmocka_unit_test(test_a_long_body_makes_parts_and_is_hashed_whole),
        cmocka_unit_test(test_no_bytes_of_bodies_are_kept_when_none_are_wanted),
        cmocka_unit_test(test_no_bytes_have_the_hash_of_nothing),
        cmocka_unit_test(test_bodies_may_take_turns),
        cmocka_unit_test(test_bodies_that_take_turns_for_ever_are_not_kept_for_ever),
        cmocka_unit_test(test_a_second_answer_voids_the_leg_and_is_counted_once),
        cmocka_unit_test(test_a_full_ring_voids_the_leg_and_is_counted_once),
        cmocka_unit_test(test_a_short_budget_voids_the_leg_wherever_it_gets_short),
        cmocka_unit_test(test_a_head_over_a_part_is_cut_at_whole_fields),
        cmocka_unit_test(test_a_dropped_capture_is_counted_and_leaves_nothing),
        cmocka_unit_test(test_pieces_of_any_size_are_put_together_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
