/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_alloc_is_zeroed(void **state)
{
    (void)state;
    unsigned char *bytes = mem_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    mem_free(bytes);
}

static void test_nothing_is_still_a_pointer(void **state)
{
    (void)state;
    mem_free(mem_alloc(0));
    mem_free(mem_alloc_raw(0));
    mem_free(mem_grow(mem_alloc(8), 0));
    mem_free(NULL);
}

static void test_grow_keeps_the_bytes(void **state)
{
    (void)state;
    char *text = mem_grow(NULL, 4);
    memcpy(text, "abc", 4);
    text = mem_grow(text, 100000);
    assert_string_equal(text, "abc");
    mem_free(text);
}

static void test_aligned_means_aligned(void **state)
{
    (void)state;
    for (size_t alignment = 8; alignment <= 65536; alignment *= 2) {
        char *bytes = mem_alloc_aligned(alignment, 100);
        assert_int_equal((uintptr_t)bytes % alignment, 0);
        memset(bytes, 1, 100);
        mem_free(bytes);
    }
}

static void test_dup_ends_in_nul(void **state)
{
    (void)state;
    char *copy = mem_dup("abcdef", 3);
    assert_string_equal(copy, "abc");
    mem_free(copy);
    copy = mem_dup(NULL, 0);
    assert_string_equal(copy, "");
    mem_free(copy);
}

static void test_trim_leaves_what_is_in_use(void **state)
{
    (void)state;
    char *copy = mem_dup("abc", 3);
    mem_trim();
    assert_string_equal(copy, "abc");
    mem_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_zeroed),      cmocka_unit_test(test_nothing_is_still_a_pointer),
        cmocka_unit_test(test_grow_keeps_the_bytes), cmocka_unit_test(test_aligned_means_aligned),
        cmocka_unit_test(test_dup_ends_in_nul),      cmocka_unit_test(test_trim_leaves_what_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
