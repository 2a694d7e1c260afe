/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/replay.h"

/* A piece that is smaller than this is copied behind the one before, so that many small ones fit. */
#define COPY_MAX (16 * 1024)
#define FIRST_CHUNK 4096

/* Copies behind the last piece; false when that is not ours or has no room. */
static bool append(struct replay *replay, struct slice piece)
{
    if (!replay->is_last_own)
        return false;
    struct slice *last = &replay->pieces[replay->count - 1];
    if (last->chunk->size - last->len < piece.len)
        return false;
    memcpy(last->chunk->data + last->len, piece.ptr, piece.len);
    last->len += piece.len;
    last->chunk->used = (uint32_t)last->len;
    return true;
}

/* Each chunk of its own is larger than the one before: few pieces make the window. */
static void begin_own(struct replay *replay, struct slice piece)
{
    size_t size = FIRST_CHUNK;
    while (size < piece.len || size < replay->bytes)
        size *= 4;
    struct chunk *chunk = chunk_new(size);
    replay->pieces[replay->count++] = (struct slice){chunk, chunk->data, 0};
    replay->is_last_own = true;
    (void)append(replay, piece);
}

void replay_add(struct replay *replay, struct slice piece)
{
    if (replay->is_lost)
        return;
    if (replay->count == REPLAY_PIECES || replay->bytes + piece.len > REPLAY_WINDOW) {
        replay_end(replay);
        return;
    }
    if (piece.len >= COPY_MAX) {
        replay->pieces[replay->count++] = slice_keep(piece);
        replay->is_last_own = false;
    } else if (!append(replay, piece)) {
        begin_own(replay, piece);
    }
    replay->bytes += piece.len;
}

void replay_end(struct replay *replay)
{
    for (uint8_t i = 0; i < replay->count; i++)
        chunk_unref(replay->pieces[i].chunk);
    replay->count = 0;
    replay->bytes = 0;
    replay->is_last_own = false;
    replay->is_lost = true;
}
