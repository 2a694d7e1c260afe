/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 20000 };

static char values[MANY];

static struct str name_of(size_t i, char *room)
{
    int len = snprintf(room, 32, "default/route-%zu", i);
    return (struct str){room, (size_t)len};
}

static void test_an_empty_map_finds_nothing(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    assert_null(map_find(&map, STR("a")));
    assert_null(map_remove(&map, STR("a")));
    map_deinit(&map);
    map_deinit(&map);
}

static void test_add_replaces_and_tells_the_old_value(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    assert_null(map_add(&map, STR("a"), &values[1]));
    assert_ptr_equal(map_add(&map, STR("a"), &values[2]), &values[1]);
    assert_ptr_equal(map_find(&map, STR("a")), &values[2]);
    assert_int_equal(map.live, 1);
    map_deinit(&map);
}

static void test_keys_are_bytes_and_copied(void **state)
{
    (void)state;
    struct map map;
    char key[] = "abc";
    map_init(&map);
    map_add(&map, str_from_c(key), &values[1]);
    map_add(&map, STR("a\0b"), &values[2]);
    map_add(&map, STR("a\0c"), &values[3]);
    map_add(&map, STR_NONE, &values[4]);
    key[0] = 'x';
    assert_ptr_equal(map_find(&map, STR("abc")), &values[1]);
    assert_null(map_find(&map, STR("xbc")));
    assert_ptr_equal(map_find(&map, STR("a\0b")), &values[2]);
    assert_ptr_equal(map_find(&map, STR("a\0c")), &values[3]);
    assert_ptr_equal(map_find(&map, STR("")), &values[4]);
    map_deinit(&map);
}

static void test_many_keys_are_found_in_insertion_order(void **state)
{
    (void)state;
    struct map map;
    char room[32];
    map_init(&map);
    for (size_t i = 0; i < MANY; i++)
        assert_null(map_add(&map, name_of(i, room), &values[i]));
    assert_int_equal(map.live, MANY);
    assert_int_equal(map.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(map_find(&map, name_of(i, room)), &values[i]);
        assert_ptr_equal(map.entries[i].value, &values[i]);
        assert_true(str_eq(map.entries[i].key, name_of(i, room)));
    }
    assert_null(map_find(&map, name_of(MANY, room)));
    map_deinit(&map);
}

static void test_removed_keys_are_gone_and_the_others_stay(void **state)
{
    (void)state;
    struct map map;
    char room[32];
    map_init(&map);
    for (size_t i = 0; i < MANY; i++)
        map_add(&map, name_of(i, room), &values[i]);
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 != 0)
            assert_ptr_equal(map_remove(&map, name_of(i, room)), &values[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        void *want = i % 3 == 0 ? &values[i] : NULL;
        assert_ptr_equal(map_find(&map, name_of(i, room)), want);
    }
    size_t seen = 0;
    for (size_t i = 0; i < map.count; i++)
        seen += map.entries[i].value != NULL;
    assert_int_equal(seen, map.live);
    assert_null(map_remove(&map, name_of(1, room)));
    assert_null(map_add(&map, name_of(1, room), &values[1]));
    assert_ptr_equal(map_find(&map, name_of(1, room)), &values[1]);
    map_deinit(&map);
}

static void test_coming_and_going_does_not_grow_the_map(void **state)
{
    (void)state;
    struct map map;
    char room[32];
    map_init(&map);
    for (size_t i = 0; i < MANY; i++) {
        map_add(&map, name_of(i, room), &values[i]);
        if (i >= 4)
            assert_ptr_equal(map_remove(&map, name_of(i - 4, room)), &values[i - 4]);
        assert_true(map.capacity <= 16);
    }
    assert_int_equal(map.live, 4);
    map_deinit(&map);
}

static void test_remove_takes_the_entry_own_key(void **state)
{
    (void)state;
    struct map map;
    map_init(&map);
    map_add(&map, STR("a"), &values[1]);
    map_add(&map, STR("b"), &values[2]);
    for (size_t i = 0; i < map.count; i++)
        assert_non_null(map_remove(&map, map.entries[i].key));
    assert_int_equal(map.live, 0);
    map_deinit(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_map_finds_nothing),
        cmocka_unit_test(test_add_replaces_and_tells_the_old_value),
        cmocka_unit_test(test_keys_are_bytes_and_copied),
        cmocka_unit_test(test_many_keys_are_found_in_insertion_order),
        cmocka_unit_test(test_removed_keys_are_gone_and_the_others_stay),
        cmocka_unit_test(test_coming_and_going_does_not_grow_the_map),
        cmocka_unit_test(test_remove_takes_the_entry_own_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
