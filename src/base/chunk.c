/* SPDX-License-Identifier: Apache-2.0 */
#include "base/chunk.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/poison.h"

/* From here on malloc maps whole pages for a block (the default of M_MMAP_THRESHOLD). */
#define CHUNK_MAPPED_FROM (128 * 1024)

/* Bounded: at most CHUNK_CACHE_MAX × (4 + 16 + 64) KiB = 672 KiB a thread; what malloc costs at this rate and size is
 * splitting, merging and touching new pages. */
struct chunk_class {
    uint32_t count;
    struct chunk *chunks[CHUNK_CACHE_MAX];
};

static _Thread_local struct chunk_class chunk_classes[3];

static struct chunk_class *class_of(size_t size)
{
    switch (size) {
    case 4 * 1024: return &chunk_classes[0];
    case 16 * 1024: return &chunk_classes[1];
    case 64 * 1024: return &chunk_classes[2];
    default: return NULL;
    }
}

struct chunk *chunk_new(size_t size)
{
    ASSERT(size <= UINT32_MAX);
    struct chunk_class *class = class_of(size);
    struct chunk *chunk;
    if (class && class->count > 0) {
        chunk = class->chunks[--class->count];
        UNPOISON(chunk, sizeof(*chunk) + size);
    } else {
        chunk = mem_alloc_raw(sizeof(*chunk) + size);
    }
    chunk->refs = 1;
    chunk->size = (uint32_t)size;
    chunk->used = 0;
    chunk->holders = 0;
    return chunk;
}

void chunk_release(struct chunk *chunk)
{
    ASSERT(chunk->refs == 0 && chunk->holders == 0);
    struct chunk_class *class = class_of(chunk->size);
    if (class && class->count < CHUNK_CACHE_MAX) {
        class->chunks[class->count++] = chunk;
        POISON(chunk, sizeof(*chunk) + chunk->size);
    } else {
        mem_free(chunk);
    }
}

void chunk_cache_trim(void)
{
    for (size_t i = 0; i < sizeof(chunk_classes) / sizeof(chunk_classes[0]); i++) {
        struct chunk_class *class = &chunk_classes[i];
        while (class->count > 0) {
            struct chunk *chunk = class->chunks[--class->count];
            UNPOISON(chunk, sizeof(*chunk));
            mem_free(chunk);
        }
    }
}

size_t chunk_cost(const struct chunk *chunk)
{
    /* malloc's head of 8 bytes and its rounding. */
    size_t bytes = sizeof(*chunk) + chunk->size + 8;
    size_t unit = bytes < CHUNK_MAPPED_FROM ? 16 : 4096;
    return (bytes + unit - 1) / unit * unit;
}

struct slice slice_copy(struct str bytes)
{
    struct chunk *chunk = chunk_new(bytes.len);
    if (bytes.len > 0)
        memcpy(chunk->data, bytes.ptr, bytes.len);
    chunk->used = chunk->size;
    return (struct slice){chunk, chunk->data, bytes.len};
}

struct slice slice_keep(struct slice piece)
{
    if (!piece.chunk || piece.len < piece.chunk->size / 4)
        return slice_copy((struct str){piece.ptr, piece.len});
    chunk_ref(piece.chunk);
    return piece;
}
