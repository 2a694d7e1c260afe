/* SPDX-License-Identifier: Apache-2.0 */
/* A refcounted block of bytes that is written once by its reader and then shared, unchanged, by everyone who must
 * still send or keep it: live, shadows, capture. A slice is a run inside a chunk.
 * `holders` counts those who hold it against a budget: the first is charged chunk_cost() bytes, the last gives them back; all of
 * them hold a reference as well.
 * Lifetime: refcount (not atomic). Thread: one worker; a chunk never leaves its worker. */
#pragma once

#include "base/str.h"

struct chunk {
    uint32_t refs;
    uint32_t size; /* bytes at data */
    uint32_t used; /* bytes written so far; [used, size) is free for the owner of the reading end */
    uint32_t holders;
    char data[];
};

struct slice {
    struct chunk *chunk; /* NULL: bytes that outlive every use (literals) */
    const char *ptr;
    size_t len;
};

/* One reference, nothing used. */
struct chunk *chunk_new(size_t size) __attribute__((returns_nonnull, warn_unused_result));

static inline struct chunk *chunk_ref(struct chunk *chunk)
{
    if (chunk)
        chunk->refs++;
    return chunk;
}

/* The end of chunk_unref, for when the last reference has gone. Chunks of 4, 16 and 64 KiB go to a small cache of the
 * thread for the next chunk_new (at most CHUNK_CACHE_MAX of each size), all others back to the system. */
#define CHUNK_CACHE_MAX 8
void chunk_release(struct chunk *chunk);
/* Frees the thread's cached chunks; called when a worker ends or has been idle. */
void chunk_cache_trim(void);

static inline void chunk_unref(struct chunk *chunk)
{
    if (chunk && --chunk->refs == 0)
        chunk_release(chunk);
}

/* Bytes that a chunk of this size takes from the system; what a budget is charged. */
size_t chunk_cost(const struct chunk *chunk);

/* A chunk of its own with a copy of the bytes; one reference, passed to the caller. */
struct slice slice_copy(struct str bytes);

/* A slice that may be kept for long, with a reference of its own: the same bytes, or a copy when they are less than a quarter
 * of their chunk, so that small pieces never pin large blocks. Bytes without a chunk are copied too. */
struct slice slice_keep(struct slice piece);
