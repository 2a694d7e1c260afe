/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that answer whatever comes with bytes that are no HTTP, or break it in the middle, each in another way.
 * Lifetime: garble_init to the process's end. Thread: the loop's. */
#pragma once

#include "io/loop.h"

struct garble {
    struct loop *loop;
    struct list conns;
    size_t turn; /* which garbage is next */
};

void garble_init(struct garble *garble, struct loop *loop);
/* Takes over the descriptor. */
void garble_accept(struct garble *garble, int fd);
/* Resets what is left. */
void garble_close_all(struct garble *garble);
