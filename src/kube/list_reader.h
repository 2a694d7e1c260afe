/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a List of objects become its items, however they are cut, so that a page is never in memory as a whole. What is around the items
 * is kept: their list's metadata. Structure is followed here, and everything else is checked by those who get the pieces (kube/skim.h).
 * Lifetime: list_reader_init to list_reader_deinit. Thread: the owner's. */
#pragma once

#include "kube/wiped.h"

/* Of a List without its items: kind, version, a continue token. */
#define LIST_ENVELOPE_MAX ((size_t)64 * 1024)

typedef void list_item_fn(void *user, struct str item);

struct list_reader {
    struct wiped envelope; /* all but the items */
    struct wiped item;
    size_t item_limit;
    list_item_fn *on_item;
    list_item_fn *on_large; /* the beginning of an item beyond the limit */
    void *user;
    unsigned depth; /* of containers */
    bool is_in_string, is_escaped;
    bool is_in_items; /* of the list; items are at depth 3 */
    bool is_large;    /* this item */
    bool is_broken;
};

void list_reader_init(struct list_reader *reader, size_t item_limit, list_item_fn *on_item, list_item_fn *on_large,
                      void *user);
void list_reader_deinit(struct list_reader *reader);
/* False: that is no list. The callbacks must not touch the reader. */
bool list_reader_add(struct list_reader *reader, struct str part) __attribute__((warn_unused_result));
/* The List with no items in it, once all of it has come; empty when it has not ended. */
struct str list_reader_envelope(const struct list_reader *reader);
