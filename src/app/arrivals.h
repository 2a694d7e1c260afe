/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one listening socket whose PROXY header has not come: between accept and everything else, the longest for as long
 * as a request's head may take. They count as connections like any other, so that --max-connections bounds them too.
 * Lifetime: arrivals_init to the last on_over. Thread: the worker's. */
#pragma once

#include "http/server.h"
#include "io/intake.h"

struct arrivals {
    struct loop *loop;
    struct slab *slab; /* of objects of arrival_size */
    struct list list;  /* struct arrival, the oldest first */
    /* Takes over the descriptor. Whole: the peer's address is the one that the header says. */
    void (*on_over)(struct arrivals *arrivals, int fd, enum intake_end end, const struct peer *peer);
};

extern const size_t arrival_size;

/* on_over is set before. */
void arrivals_init(struct arrivals *arrivals, struct loop *loop, struct slab *slab);
void arrivals_add(struct arrivals *arrivals, int fd, const struct peer *peer);
/* Gives up one that has waited for SERVER_PATIENCE_MS, as on_over(INTAKE_TIMEOUT); false when none has. */
bool arrivals_make_room(struct arrivals *arrivals) __attribute__((warn_unused_result));
/* Gives up all whose header has not come, as on_over(INTAKE_GONE). */
void arrivals_give_up(struct arrivals *arrivals);
