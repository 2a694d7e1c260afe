/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_first_block_comes_before_malloc(void **state)
{
    (void)state;
    char first[256] __attribute__((aligned(8)));
    struct arena arena;
    arena_init(&arena, first, sizeof(first));
    char *a = arena_alloc(&arena, 100);
    char *b = arena_alloc(&arena, 152);
    assert_ptr_equal(a, first);
    assert_ptr_equal(b, first + 104);
    assert_int_equal(arena.allocated, 0);
    char *c = arena_alloc(&arena, 1);
    assert_true(c < first || c >= first + sizeof(first));
    assert_true(arena.allocated > 0);
    arena_deinit(&arena);
}

static void test_allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    char first[100];
    struct arena arena;
    /* Not aligned, as a tail of some other struct may be. */
    arena_init(&arena, first + 3, 90);
    unsigned char *parts[2000];
    for (size_t i = 0; i < 2000; i++) {
        size_t size = i % 301;
        parts[i] = arena_alloc(&arena, size);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 8, 0);
        memset(parts[i], (int)(i & 0xff), size);
        if (i % 3 == 0)
            assert_int_equal(arena_copy(&arena, STR("xyz")).len, 3);
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t j = 0; j < i % 301; j++)
            assert_int_equal(parts[i][j], i & 0xff);
    }
    arena_deinit(&arena);
}

static void test_a_large_piece_leaves_the_current_block_in_use(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    char *before = arena_alloc(&arena, 8);
    char *large = arena_alloc(&arena, 1000000);
    char *after = arena_alloc(&arena, 8);
    memset(large, 1, 1000000);
    assert_ptr_equal(after, before + 8);
    assert_true(arena.allocated >= 1000000 && arena.allocated < 1000000 + 16384);
    arena_deinit(&arena);
    assert_int_equal(arena.allocated, 0);
    arena_deinit(&arena);
}

static void test_copy_is_a_copy(void **state)
{
    (void)state;
    struct arena arena;
    char text[] = "abc";
    arena_init(&arena, NULL, 0);
    struct str copy = arena_copy(&arena, str_from_c(text));
    text[0] = 'x';
    assert_true(str_eq(copy, STR("abc")));
    assert_int_equal(arena_copy(&arena, STR("")).len, 0);
    assert_non_null(arena_copy(&arena, STR("")).ptr);
    assert_null(arena_copy(&arena, STR_NONE).ptr);
    arena_deinit(&arena);
}

static void test_printf_grows_and_ends_in_nul(void **state)
{
    (void)state;
    char first[16], want[6000];
    struct arena arena;
    /* Around the end of the first block, and larger than any block. */
    for (int len = 0; len < 6000; len += len < 40 ? 1 : 997) {
        arena_init(&arena, first, sizeof(first));
        memset(want, 'x', (size_t)len);
        want[len] = '\0';
        struct str text = arena_printf(&arena, "%s", want);
        assert_int_equal(text.len, len);
        assert_string_equal(text.ptr, want);
        assert_int_equal(arena.allocated == 0, len < 16);
        assert_true(str_eq(arena_printf(&arena, "%d-%d", 1, 2), STR("1-2")));
        assert_string_equal(text.ptr, want);
        arena_deinit(&arena);
    }
    arena_init(&arena, NULL, 0);
    assert_string_equal(arena_printf(&arena, "%s", "").ptr, "");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_block_comes_before_malloc),
        cmocka_unit_test(test_allocations_are_aligned_and_apart),
        cmocka_unit_test(test_a_large_piece_leaves_the_current_block_in_use),
        cmocka_unit_test(test_copy_is_a_copy),
        cmocka_unit_test(test_printf_grows_and_ends_in_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
