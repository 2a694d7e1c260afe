/* SPDX-License-Identifier: Apache-2.0 */
/* Where a head or a trailer section ends, in bytes that arrive one by one. */
#include "http/http1_parse.h"

#include "check.h"

typedef enum parse (*find_end)(struct str bytes, size_t *scanned, size_t *len, enum refusal *refusal);

struct found {
    enum parse result;
    size_t seen; /* bytes that had arrived */
    size_t len;
    enum refusal refusal;
};

static struct found feed(find_end find, struct str bytes, size_t step)
{
    struct found found = {.result = PARSE_MORE};
    size_t scanned = 0;
    while (found.result == PARSE_MORE && found.seen < bytes.len) {
        found.seen = found.seen + step < bytes.len ? found.seen + step : bytes.len;
        found.result = find(str_slice(bytes, 0, found.seen), &scanned, &found.len, &found.refusal);
    }
    return found;
}

static void test_the_end_is_found_at_the_same_place_in_pieces_of_any_size(void **state)
{
    static const struct {
        struct str bytes;
        enum parse result;
        size_t len;
    } rows[] = {
        {STR_INIT("GET / HTTP/1.1\r\n\r\n"), PARSE_DONE, 18},
        {STR_INIT("GET / HTTP/1.1\r\nA: b\r\n\r\nBODY\r\n\r\n"), PARSE_DONE, 24},
        {STR_INIT("\r\nGET / HTTP/1.1\r\n\r\n"), PARSE_DONE, 20},
        {STR_INIT("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), PARSE_DONE, 22},
        {STR_INIT("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("AB\r\n\r\n"), PARSE_DONE, 6},
        {STR_INIT("GET / HTTP/1.1\r\nA: b\r\n\r"), PARSE_MORE, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA: b\r\n"), PARSE_MORE, 0},
        {STR_INIT("\r\n"), PARSE_MORE, 0},
        {STR_INIT("\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\n\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA: b\n\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\n\rX\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA: \0\r\n\r\n"), PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA-name-over-a-block: and a value over two blocks\r\nB: c\nD: e\r\n\r\n"),
         PARSE_BAD, 0},
        {STR_INIT("GET / HTTP/1.1\r\nA-name-over-a-block: and a value over two blocks\r\nB: c\r\n\r\nrest"), PARSE_DONE,
         74},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step <= rows[i].bytes.len; step++) {
            struct found found = feed(http1_find_head_end, rows[i].bytes, step);
            if (found.result != rows[i].result || (found.result == PARSE_DONE && found.len != rows[i].len))
                fail_msg("row %zu, step %zu: result %d, len %zu", i, step, found.result, found.len);
            if (found.result == PARSE_BAD)
                assert_int_equal(found.refusal, REFUSAL_SYNTAX);
        }
    }
}

static void test_forbidden_bytes_are_refused_as_soon_as_seen(void **state)
{
    static const struct {
        struct str bytes;
        size_t seen;
    } rows[] = {
        {STR_INIT("GET /\n HTTP/1.1\r\nHost: a\r\n\r\n"), 6},
        {STR_INIT("GET / HTTP/1.1\r\nHost\0: a\r\n\r\n"), 21},
        {STR_INIT("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), 25},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct found found = feed(http1_find_head_end, rows[i].bytes, 1);
        assert_int_equal(found.result, PARSE_BAD);
        assert_int_equal(found.seen, rows[i].seen);
    }
}

/* Every place in a block of the scan: a forbidden byte there is seen, and the end there is found. */
static void test_no_place_in_a_line_hides_a_forbidden_byte(void **state)
{
    static const char forbidden[] = {'\0', '\n', '\r'};
    (void)state;
    for (size_t pad = 0; pad < 70; pad++) {
        char bytes[160];
        memset(bytes, 'x', sizeof(bytes));
        memcpy(bytes + pad + 2, "\r\n\r\n", 4);
        struct found found = feed(http1_find_head_end, (struct str){bytes, sizeof(bytes)}, sizeof(bytes));
        assert_int_equal(found.result, PARSE_DONE);
        assert_int_equal(found.len, pad + 6);
        for (size_t i = 0; i < sizeof(forbidden); i++) {
            bytes[pad + 1] = forbidden[i];
            found = feed(http1_find_head_end, (struct str){bytes, sizeof(bytes)}, sizeof(bytes));
            assert_int_equal(found.result, PARSE_BAD);
        }
    }
}

static void test_a_head_over_64_kib_is_refused_at_the_limit(void **state)
{
    static char bytes[HEAD_MAX_BYTES + 16];
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "GET / HTTP/1.1\r\nA: ", 19);
    memcpy(bytes + HEAD_MAX_BYTES - 4, "\r\n\r\n", 4);
    struct found found = feed(http1_find_head_end, (struct str){bytes, sizeof(bytes)}, 1000);
    assert_int_equal(found.result, PARSE_DONE);
    assert_int_equal(found.len, HEAD_MAX_BYTES);

    memcpy(bytes + HEAD_MAX_BYTES - 4, "xxx\r\n\r\n", 7);
    found = feed(http1_find_head_end, (struct str){bytes, sizeof(bytes)}, 1000);
    assert_int_equal(found.result, PARSE_BAD);
    assert_int_equal(found.refusal, REFUSAL_HEADER_SIZE);
    found = feed(http1_find_trailers_end, (struct str){bytes, sizeof(bytes)}, 1000);
    assert_int_equal(found.result, PARSE_BAD);

    memset(bytes + 14, 'x', 10);
    found = feed(http1_find_head_end, (struct str){bytes, sizeof(bytes)}, 1000);
    assert_int_equal(found.refusal, REFUSAL_URI_SIZE);
}

static void test_trailers_end_at_once_or_with_an_empty_line(void **state)
{
    static const struct {
        struct str bytes;
        enum parse result;
        size_t len;
    } rows[] = {
        {STR_INIT("\r\nGET / HTTP/1.1\r\n"), PARSE_DONE, 2},
        {STR_INIT("X: 1\r\n\r\nnext"), PARSE_DONE, 8},
        {STR_INIT("X: 1\r\nY: 2\r\n\r\n"), PARSE_DONE, 14},
        {STR_INIT("\r"), PARSE_MORE, 0},
        {STR_INIT("X: 1\r\n"), PARSE_MORE, 0},
        {STR_INIT("\n"), PARSE_BAD, 0},
        {STR_INIT("X: 1\n\n"), PARSE_BAD, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step <= rows[i].bytes.len; step++) {
            struct found found = feed(http1_find_trailers_end, rows[i].bytes, step);
            assert_int_equal(found.result, rows[i].result);
            if (found.result == PARSE_DONE)
                assert_int_equal(found.len, rows[i].len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_end_is_found_at_the_same_place_in_pieces_of_any_size),
        cmocka_unit_test(test_forbidden_bytes_are_refused_as_soon_as_seen),
        cmocka_unit_test(test_no_place_in_a_line_hides_a_forbidden_byte),
        cmocka_unit_test(test_a_head_over_64_kib_is_refused_at_the_limit),
        cmocka_unit_test(test_trailers_end_at_once_or_with_an_empty_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
