/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its response as everything above the codecs sees them, whatever connection carries them and whatever
 * else shares it. A stream is one end of an exchange on one connection: a server stream is where a request arrives and is answered
 * (the handler receives the request, sends the response); a client stream is where a request is sent (the handler sends the request,
 * receives the response).
 *
 * Received, per direction: head (a client stream may get several with 1xx first), data*, end (with trailers), in this order; or
 * reset at any point, after which nothing follows. Data comes only against credit given by stream_pull.
 * Sent: head (1xx may precede a response), data* within send_credit, end; or stream_reset.
 * A stream is over when both directions have ended or it was reset; the codec then takes it back: handler and user are
 * not touched after on_end of the later direction, on_reset, or stream_reset. Resetting a server stream whose response has ended
 * only says that the rest of the request is not wanted.
 *
 * Callbacks may call any stream function of the same or another stream, also stream_reset of their own.
 * Lifetime: the codec's memory. Thread: the loop's. */
#pragma once

#include "base/address.h"
#include "base/chunk.h"
#include "http/head.h"

struct client_conn; /* http/client_conn.h */
struct stream;

/* Who is at the other end of the connection. */
struct peer {
    struct address remote, local;
    bool is_tls;
    struct str tls_name; /* the listener's host that the client's server name led to; empty: the one for all others */
    void *listener;      /* the acceptor's own */
};

/* Why a stream ended early. */
enum reset {
    RESET_NONE,
    RESET_CLOSED, /* the peer closed or reset the connection */
    RESET_STALE, /* as RESET_CLOSED, on a reused connection, before any answer byte: to be replaced if the method is idempotent (client streams) */
    RESET_REFUSED, /* HTTP/2 (RFC 9113 8.7): the peer did not and will not look at the request (REFUSED_STREAM, GOAWAY): to be replaced
                      whatever the method */
    RESET_PROTOCOL, /* the peer broke the protocol */
    RESET_TIMEOUT,  /* the peer did not go on in time */
    RESET_CANCEL,   /* the user of the stream gave up */
};

/* What the codec tells the user of a stream. */
struct stream_handler {
    const char *name;
    /* The head's memory is valid during the call only. */
    void (*on_head)(struct stream *stream, const struct head *head);
    /* `data` is borrowed for the call; chunk_ref its chunk to keep it. At most the credit pulled so far. */
    void (*on_data)(struct stream *stream, struct slice data);
    /* `trailers` are valid during the call; count 0 when there are none. */
    void (*on_end)(struct stream *stream, const struct field *trailers, uint16_t count);
    void (*on_reset)(struct stream *stream, enum reset why);
    /* send_credit rose after it had been 0, or all that was sent has left (queued == 0). */
    void (*on_credit)(struct stream *stream);
};

/* What the user of a stream asks of the codec. */
struct stream_ops {
    const char *name;
    void (*send_head)(struct stream *stream, const struct head *head);
    void (*send_data)(struct stream *stream, struct slice data);
    void (*send_end)(struct stream *stream, const struct field *trailers, uint16_t count);
    void (*reset)(struct stream *stream, enum reset why);
    void (*pull)(struct stream *stream);
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_handler *handler;
    void *user;               /* the handler's own; the codec does not look at it */
    const struct peer *peer;  /* server streams */
    struct client_conn *conn; /* client streams: what carries it; the pool's */
    size_t send_credit; /* bytes of body that the codec takes now; more is still taken (the last piece may overshoot) */
    size_t pull_credit; /* bytes of body the user is still willing to receive */
    size_t queued;      /* bytes sent by the user that the transport has not taken */
    uint64_t wire_sent, wire_received; /* bytes of this exchange on the connection, framing included */
    uint64_t progress_ns; /* loop time at which the peer last sent something or took something that was sent */
};

/* How often a request that was refused is sent again: connections that end in order, each after its share of what comes at once. */
#define STREAM_REFUSALS 5

/* Credit that one side of a live relay keeps open; bounds what one stream holds in memory. */
#define STREAM_WINDOW (256u * 1024)

static inline void stream_send_head(struct stream *stream, const struct head *head)
{
    stream->ops->send_head(stream, head);
}

/* The chunk is referenced as long as needed; zero length is allowed and does nothing. */
static inline void stream_send_data(struct stream *stream, struct slice data)
{
    stream->ops->send_data(stream, data);
}

static inline void stream_send_end(struct stream *stream, const struct field *trailers, uint16_t count)
{
    stream->ops->send_end(stream, trailers, count);
}

/* Ends the stream visibly broken: an HTTP/1 peer sees its connection closed short of the end. No callback follows. */
static inline void stream_reset(struct stream *stream, enum reset why)
{
    stream->ops->reset(stream, why);
}

/* Raises the credit to `credit` bytes (never lowers it) and lets data flow, possibly within this call. */
static inline void stream_pull(struct stream *stream, size_t credit)
{
    if (credit <= stream->pull_credit)
        return;
    stream->pull_credit = credit;
    stream->ops->pull(stream);
}
