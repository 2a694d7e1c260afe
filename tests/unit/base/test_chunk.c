/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chunk.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_a_new_chunk_is_empty_and_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 4096, 5000, 16384, 65536, 200000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct chunk *chunk = chunk_new(sizes[i]);
        assert_int_equal(chunk->refs, 1);
        assert_int_equal(chunk->size, sizes[i]);
        assert_int_equal(chunk->used, 0);
        assert_int_equal(chunk->holders, 0);
        memset(chunk->data, 1, sizes[i]);
        assert_true(chunk_cost(chunk) >= sizeof(*chunk) + sizes[i]);
        assert_true(chunk_cost(chunk) <= sizeof(*chunk) + sizes[i] + 4096);
        chunk_unref(chunk);
    }
    chunk_unref(NULL);
    assert_null(chunk_ref(NULL));
}

static void test_common_sizes_are_recycled_clean(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, 16384, 65536};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct chunk *chunk = chunk_new(sizes[i]);
        chunk->used = chunk->size;
        chunk_unref(chunk);
        struct chunk *again = chunk_new(sizes[i]);
        assert_ptr_equal(again, chunk);
        assert_int_equal(again->refs, 1);
        assert_int_equal(again->used, 0);
        assert_int_equal(again->holders, 0);
        chunk_unref(again);
    }
    chunk_cache_trim();
}

static void test_the_cache_is_bounded_and_can_be_emptied(void **state)
{
    (void)state;
    struct chunk *chunks[CHUNK_CACHE_MAX + 5];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT(chunks); i++) {
            chunks[i] = chunk_new(16384);
            memset(chunks[i]->data, (int)i, 16384);
        }
        for (size_t i = 0; i < COUNT(chunks); i++) {
            assert_int_equal(chunks[i]->data[16383], i);
            chunk_unref(chunks[i]);
        }
        /* What came last after the cache was full is not in it. */
        struct chunk *next = chunk_new(16384);
        assert_ptr_equal(next, chunks[CHUNK_CACHE_MAX - 1]);
        chunk_unref(next);
    }
    chunk_cache_trim();
    chunk_cache_trim();
}

static void *use_chunks(void *unused)
{
    for (int i = 0; i < 100; i++)
        chunk_unref(chunk_new(4096));
    chunk_cache_trim();
    return unused;
}

static void test_each_thread_has_its_own_cache(void **state)
{
    (void)state;
    struct chunk *mine = chunk_new(4096);
    chunk_unref(mine);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_chunks, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct chunk *again = chunk_new(4096);
    assert_ptr_equal(again, mine);
    chunk_unref(again);
    chunk_cache_trim();
}

static void test_slice_copy_owns_its_bytes(void **state)
{
    (void)state;
    char text[] = "hello";
    struct slice slice = slice_copy(str_from_c(text));
    text[0] = 'x';
    assert_int_equal(slice.len, 5);
    assert_memory_equal(slice.ptr, "hello", 5);
    assert_int_equal(slice.chunk->refs, 1);
    assert_int_equal(slice.chunk->used, slice.chunk->size);
    chunk_unref(slice.chunk);

    slice = slice_copy(STR_NONE);
    assert_int_equal(slice.len, 0);
    chunk_unref(slice.chunk);
}

static void test_slice_keep_copies_small_pieces_only(void **state)
{
    (void)state;
    struct chunk *chunk = chunk_new(1000);
    memset(chunk->data, 'x', 1000);
    chunk->used = 1000;

    struct slice large = slice_keep((struct slice){chunk, chunk->data + 10, 250});
    assert_ptr_equal(large.chunk, chunk);
    assert_ptr_equal(large.ptr, chunk->data + 10);
    assert_int_equal(chunk->refs, 2);
    chunk_unref(large.chunk);

    struct slice small = slice_keep((struct slice){chunk, chunk->data + 10, 249});
    assert_ptr_not_equal(small.chunk, chunk);
    assert_int_equal(small.len, 249);
    assert_memory_equal(small.ptr, chunk->data + 10, 249);
    assert_int_equal(chunk->refs, 1);
    chunk_unref(small.chunk);
    chunk_unref(chunk);

    struct slice literal = slice_keep((struct slice){NULL, "abc", 3});
    assert_non_null(literal.chunk);
    assert_memory_equal(literal.ptr, "abc", 3);
    chunk_unref(literal.chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_chunk_is_empty_and_whole),
        cmocka_unit_test(test_common_sizes_are_recycled_clean),
        cmocka_unit_test(test_the_cache_is_bounded_and_can_be_emptied),
        cmocka_unit_test(test_each_thread_has_its_own_cache),
        cmocka_unit_test(test_slice_copy_owns_its_bytes),
        cmocka_unit_test(test_slice_keep_copies_small_pieces_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
