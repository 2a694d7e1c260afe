/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a copy that its shadow has not taken yet, as slices held against the budget, oldest first; what was sent can stay for a
 * while, in case it has to be sent again. Bounded by the mirror's window. Internal to src/mirror. Lifetime: the copy's. Thread: the worker's. */
#pragma once

#include "mirror/budget.h"

struct pieces {
    struct slice *list;
    uint32_t first, count, capacity;
    uint32_t sent; /* of `count`, from the front */
    size_t unsent; /* bytes not sent */
    size_t kept;   /* bytes sent and still held */
};

/* Holds a piece (a copy when it is small); false when the budget refuses. */
bool pieces_add(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror, struct slice data)
    __attribute__((warn_unused_result));
/* The oldest unsent piece, now counted as sent; borrowed until pieces_drop_sent. There must be one. */
struct slice pieces_send(struct pieces *pieces);
/* All that was sent is to be sent again. */
void pieces_rewind(struct pieces *pieces);
void pieces_drop_sent(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror);
void pieces_clear(struct pieces *pieces, struct budget *budget, struct registry_mirror *mirror);
