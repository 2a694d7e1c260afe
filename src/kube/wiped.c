/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/wiped.h"

#include "base/mem.h"

#define FIRST_CAPACITY 4096
/* Larger ones are for a few objects: an empty one is not kept. */
#define KEPT_CAPACITY ((size_t)64 * 1024)

void wiped_deinit(struct wiped *wiped)
{
    if (wiped->ptr)
        explicit_bzero(wiped->ptr, wiped->len);
    mem_free(wiped->ptr);
    *wiped = (struct wiped){NULL, 0, 0};
}

void wiped_clear(struct wiped *wiped)
{
    if (wiped->capacity > KEPT_CAPACITY)
        wiped_deinit(wiped);
    else if (wiped->len)
        explicit_bzero(wiped->ptr, wiped->len);
    wiped->len = 0;
}

static void grow(struct wiped *wiped, size_t needed)
{
    size_t capacity = wiped->capacity ? wiped->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    char *moved = mem_alloc_raw(capacity);
    struct wiped old = *wiped;
    if (old.len)
        memcpy(moved, old.ptr, old.len);
    *wiped = (struct wiped){moved, old.len, capacity};
    wiped_deinit(&old);
}

void wiped_add(struct wiped *wiped, struct str bytes)
{
    if (!bytes.len)
        return;
    if (wiped->len + bytes.len > wiped->capacity)
        grow(wiped, wiped->len + bytes.len);
    memcpy(wiped->ptr + wiped->len, bytes.ptr, bytes.len);
    wiped->len += bytes.len;
}
