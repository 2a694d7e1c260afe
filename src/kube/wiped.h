/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes that may hold secrets: what it held is wiped whenever it is cleared, moved or freed, and a large one is given back
 * when it is cleared. Lifetime: wiped_deinit; all zero is empty. Thread: the owner's. */
#pragma once

#include "base/str.h"

struct wiped {
    char *ptr;
    size_t len, capacity;
};

void wiped_deinit(struct wiped *wiped);
void wiped_clear(struct wiped *wiped);
/* The size is the caller's to bound. */
void wiped_add(struct wiped *wiped, struct str bytes);
static inline struct str wiped_str(const struct wiped *wiped)
{
    return (struct str){wiped->ptr, wiped->len};
}
