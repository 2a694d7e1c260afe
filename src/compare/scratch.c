/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/scratch.h"

#include "base/mem.h"

#define BLOCK_BYTES ((size_t)64 * 1024)

struct scratch_block {
    struct scratch_block *next;
    size_t size, used;
    _Alignas(16) char bytes[];
};

static struct scratch_block *new_block(size_t size)
{
    struct scratch_block *block = mem_alloc_raw(sizeof(*block) + size);
    *block = (struct scratch_block){.size = size};
    return block;
}

void scratch_init(struct scratch *scratch)
{
    scratch->first = scratch->current = new_block(BLOCK_BYTES);
}

static void free_after(struct scratch_block *block)
{
    for (struct scratch_block *next = block->next, *after; next; next = after) {
        after = next->next;
        mem_free(next);
    }
    block->next = NULL;
}

void scratch_deinit(struct scratch *scratch)
{
    free_after(scratch->first);
    mem_free(scratch->first);
}

void scratch_trim(struct scratch *scratch)
{
    free_after(scratch->first);
    scratch->current = scratch->first;
    scratch->first->used = 0;
}

void *scratch_take(struct scratch *scratch, size_t size)
{
    struct scratch_block *block = scratch->current;
    size = (size + 15) & ~(size_t)15;
    if (block->size - block->used < size) {
        if (block->next && block->next->size < size)
            free_after(block);
        if (!block->next)
            block->next = new_block(size > 2 * block->size ? size : 2 * block->size);
        block = scratch->current = block->next;
        block->used = 0;
    }
    void *bytes = block->bytes + block->used;
    block->used += size;
    return bytes;
}

struct scratch_mark scratch_mark(const struct scratch *scratch)
{
    return (struct scratch_mark){scratch->current, scratch->current->used};
}

void scratch_reset(struct scratch *scratch, struct scratch_mark mark)
{
    scratch->current = mark.block;
    mark.block->used = mark.used;
}
