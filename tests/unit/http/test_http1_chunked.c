/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies in pieces of every size. */
#include "http/http1_parse.h"

#include "check.h"

struct decoded {
    enum parse result;
    size_t used;
    char body[256];
    size_t len;
};

static void decode(struct str bytes, size_t step, struct decoded *out)
{
    struct chunked chunked = {0};
    *out = (struct decoded){.result = PARSE_MORE};
    while (out->result == PARSE_MORE && out->used < bytes.len) {
        size_t used;
        struct str data;
        struct str piece = str_slice(bytes, out->used, out->used + step);
        out->result = http1_chunked(&chunked, piece, &used, &data);
        assert_true(used <= piece.len);
        assert_true(out->result != PARSE_MORE || data.len > 0 || used == piece.len);
        assert_true(out->len + data.len <= sizeof(out->body));
        if (data.len > 0)
            memcpy(out->body + out->len, data.ptr, data.len);
        out->len += data.len;
        out->used += used;
    }
}

static void test_bodies_are_the_same_in_pieces_of_any_size(void **state)
{
    static const struct {
        struct str bytes;
        const char *body;
        size_t used;
    } rows[] = {
        {STR_INIT("0\r\n\r\n"), "", 3},
        {STR_INIT("5\r\nhello\r\n0\r\n\r\n"), "hello", 13},
        {STR_INIT("5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n"), "hello world", 24},
        {STR_INIT("a\r\n0123456789\r\nB\r\n0123456789A\r\n0\r\n\r\n"), "01234567890123456789A", 34},
        {STR_INIT("0000000000000002\r\n\r\n\r\n000\r\n\r\n"), "\r\n", 27},
        {STR_INIT("1;a\r\nx\r\n1;a=b;c=\"d; e\"\r\ny\r\n1;\t \xc3\xa4\r\nz\r\n0;end\r\n\r\n"), "xyz", 45},
        {STR_INIT("3\r\n0\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "0\r\n", 11},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step <= rows[i].bytes.len; step++) {
            struct decoded decoded;
            decode(rows[i].bytes, step, &decoded);
            assert_int_equal(decoded.result, PARSE_DONE);
            assert_int_equal(decoded.used, rows[i].used);
            check_str((struct str){decoded.body, decoded.len}, rows[i].body, "body");
        }
    }
}

static void test_bad_framing_is_refused(void **state)
{
    static const struct str rows[] = {
        STR_INIT("\r\n"),
        STR_INIT(";a\r\n"),
        STR_INIT("g\r\n"),
        STR_INIT("+5\r\nhello\r\n"),
        STR_INIT("-5\r\nhello\r\n"),
        STR_INIT("0x5\r\nhello\r\n"),
        STR_INIT(" 5\r\nhello\r\n"),
        STR_INIT("5 \r\nhello\r\n"),
        STR_INIT("5 ;a\r\nhello\r\n"),
        STR_INIT("5\t\r\nhello\r\n"),
        STR_INIT("5\nhello\r\n"),
        STR_INIT("5\rhello\r\n"),
        STR_INIT("5\r\rhello\r\n"),
        STR_INIT("5,0\r\nhello\r\n"),
        STR_INIT("5.0\r\nhello\r\n"),
        STR_INIT("5_0\r\nhello\r\n"),
        STR_INIT("00000000000000005\r\nhello\r\n"),
        STR_INIT("10000000000000005\r\nhello\r\n"),
        STR_INIT("5\0\r\nhello\r\n"),
        STR_INIT("5\r\nhello\n0\r\n\r\n"),
        STR_INIT("5\r\nhello0\r\n\r\n"),
        STR_INIT("5\r\nhello!\r\n0\r\n\r\n"),
        STR_INIT("5\r\nhello\r0\r\n\r\n"),
        STR_INIT("5\r\nhello\r\n\r\n0\r\n\r\n"),
        STR_INIT("5;a\nhello\r\n0\r\n\r\n"),
        STR_INIT("5;a\rb\r\nhello\r\n0\r\n\r\n"),
        STR_INIT("5;a\0b\r\nhello\r\n0\r\n\r\n"),
        STR_INIT("5;a\x01"
                 "b\r\nhello\r\n0\r\n\r\n"),
        STR_INIT("5;a\x7f\r\nhello\r\n0\r\n\r\n"),
        STR_INIT("5\r\nhello\r\n0\n\r\n"),
        STR_INIT("5\r\nhello\r\n0\r\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step <= rows[i].len; step++) {
            struct decoded decoded;
            decode(rows[i], step, &decoded);
            if (decoded.result != PARSE_BAD)
                fail_msg("row %zu was not refused", i);
        }
    }
}

static void test_a_cut_body_is_not_done(void **state)
{
    struct str bytes = STR("5\r\nhello\r\n0\r\n");
    (void)state;
    for (size_t len = 0; len < bytes.len; len++) {
        struct decoded decoded;
        decode(str_slice(bytes, 0, len), 100, &decoded);
        assert_int_equal(decoded.result, PARSE_MORE);
        assert_int_equal(decoded.used, len);
    }
}

static void test_the_largest_chunk_is_counted_without_wrapping(void **state)
{
    struct chunked chunked = {0};
    struct str data;
    size_t used;
    (void)state;
    assert_int_equal(http1_chunked(&chunked, STR("ffffffffffffffff\r\nabc"), &used, &data), PARSE_MORE);
    check_str(data, "abc", "data");
    assert_true(chunked.left == UINT64_MAX - 3);
}

static void test_a_size_line_over_4_kib_is_refused(void **state)
{
    char bytes[5000];
    struct chunked chunked = {0};
    struct str data;
    size_t used;
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "5;", 2);
    assert_int_equal(http1_chunked(&chunked, (struct str){bytes, sizeof(bytes)}, &used, &data), PARSE_BAD);
    assert_in_range(used, 4096, 4097);

    memcpy(bytes + 4000, "\r\nhello\r\n5;", 11);
    memcpy(bytes + 4990, "\r\n", 2);
    chunked = (struct chunked){0};
    assert_int_equal(http1_chunked(&chunked, (struct str){bytes, sizeof(bytes)}, &used, &data), PARSE_MORE);
    check_str(data, "hello", "each line has its own limit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_are_the_same_in_pieces_of_any_size),
        cmocka_unit_test(test_bad_framing_is_refused),
        cmocka_unit_test(test_a_cut_body_is_not_done),
        cmocka_unit_test(test_the_largest_chunk_is_counted_without_wrapping),
        cmocka_unit_test(test_a_size_line_over_4_kib_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
