/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts from a listening socket that several workers (and a successor process) share.
 * Lifetime: the caller's memory, listener_start to listener_stop. Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "io/loop.h"
#include "io/timer.h"

struct listener {
    struct watch watch;
    struct loop *loop;
    bool is_started, is_paused;
    struct timer pause; /* after EMFILE and the like: tries again in 100 ms instead of spinning */
    /* Owns fd: connected, non-blocking, close-on-exec. */
    void (*on_accept)(struct listener *listener, int fd, const struct address *peer);
};

/* The descriptor stays the caller's. */
void listener_start(struct listener *listener, struct loop *loop, int fd,
                    void (*on_accept)(struct listener *, int, const struct address *));
/* Accepts all that is queued now, before a last listener_stop. */
void listener_sweep(struct listener *listener);
/* From now on no connection begins, for all who share the socket; what is queued can still be accepted, and what has begun gets
 * into the queue within a round trip (LISTENER_FENCE_MS). Before the last sweep of a socket that nobody will serve: whoever
 * came between sweep and close would be reset. */
#define LISTENER_FENCE_MS 100
void listener_fence(int fd);
/* Stops accepting; what is queued in the kernel stays there for whoever else shares the socket. */
void listener_stop(struct listener *listener);
