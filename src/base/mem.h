/* SPDX-License-Identifier: Apache-2.0 */
/* The only door to malloc. Small allocations abort when memory is out; sizes that a peer controls must have
 * passed a named limit before they get here. Thread: any. */
#pragma once

#include <stddef.h>

/* Zeroed memory; never NULL. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Not zeroed; never NULL. */
void *mem_alloc_raw(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Not zeroed; the address is a multiple of `alignment`, a power of two of at least 8. Freed with mem_free. */
void *mem_alloc_aligned(size_t alignment, size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Like realloc, but aborts instead of returning NULL. */
void *mem_grow(void *ptr, size_t size) __attribute__((returns_nonnull, warn_unused_result));
void mem_free(void *ptr);
/* A NUL-terminated copy of `len` bytes. */
char *mem_dup(const void *bytes, size_t len) __attribute__((malloc, returns_nonnull, warn_unused_result));
/* Gives memory that is free, but still resident, back to the system. Takes a while: for quiet moments after a burst. */
void mem_trim(void);
