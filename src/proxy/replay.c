/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/replay.h"

void replay_add(struct replay *replay, struct slice piece)
{
    if (replay->is_lost)
        return;
    if (replay->count == REPLAY_PIECES || replay->bytes + piece.len > REPLAY_WINDOW) {
        replay_end(replay);
        return;
    }
    replay->pieces[replay->count++] = slice_keep(piece);
    replay->bytes += piece.len;
}

void replay_end(struct replay *replay)
{
    for (uint8_t i = 0; i < replay->count; i++)
        chunk_unref(replay->pieces[i].chunk);
    replay->count = 0;
    replay->bytes = 0;
    replay->is_lost = true;
}
