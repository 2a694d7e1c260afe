/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/pieces.h"

#include "fixture.h"

static bool add(struct fixture *f, struct pieces *pieces, const char *text)
{
    struct slice slice = {NULL, text, strlen(text)};
    return pieces_add(pieces, &f->budget, f->one, slice);
}

static void expect_next(struct pieces *pieces, const char *text)
{
    struct slice piece = pieces_send(pieces);
    assert_int_equal(piece.len, strlen(text));
    assert_memory_equal(piece.ptr, text, piece.len);
}

static void test_pieces_come_out_in_order_and_are_counted(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 100000);
    assert_true(add(f, &pieces, "one"));
    assert_true(add(f, &pieces, "three"));
    assert_int_equal(pieces.unsent, 8);
    expect_next(&pieces, "one");
    assert_int_equal(pieces.unsent, 5);
    assert_int_equal(pieces.kept, 3);
    expect_next(&pieces, "three");
    assert_int_equal(pieces.unsent, 0);
    pieces_clear(&pieces, &f->budget, f->one);
    assert_int_equal(used(f), 0);
    assert_int_equal(held(f->one), 0);
}

static void test_what_was_sent_can_be_sent_again(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 100000);
    assert_true(add(f, &pieces, "a") && add(f, &pieces, "bb") && add(f, &pieces, "ccc"));
    expect_next(&pieces, "a");
    expect_next(&pieces, "bbccc"); /* small pieces that wait are put together */
    pieces_rewind(&pieces);
    assert_int_equal(pieces.unsent, 6);
    assert_int_equal(pieces.kept, 0);
    expect_next(&pieces, "a");
    expect_next(&pieces, "bbccc");
    pieces_clear(&pieces, &f->budget, f->one);
    assert_int_equal(used(f), 0);
}

static void test_dropping_what_was_sent_gives_its_memory_back(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 100000);
    assert_true(add(f, &pieces, "first") && add(f, &pieces, "second"));
    int64_t both = used(f);
    expect_next(&pieces, "first");
    pieces_drop_sent(&pieces, &f->budget, f->one);
    assert_true(used(f) < both && used(f) > 0);
    assert_int_equal(pieces.kept, 0);
    expect_next(&pieces, "second");
    pieces_drop_sent(&pieces, &f->budget, f->one);
    assert_int_equal(used(f), 0);
    pieces_clear(&pieces, &f->budget, f->one);
}

static void test_a_body_in_single_bytes_costs_little_more_than_its_size(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 1000000);
    for (int i = 0; i < 100000; i++)
        assert_true(add(f, &pieces, "x"));
    assert_true(pieces.count < 40);
    assert_in_range(used(f), 100000, 110000);
    pieces_clear(&pieces, &f->budget, f->one);
    assert_int_equal(used(f), 0);
}

static void test_a_piece_that_is_being_sent_is_not_written_to(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 1000000);
    assert_true(add(f, &pieces, "a") && add(f, &pieces, "b"));
    expect_next(&pieces, "a");
    expect_next(&pieces, "b"); /* has room behind it, but has been sent */
    assert_true(add(f, &pieces, "c"));
    assert_int_equal(pieces.unsent, 1);
    expect_next(&pieces, "c");
    pieces_clear(&pieces, &f->budget, f->one);
}

static void test_a_piece_that_does_not_fit_is_refused_and_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    set_limit(f, 10);
    assert_false(add(f, &pieces, "too much"));
    assert_int_equal(pieces.unsent, 0);
    assert_int_equal(used(f), 0);
    pieces_clear(&pieces, &f->budget, f->one);
}

static void test_a_large_piece_is_referenced_and_a_small_one_copied(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    struct chunk *chunk = chunk_new(64 * 1024);
    set_limit(f, 1000000);
    memset(chunk->data, 'x', chunk->size);
    assert_true(pieces_add(&pieces, &f->budget, f->one, (struct slice){chunk, chunk->data, 20000}));
    assert_int_equal(chunk->refs, 2);
    assert_true(pieces_add(&pieces, &f->budget, f->one, (struct slice){chunk, chunk->data + 20000, 100}));
    assert_int_equal(chunk->refs, 2); /* a small piece does not pin a large block */
    pieces_clear(&pieces, &f->budget, f->one);
    assert_int_equal(chunk->refs, 1);
    assert_int_equal(used(f), 0);
    chunk_unref(chunk);
}

/* Against a plain text with a position. */
static void test_a_random_life_loses_and_doubles_nothing(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces = {0};
    uint64_t seed = 3, added = 0, sent = 0, dropped = 0;
    set_limit(f, 100000000);
    for (int i = 0; i < 50000; i++) {
        seed = seed * 6364136223846793005ull + 1;
        unsigned what = (seed >> 33) % 20;
        if (what < 9) {
            char text[8];
            size_t len = 1 + (seed >> 40) % 7;
            for (size_t k = 0; k < len; k++)
                text[k] = (char)('a' + (added + k) % 26);
            assert_true(pieces_add(&pieces, &f->budget, f->one, (struct slice){NULL, text, len}));
            added += len;
        } else if (what < 18 && pieces.unsent) {
            struct slice piece = pieces_send(&pieces);
            for (size_t k = 0; k < piece.len; k++)
                assert_int_equal(piece.ptr[k], 'a' + (sent + k) % 26);
            sent += piece.len;
        } else if (what == 18) {
            pieces_drop_sent(&pieces, &f->budget, f->one);
            dropped = sent;
        } else if (what == 19 && (seed >> 50) % 4 == 0) {
            pieces_rewind(&pieces);
            sent = dropped;
        }
        assert_int_equal(pieces.unsent, added - sent);
        assert_int_equal(pieces.kept, sent - dropped);
    }
    pieces_clear(&pieces, &f->budget, f->one);
    assert_int_equal(used(f), 0);
    assert_int_equal(held(f->one), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_come_out_in_order_and_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_sent_can_be_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropping_what_was_sent_gives_its_memory_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_body_in_single_bytes_costs_little_more_than_its_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_piece_that_is_being_sent_is_not_written_to, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_piece_that_does_not_fit_is_refused_and_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_large_piece_is_referenced_and_a_small_one_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_random_life_loses_and_doubles_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
