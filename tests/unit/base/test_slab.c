/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "base/mem.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The same numbers in every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void test_objects_are_apart_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 8, 16, 24, 100, 200, 1000, 2048, 5000, 70000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct slab *slab = slab_new("test", sizes[i]);
        unsigned char *objects[300];
        for (size_t j = 0; j < COUNT(objects); j++) {
            objects[j] = slab_take(slab);
            assert_int_equal((uintptr_t)objects[j] % 16, 0);
            memset(objects[j], (int)(j & 0xff), sizes[i]);
        }
        assert_int_equal(slab_in_use(slab), COUNT(objects));
        for (size_t j = 0; j < COUNT(objects); j++) {
            for (size_t k = 0; k < sizes[i]; k++)
                assert_true(objects[j][k] == (j & 0xff));
            slab_give(slab, objects[j]);
        }
        assert_int_equal(slab_in_use(slab), 0);
        slab_free(slab);
    }
    slab_free(NULL);
}

static void test_the_object_given_last_is_taken_first(void **state)
{
    (void)state;
    struct slab *slab = slab_new("test", 100);
    void *a = slab_take(slab);
    void *b = slab_take(slab);
    slab_give(slab, a);
    assert_ptr_equal(slab_take(slab), a);
    slab_give(slab, a);
    slab_give(slab, b);
    void *again = slab_take(slab);
    assert_ptr_equal(again, b);
    slab_give(slab, again);
    slab_free(slab);
}

static void test_tens_of_thousands_come_and_go_in_any_order(void **state)
{
    (void)state;
    enum { MANY = 40000 };
    struct slab *slab = slab_new("test", 48);
    uint32_t **objects = mem_alloc(MANY * sizeof(*objects));
    uint32_t seed = 1;
    size_t live = 0;
    for (uint32_t step = 0; step < MANY * 10; step++) {
        /* Waves: mostly taking, then mostly giving. */
        uint32_t share = step / MANY % 2 == 0 ? 90 : 10;
        uint32_t at = next_random(&seed) % MANY;
        bool is_taking = next_random(&seed) % 100 < share;
        if (is_taking && !objects[at]) {
            objects[at] = slab_take(slab);
            *objects[at] = at;
            live++;
        } else if (!is_taking && objects[at]) {
            assert_true(*objects[at] == at);
            slab_give(slab, objects[at]);
            objects[at] = NULL;
            live--;
        }
        assert_true(slab_in_use(slab) == live);
    }
    for (uint32_t at = 0; at < MANY; at++) {
        if (!objects[at])
            continue;
        assert_true(*objects[at] == at);
        slab_give(slab, objects[at]);
    }
    mem_free(objects);
    slab_free(slab);
}

static void test_one_object_at_a_time_stays_on_one_page(void **state)
{
    (void)state;
    struct slab *slab = slab_new("test", 64);
    void *first = slab_take(slab);
    slab_give(slab, first);
    for (int i = 0; i < 1000; i++) {
        void *object = slab_take(slab);
        assert_ptr_equal(object, first);
        slab_give(slab, object);
    }
    slab_free(slab);
}

/* AddressSanitizer's allocator says 0 always. */
static size_t bytes_from_malloc(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks;
}

static void test_a_burst_does_not_stay(void **state)
{
    (void)state;
    enum { BURST = 20000, SIZE = 256 };
    struct slab *slab = slab_new("test", SIZE);
    void **objects = mem_alloc(BURST * sizeof(*objects));
    size_t before = bytes_from_malloc();
    for (size_t i = 0; i < BURST; i++)
        objects[i] = slab_take(slab);
    size_t burst = bytes_from_malloc();
    for (size_t i = 0; i < BURST; i++)
        slab_give(slab, objects[i]);
    size_t after = bytes_from_malloc();
    assert_true(burst == 0 || burst - before >= BURST * SIZE);
    assert_true(burst == 0 || burst - before <= BURST * SIZE / 8 * 9);
    assert_true(after <= before + 32 * 1024);
    mem_free(objects);
    slab_free(slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_apart_and_aligned),
        cmocka_unit_test(test_the_object_given_last_is_taken_first),
        cmocka_unit_test(test_tens_of_thousands_come_and_go_in_any_order),
        cmocka_unit_test(test_one_object_at_a_time_stays_on_one_page),
        cmocka_unit_test(test_a_burst_does_not_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
