/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to make a connection to a backend: TCP, TLS, what ALPN settles, then the codec that fits. Internal to the pool of
 * http/client.h. Lifetime: client_attempt_new to one of its events or client_attempt_stop; the memory goes at the end of that callback.
 * Thread: the worker's. */
#pragma once

#include "http/client_conn.h"

struct client_attempt_events {
    /* `conn` is the codec's, with the pool's events. */
    void (*on_connected)(struct client_attempt *attempt, struct client_conn *conn);
    /* `why` says in words what went wrong when error is EPROTO; borrowed for the call. */
    void (*on_failed)(struct client_attempt *attempt, int error, const char *why);
};

struct client_attempt {
    struct socket sock;
    const struct client_attempt_events *events;
    const struct client_conn_events *conn_events;
    const struct client_how *how;
    struct codec *codec;
    struct task reap;
    uint64_t begin_ns;
    /* The pool's own. */
    struct client_pool *pool;
    struct list node;  /* of pool->attempts */
    struct list calls; /* that wait for it, those that were refused most often first */
    uint32_t call_count;
};

/* NULL with errno when it failed at once; nothing is called before it returns. `how` is borrowed for as long as the pool lives. */
struct client_attempt *client_attempt_new(struct client_pool *pool, struct codec *codec, const struct address *to,
                                          const struct client_how *how);
/* Gives up; no event comes. */
void client_attempt_stop(struct client_attempt *attempt);

/* client.c: what the pool makes of it. */
extern const struct client_attempt_events client_pool_attempt_events;
extern const struct client_conn_events client_pool_conn_events;
