/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/pieces.h"

#include "base/mem.h"

static void make_room(struct pieces *pieces)
{
    if (pieces->first + pieces->count < pieces->capacity)
        return;
    if (pieces->first >= pieces->count && pieces->first) {
        memmove(pieces->list, pieces->list + pieces->first, pieces->count * sizeof *pieces->list);
        pieces->first = 0;
        return;
    }
    pieces->capacity = pieces->capacity ? pieces->capacity * 2 : 8;
    pieces->list = mem_grow(pieces->list, pieces->capacity * sizeof *pieces->list);
}

/* What small pieces are put together in, once there is more than one: a list of many would be memory that nobody counts. */
#define SMALL_MAX 2048
#define SMALL_CHUNK 4096

/* Copies a small piece behind the last one, when that waits in a chunk to itself, which is charged already. */
static bool join(struct pieces *pieces, struct slice data)
{
    struct slice *last = &pieces->list[pieces->first + pieces->count - 1];
    struct chunk *chunk = last->chunk;
    if (chunk->refs != 1 || last->ptr + last->len != chunk->data + chunk->used || chunk->size - chunk->used < data.len)
        return false;
    memcpy(chunk->data + chunk->used, data.ptr, data.len);
    chunk->used += (uint32_t)data.len;
    last->len += data.len;
    pieces->unsent += data.len;
    return true;
}

static struct slice copy_with_room(struct slice data)
{
    struct chunk *chunk = chunk_new(SMALL_CHUNK);
    memcpy(chunk->data, data.ptr, data.len);
    chunk->used = (uint32_t)data.len;
    return (struct slice){chunk, chunk->data, data.len};
}

bool pieces_add(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror, struct slice data)
{
    bool is_joining = pieces->count > pieces->sent && data.len <= SMALL_MAX;
    if (is_joining && join(pieces, data))
        return true;
    struct slice kept = is_joining ? copy_with_room(data) : slice_keep(data);
    if (!budget_hold(budget, mirror, kept.chunk)) {
        chunk_unref(kept.chunk);
        return false;
    }
    make_room(pieces);
    pieces->list[pieces->first + pieces->count++] = kept;
    pieces->unsent += kept.len;
    return true;
}

struct slice pieces_send(struct pieces *pieces)
{
    struct slice piece = pieces->list[pieces->first + pieces->sent++];
    pieces->unsent -= piece.len;
    pieces->kept += piece.len;
    return piece;
}

void pieces_rewind(struct pieces *pieces)
{
    pieces->sent = 0;
    pieces->unsent += pieces->kept;
    pieces->kept = 0;
}

void pieces_drop_sent(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror)
{
    for (; pieces->sent; pieces->sent--) {
        struct chunk *chunk = pieces->list[pieces->first++].chunk;
        budget_unhold(budget, mirror, chunk);
        chunk_unref(chunk);
        pieces->count--;
    }
    pieces->kept = 0;
}

void pieces_clear(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror)
{
    pieces->sent = pieces->count;
    pieces_drop_sent(pieces, budget, mirror);
    mem_free(pieces->list);
    *pieces = (struct pieces){0};
}
