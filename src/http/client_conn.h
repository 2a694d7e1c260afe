/* SPDX-License-Identifier: Apache-2.0 */
/* What the pool of http/client.h knows of a connection to a backend, whatever its codec. Embedded in the codec's own object.
 * Lifetime: the codec's slab, from its _adopt to on_gone. Thread: the worker's. */
#pragma once

#include "base/list.h"
#include "http/client.h"
#include "io/socket.h"

struct client_conn;

/* What the pool is told. */
struct client_conn_events {
    /* A stream is over, the peer allows more of them, or it is no longer clogged: there may be room for another. `conn->streams` is already
     * what it is now. Not while the pool's call of `open` is on the stack. */
    void (*on_room)(struct client_conn *conn);
    /* HTTP/1: its stream is over, the request has not all left (CLIENT_LEAVE_MS). */
    void (*on_leaving)(struct client_conn *conn);
    /* No more streams: the peer said so (GOAWAY), or its streams have run out of numbers. Those that there are go on. */
    void (*on_retire)(struct client_conn *conn);
    /* Closed, for whatever reason; its memory goes at the end of the callback. */
    void (*on_gone)(struct client_conn *conn, int error);
};

struct client_conn_ops {
    const char *name;
    /* A stream on a connection that has room (streams < max_streams); the codec's to give back. */
    struct stream *(*open)(struct client_conn *conn);
    /* At once; its streams are reset, RESET_CLOSED. */
    void (*close)(struct client_conn *conn);
    /* When the peer last sent or took something, loop time. */
    uint64_t (*progress_ns)(const struct client_conn *conn);
    /* NULL: the buffer is that of many streams. */
    void (*set_send_buffer)(struct client_conn *conn, int bytes, bool is_bound);
};

struct client_conn {
    const struct client_conn_ops *ops;
    const struct client_conn_events *events;
    struct client_pool *pool;
    uint32_t streams,
        max_streams; /* open; at once (HTTP/1: 1; HTTP/2: the smaller of ours and SETTINGS_MAX_CONCURRENT_STREAMS) */
    uint64_t idle_since_ns; /* the codec's: when `streams` became 0 */
    /* The codec's: what a stream has sent waits for the connection as a whole, because its window is 0 or its socket takes nothing. The pool
     * prefers others then; on_room says that it is over. */
    bool is_clogged;
    /* The pool's own. */
    struct list node;
    bool is_retired, is_gone;
};
