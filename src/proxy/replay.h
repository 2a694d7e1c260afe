/* SPDX-License-Identifier: Apache-2.0 */
/* The first REPLAY_WINDOW bytes of a request body, kept until the answer begins, so that a request whose reused connection turns out to
 * be dead can be sent again on a new one. Lifetime: the exchange's. Thread: the worker's. */
#pragma once

#include "base/chunk.h"

#define REPLAY_WINDOW (64 * 1024)
/* Pieces of 16 KiB and more are referenced, at most 4; what stands before, between and behind them is copied together. */
#define REPLAY_PIECES 16

struct replay {
    struct slice pieces[REPLAY_PIECES];
    uint8_t count;
    bool is_last_own; /* the last piece is a copy with room behind it */
    bool is_lost;     /* more was sent than is kept: the request can't be sent again */
    size_t bytes;
};

static inline void replay_init(struct replay *replay)
{
    replay->count = 0;
    replay->bytes = 0;
    replay->is_lost = false;
    replay->is_last_own = false;
}

void replay_add(struct replay *replay, struct slice piece);
/* Drops what is kept; from now on the request can't be sent again. */
void replay_end(struct replay *replay);
