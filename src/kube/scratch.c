/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/scratch.h"

#include "base/mem.h"

#define FIRST_CAPACITY 4096
/* Larger ones are for a few objects: an empty one is not kept. */
#define KEPT_CAPACITY ((size_t)64 * 1024)

void scratch_deinit(struct scratch *scratch)
{
    if (scratch->ptr)
        explicit_bzero(scratch->ptr, scratch->len);
    mem_free(scratch->ptr);
    *scratch = (struct scratch){NULL, 0, 0};
}

void scratch_clear(struct scratch *scratch)
{
    if (scratch->capacity > KEPT_CAPACITY)
        scratch_deinit(scratch);
    else if (scratch->len)
        explicit_bzero(scratch->ptr, scratch->len);
    scratch->len = 0;
}

static void grow(struct scratch *scratch, size_t needed)
{
    size_t capacity = scratch->capacity ? scratch->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    char *moved = mem_alloc_raw(capacity);
    struct scratch old = *scratch;
    if (old.len)
        memcpy(moved, old.ptr, old.len);
    *scratch = (struct scratch){moved, old.len, capacity};
    scratch_deinit(&old);
}

void scratch_add(struct scratch *scratch, struct str bytes)
{
    if (!bytes.len)
        return;
    if (scratch->len + bytes.len > scratch->capacity)
        grow(scratch, scratch->len + bytes.len);
    memcpy(scratch->ptr + scratch->len, bytes.ptr, bytes.len);
    scratch->len += bytes.len;
}
