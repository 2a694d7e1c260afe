/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdio.h>

#define ARENA_ALIGN 8
/* Blocks grow with the arena, so that a large one has few and a small one wastes little. */
#define ARENA_BLOCK_MIN (4 * 1024)
#define ARENA_BLOCK_MAX (64 * 1024)

struct arena_block {
    struct arena_block *next;
    char data[] __attribute__((aligned(ARENA_ALIGN)));
};

void arena_init(struct arena *arena, void *first, size_t first_size)
{
    arena->next = first;
    arena->end = first ? arena->next + first_size : NULL;
    arena->blocks = NULL;
    arena->allocated = 0;
}

void arena_deinit(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
    arena_init(arena, NULL, 0);
}

/* A new block with at least `size` bytes; returns its first `size` bytes. What is larger than half a block gets one of
 * its own, and the room of the current one stays in use. */
static void *alloc_in_new_block(struct arena *arena, size_t size)
{
    ASSERT(size <= SIZE_MAX / 2);
    size_t block_size = arena->allocated;
    if (block_size < ARENA_BLOCK_MIN)
        block_size = ARENA_BLOCK_MIN;
    if (block_size > ARENA_BLOCK_MAX)
        block_size = ARENA_BLOCK_MAX;
    bool is_own = size > (block_size - sizeof(struct arena_block)) / 2;
    if (is_own)
        block_size = sizeof(struct arena_block) + size;

    struct arena_block *block = mem_alloc_raw(block_size);
    block->next = arena->blocks;
    arena->blocks = block;
    arena->allocated += block_size;
    if (!is_own) {
        arena->next = block->data + size;
        arena->end = (char *)block + block_size;
    }
    return block->data;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size += size == 0;
    size_t room = (size_t)(arena->end - arena->next);
    size_t pad = -(uintptr_t)arena->next & (ARENA_ALIGN - 1);
    if (__builtin_expect(size > room || pad > room - size, 0))
        return alloc_in_new_block(arena, size);
    char *ptr = arena->next + pad;
    arena->next = ptr + size;
    return ptr;
}

/* As arena_alloc without alignment, for text. */
static char *alloc_text(struct arena *arena, size_t size)
{
    if (size > (size_t)(arena->end - arena->next))
        return alloc_in_new_block(arena, size);
    char *ptr = arena->next;
    arena->next += size;
    return ptr;
}

struct str arena_copy(struct arena *arena, struct str s)
{
    if (s.len == 0)
        return s.ptr ? STR("") : STR_NONE;
    char *copy = alloc_text(arena, s.len);
    memcpy(copy, s.ptr, s.len);
    return (struct str){copy, s.len};
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = (size_t)(arena->end - arena->next);
    int printed = vsnprintf(arena->next, room, format, args);
    ASSERT(printed >= 0);
    size_t len = (size_t)printed;

    char *text = alloc_text(arena, len + 1);
    if (len >= room)
        vsnprintf(text, len + 1, format, again);
    va_end(again);
    return (struct str){text, len};
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
