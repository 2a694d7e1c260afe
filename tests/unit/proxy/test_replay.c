/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char letter(size_t at)
{
    return (char)('a' + at % 26);
}

/* Adds the body's bytes from `from` on, as a part of a read buffer. */
static void add(struct replay *replay, size_t from, size_t len)
{
    struct chunk *chunk = chunk_new(64 * 1024 > len ? 64 * 1024 : len);
    for (size_t i = 0; i < len; i++)
        chunk->data[i] = letter(from + i);
    replay_add(replay, (struct slice){chunk, chunk->data, len});
    memset(chunk->data, '!', chunk->refs == 1 ? chunk->size : 0); /* a buffer that nobody holds is written anew */
    chunk_unref(chunk);
}

static void expect_body(const struct replay *replay, size_t len)
{
    size_t at = 0;
    assert_false(replay->is_lost);
    assert_int_equal(replay->bytes, len);
    for (uint8_t i = 0; i < replay->count; i++) {
        for (size_t k = 0; k < replay->pieces[i].len; k++)
            assert_int_equal(replay->pieces[i].ptr[k], letter(at + k));
        at += replay->pieces[i].len;
    }
    assert_int_equal(at, len);
}

static void test_the_window_is_kept_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 100, 1000, 4096, 5000, 8192, 16383, 16384, 20000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct replay replay;
        replay_init(&replay);
        for (size_t at = 0; at < REPLAY_WINDOW; at += sizes[i])
            add(&replay, at, at + sizes[i] <= REPLAY_WINDOW ? sizes[i] : REPLAY_WINDOW - at);
        expect_body(&replay, REPLAY_WINDOW);
        replay_end(&replay);
    }
}

static void test_one_byte_beyond_the_window_loses_all(void **state)
{
    (void)state;
    struct replay replay;
    replay_init(&replay);
    add(&replay, 0, REPLAY_WINDOW);
    add(&replay, REPLAY_WINDOW, 1);
    assert_true(replay.is_lost);
    assert_int_equal(replay.count, 0);
    add(&replay, 0, 10);
    assert_true(replay.is_lost); /* for good */
    assert_int_equal(replay.bytes, 0);
}

static void test_large_and_small_pieces_may_alternate(void **state)
{
    (void)state;
    struct replay replay;
    size_t at = 0;
    replay_init(&replay);
    for (int i = 0; i < 3; i++) {
        add(&replay, at, 16384);
        at += 16384;
        for (int k = 0; k < 50; k++, at += 90)
            add(&replay, at, 90);
    }
    expect_body(&replay, at);
    replay_end(&replay);
}

/* However a body of the window's size is cut, it is kept. */
static void test_random_pieces_are_kept(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 300; round++) {
        struct replay replay;
        size_t at = 0;
        replay_init(&replay);
        while (at < REPLAY_WINDOW) {
            static const size_t spans[] = {10, 300, 5000, 20000, 40000};
            seed = seed * 6364136223846793005ull + 1;
            size_t len = 1 + (seed >> 40) % spans[(seed >> 33) % 5];
            if (len > REPLAY_WINDOW - at)
                len = REPLAY_WINDOW - at;
            add(&replay, at, len);
            at += len;
        }
        expect_body(&replay, REPLAY_WINDOW);
        replay_end(&replay);
    }
}

static void test_an_empty_body_can_be_sent_again(void **state)
{
    (void)state;
    struct replay replay;
    replay_init(&replay);
    expect_body(&replay, 0);
    replay_end(&replay);
    assert_true(replay.is_lost);
}

static int teardown(void **state)
{
    (void)state;
    chunk_cache_trim();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_window_is_kept_in_pieces_of_any_size),
        cmocka_unit_test(test_one_byte_beyond_the_window_loses_all),
        cmocka_unit_test(test_large_and_small_pieces_may_alternate),
        cmocka_unit_test(test_random_pieces_are_kept),
        cmocka_unit_test(test_an_empty_body_can_be_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
