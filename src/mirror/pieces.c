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

bool pieces_add(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror, struct slice data)
{
    struct slice kept = slice_keep(data);
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
