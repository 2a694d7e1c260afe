/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/replay.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LARGE (16 * 1024)

static char bytes[REPLAY_WINDOW + 1];
static struct replay replay;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 + i / 251);
    replay_init(&replay);
    return 0;
}

/* As it comes from a reader: the chunk is the reader's and goes on after the call. */
static void add(size_t from, size_t len)
{
    struct slice piece = slice_copy((struct str){bytes + from, len});
    replay_add(&replay, piece);
    chunk_unref(piece.chunk);
}

static void check_kept(size_t len)
{
    size_t at = 0;
    assert_false(replay.is_lost);
    assert_int_equal(replay.bytes, len);
    for (unsigned i = 0; i < replay.count; i++) {
        assert_memory_equal(replay.pieces[i].ptr, bytes + at, replay.pieces[i].len);
        at += replay.pieces[i].len;
    }
    assert_int_equal(at, len);
}

static void check_lost(void)
{
    assert_true(replay.is_lost);
    assert_int_equal(replay.count, 0);
    assert_int_equal(replay.bytes, 0);
}

static void test_small_pieces_of_any_size_fill_the_whole_window(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 100, 1000, 4096, 5000, LARGE - 1};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t at = 0;
        replay_init(&replay);
        while (at < REPLAY_WINDOW) {
            size_t len = at + sizes[s] < REPLAY_WINDOW ? sizes[s] : REPLAY_WINDOW - at;
            add(at, len);
            at += len;
            check_kept(at);
        }
        replay_end(&replay);
    }
}

static void test_large_pieces_are_referenced(void **state)
{
    (void)state;
    struct slice piece = slice_copy((struct str){bytes, LARGE});
    replay_add(&replay, piece);
    assert_ptr_equal(replay.pieces[0].chunk, piece.chunk);
    assert_int_equal(piece.chunk->refs, 2);
    replay_end(&replay);
    assert_int_equal(piece.chunk->refs, 1);
    chunk_unref(piece.chunk);
}

static void test_small_ones_between_large_ones_keep_their_order(void **state)
{
    (void)state;
    size_t at = 0;
    while (at + LARGE + 300 <= REPLAY_WINDOW) {
        for (unsigned i = 0; i < 3; i++, at += 100)
            add(at, 100);
        add(at, LARGE);
        at += LARGE;
        check_kept(at);
    }
    replay_end(&replay);
}

static void test_one_byte_more_than_the_window_loses_all(void **state)
{
    (void)state;
    for (size_t at = 0; at < REPLAY_WINDOW; at += LARGE)
        add(at, LARGE);
    check_kept(REPLAY_WINDOW);
    add(REPLAY_WINDOW, 1);
    check_lost();
    add(0, 10); /* and nothing is kept afterwards */
    check_lost();
}

static void test_piece_larger_than_the_window_is_lost_at_once(void **state)
{
    (void)state;
    add(0, sizeof(bytes));
    check_lost();
}

static void test_no_order_of_sizes_needs_more_than_the_pieces_there_are(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (unsigned round = 0; round < 500; round++) {
        size_t at = 0;
        replay_init(&replay);
        while (at < REPLAY_WINDOW) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            size_t len = 1 + (size_t)(seed >> 33) % ((seed >> 20) % 3 ? 3000 : 2 * LARGE);
            if (at + len > REPLAY_WINDOW)
                len = REPLAY_WINDOW - at;
            add(at, len);
            at += len;
        }
        check_kept(REPLAY_WINDOW);
        replay_end(&replay);
    }
}

static void test_nothing_can_be_sent_again_after_the_end(void **state)
{
    (void)state;
    add(0, 10);
    replay_end(&replay);
    check_lost();
    add(0, 10);
    check_lost();
    replay_end(&replay);
    check_lost();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_small_pieces_of_any_size_fill_the_whole_window, set_up),
        cmocka_unit_test_setup(test_large_pieces_are_referenced, set_up),
        cmocka_unit_test_setup(test_small_ones_between_large_ones_keep_their_order, set_up),
        cmocka_unit_test_setup(test_one_byte_more_than_the_window_loses_all, set_up),
        cmocka_unit_test_setup(test_piece_larger_than_the_window_is_lost_at_once, set_up),
        cmocka_unit_test_setup(test_no_order_of_sizes_needs_more_than_the_pieces_there_are, set_up),
        cmocka_unit_test_setup(test_nothing_can_be_sent_again_after_the_end, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
