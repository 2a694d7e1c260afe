/* SPDX-License-Identifier: Apache-2.0 */
/* A share of the analyst's memory: what is taken is counted, and what does not fit is refused, and that is counted as well.
 * Lifetime: a value. Thread: the analyst's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct room {
    size_t limit, used;
    uint64_t refused;
};

static inline bool room_take(struct room *room, size_t bytes)
{
    if (bytes > room->limit || room->used > room->limit - bytes) {
        room->refused++;
        return false;
    }
    room->used += bytes;
    return true;
}

static inline void room_give(struct room *room, size_t bytes)
{
    room->used -= bytes;
}
