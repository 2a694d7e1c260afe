/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator for what lives exactly as long as its owner (one exchange side, one load of rules).
 * The first block can be memory of the owner, so that small exchanges never call malloc.
 * Lifetime: everything ends at arena_deinit. Thread: the owner's. */
#pragma once

#include "base/str.h"

#include <stdarg.h>

struct arena_block;
struct arena {
    char *next, *end;           /* free room of the current block */
    struct arena_block *blocks; /* allocated blocks, newest first */
    size_t allocated;           /* bytes of all allocated blocks, for budgets; the first block does not count */
};

/* `first` may be NULL; it stays the caller's. */
void arena_init(struct arena *arena, void *first, size_t first_size);
void arena_deinit(struct arena *arena);

/* 8-byte aligned, not zeroed, never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull, warn_unused_result));
struct str arena_copy(struct arena *arena, struct str s);
/* printf into the arena; the result is also NUL-terminated. */
struct str arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
