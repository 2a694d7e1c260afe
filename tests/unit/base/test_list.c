/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    char name;
    struct list node;
};

/* The names in order, forwards; the way back must be the same. */
static void assert_names(const struct list *head, const char *want)
{
    size_t count = 0;
    for (const struct list *node = head->next; node != head; node = node->next) {
        assert_ptr_equal(node->next->prev, node);
        assert_int_equal(CONTAINER_OF(node, const struct item, node)->name, want[count++]);
    }
    assert_int_equal(want[count], '\0');
    for (const struct list *node = head->prev; node != head; node = node->prev)
        assert_int_equal(CONTAINER_OF(node, const struct item, node)->name, want[--count]);
    assert_int_equal(count, 0);
}

static void test_list_keeps_order(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&head);
    assert_true(list_is_empty(&head));
    list_add(&head, &a.node);
    list_add(&head, &b.node);
    list_add_front(&head, &c.node);
    assert_names(&head, "cab");
    assert_false(list_is_empty(&head));
}

static void test_remove_unlinks_and_may_be_repeated(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    list_init(&head);
    list_init(&a.node);
    list_remove(&a.node);
    assert_false(list_is_linked(&a.node));
    list_add(&head, &a.node);
    list_add(&head, &b.node);
    assert_true(list_is_linked(&a.node));
    list_remove(&a.node);
    list_remove(&a.node);
    assert_false(list_is_linked(&a.node));
    assert_names(&head, "b");
}

static void test_take_first_ends_in_null(void **state)
{
    (void)state;
    struct list head;
    struct item a = {.name = 'a'}, b = {.name = 'b'};
    list_init(&head);
    list_add(&head, &a.node);
    list_add(&head, &b.node);
    assert_ptr_equal(list_take_first(&head), &a.node);
    assert_false(list_is_linked(&a.node));
    assert_ptr_equal(list_take_first(&head), &b.node);
    assert_null(list_take_first(&head));
}

static void test_move_all_appends_and_empties(void **state)
{
    (void)state;
    struct list to, from;
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    list_init(&to);
    list_init(&from);
    list_move_all(&to, &from);
    assert_names(&to, "");
    list_add(&to, &a.node);
    list_add(&from, &b.node);
    list_add(&from, &c.node);
    list_move_all(&to, &from);
    assert_names(&to, "abc");
    assert_true(list_is_empty(&from));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_keeps_order),
        cmocka_unit_test(test_remove_unlinks_and_may_be_repeated),
        cmocka_unit_test(test_take_first_ends_in_null),
        cmocka_unit_test(test_move_all_appends_and_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
