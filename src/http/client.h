/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of one worker to one address, kept for reuse: callers ask for a stream and get one, at once on a connection that has
 * room for it, or when a new one has been made. Policy (which address, how many connections, how long to wait) is the caller's.
 * A new connection is made when none has room and none is under way that will have enough for all who wait; also when those with room are
 * clogged (client_conn.h), as long as one may be made. The most recently used is taken first, one with streams before an idle one, and idle
 * ones close after CLIENT_IDLE_MS.
 * Lifetime: client_pool_new to client_pool_drop; the memory goes with the last connection and call. Thread: the worker's. */
#pragma once

#include "http/codec.h"
#include "http/stream.h"
#include "io/timer.h"

#define CLIENT_IDLE_MS \
    4000 /* below the 5 s after which common servers close (Node.js), so that reuse rarely meets a dying one */
/* A connection whose stream is over, because the answer came before the request had left, closes when the backend takes nothing of
 * the rest for so long. */
#define CLIENT_LEAVE_MS 15000
/* Streams that one connection carries at once, if the caller says nothing and the backend allows as many. */
#define CLIENT_MAX_STREAMS 100

struct client_attempt; /* client_attempt.h */
struct client_pool;
struct tls_client; /* tls/client.h */

enum client_protocol {
    CLIENT_HTTP1,
    CLIENT_HTTP2, /* by prior knowledge, or by ALPN and nothing else */
    CLIENT_ALPN,  /* over TLS: what the backend prefers */
};

/* How connections of a pool are made. */
struct client_how {
    enum client_protocol protocol;
    bool is_tls;            /* never plain: without a context each call fails, EPROTO */
    struct tls_client *tls; /* the context, or NULL; the pool holds a reference */
    int send_buffer; /* bounds the kernel's send buffer of each connection, and its receive buffer to half; 0: the kernel's choice */
    uint32_t
        max_streams; /* on one connection at once, if the backend allows as many; HTTP/1 has one; 0: CLIENT_MAX_STREAMS */
    unsigned keep_alive_s; /* socket_keep_alive of each connection; 0: no */
};

struct client_pool_ops {
    const char *name;
    /* A connection is about to be made: false when it may not, then the call waits until one is given back or closed. May be NULL. */
    bool (*may_connect)(void *user);
    /* A connection that was allowed is gone. May be NULL. */
    void (*on_closed)(void *user);
    /* A connection is idle and no call of this pool waits for it: false to close it, because others wait for its place. May be NULL. */
    bool (*may_keep)(void *user);
};

/* Asks for one stream. Embedded in the caller's object; zeroed, then the callbacks, `is_fresh` and `refusals` set. */
struct client_call {
    /* The stream is connected and idle. Set its handler and user, then send. */
    void (*on_open)(struct client_call *call, struct stream *stream, bool is_reused);
    /* An attempt to connect begins now: at once, or when the call's turn has come. May be NULL. */
    void (*on_connecting)(struct client_call *call);
    /* The attempt that it shared made a connection with too little room: it waits for its turn again. May be NULL. */
    void (*on_waiting)(struct client_call *call);
    /* No connection: errno of the attempt; EPROTO: TLS failed (handshake, certificate, name, or ALPN that does not fit). */
    void (*on_fail)(struct client_call *call, int error);
    bool is_fresh;    /* only a new connection will do */
    uint8_t refusals; /* of the caller's request so far (RESET_REFUSED) */
    struct client_pool *pool;
    bool is_connecting; /* an attempt is under way (else, after client_open, the call waits for its turn) */
    struct list node;
    struct client_attempt *attempt;
};

struct client_pool *client_pool_new(struct codec *codec, const struct address *to, const struct client_how *how,
                                    const struct client_pool_ops *ops, void *user);
/* No more calls; idle connections close, busy ones when their stream is over. `ops` are called until the last is gone. */
void client_pool_drop(struct client_pool *pool);
/* True for a while after an attempt to connect failed (1 s, doubling to 30 s, until one succeeds): better try another address. */
bool client_pool_is_failing(const struct client_pool *pool);
const struct address *client_pool_address(const struct client_pool *pool);
/* In words, why TLS failed in the last attempt that ended with EPROTO; borrowed until the next one. */
const char *client_pool_tls_failure(const struct client_pool *pool);

/* True when other streams may share the stream's connection: it can be refused (RESET_REFUSED), and the socket's buffers are none of its. */
bool client_is_shared(const struct stream *stream);
/* Changes the kernel's send buffer of the connection that carries the stream (socket_set_send_buffer) and no other. */
void client_set_send_buffer(struct stream *stream, int bytes, bool is_bound);

/* Calls that wait for leave to connect are tried again, oldest first. */
void client_pool_retry(struct client_pool *pool);

/* May call back before it returns. Exactly one of the callbacks comes, unless the call is cancelled. */
void client_open(struct client_pool *pool, struct client_call *call);
/* Before a callback came: gives up; harmless afterwards. */
void client_cancel(struct client_call *call);
