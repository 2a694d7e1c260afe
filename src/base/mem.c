/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include "base/assert.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
    char text[64];
    snprintf(text, sizeof(text), "memory for %zu more bytes", size);
    assert_failed(text, __FILE__, __LINE__);
}

void *mem_alloc(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_alloc_raw(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_alloc_aligned(size_t alignment, size_t size)
{
    void *ptr = NULL;
    if (posix_memalign(&ptr, alignment, size ? size : 1) != 0 || !ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_grow(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size ? size : 1);
    if (!grown)
        out_of_memory(size);
    return grown;
}

void mem_free(void *ptr)
{
    free(ptr);
}

char *mem_dup(const void *bytes, size_t len)
{
    ASSERT(len < SIZE_MAX);
    char *copy = mem_alloc_raw(len + 1);
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

void mem_trim(void)
{
    malloc_trim(0);
}
