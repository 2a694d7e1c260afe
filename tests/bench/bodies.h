/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON that answers have where they are compared: items of a catalogue, each about 1 KiB. A document of one item is the item, a larger
 * one a list of them. Pure; the caller frees what it gets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct body_text {
    unsigned items;
    unsigned first;    /* number of the first item */
    bool is_edited;    /* three values of each item are others */
    bool has_one_edit; /* ... of the first item only */
    bool is_turned;    /* members stand in another order */
};
/* NUL-terminated, from malloc; NULL: no memory. */
char *body_new(const struct body_text *text, size_t *size);
