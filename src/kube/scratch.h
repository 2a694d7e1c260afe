/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes that may hold secrets: what it held is wiped whenever it is cleared, moved or freed, and a large one is given back
 * when it is cleared. Lifetime: scratch_deinit; all zero is empty. Thread: the owner's. */
#pragma once

#include "base/str.h"

struct scratch {
    char *ptr;
    size_t len, capacity;
};

void scratch_deinit(struct scratch *scratch);
void scratch_clear(struct scratch *scratch);
/* The size is the caller's to bound. */
void scratch_add(struct scratch *scratch, struct str bytes);
static inline struct str scratch_str(const struct scratch *scratch)
{
    return (struct str){scratch->ptr, scratch->len};
}
