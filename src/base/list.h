/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked circular list. The head is a node too; a node that is in no list points at itself.
 * Lifetime: the caller's memory. Thread: the owner of the list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *node)
{
    node->next = node->prev = node;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* True when a node that was initialised is in a list. */
static inline bool list_is_linked(const struct list *node)
{
    return node->next != node;
}

/* Appends at the tail / puts in front; the node must be in no list. */
static inline void list_add(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_add_front(struct list *head, struct list *node)
{
    list_add(head->next, node);
}

/* Unlinks and re-initialises; harmless on a node in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Unlinks and returns the first node, or NULL. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

/* Moves all nodes of `from` to the tail of `to`; `from` is empty after. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}
