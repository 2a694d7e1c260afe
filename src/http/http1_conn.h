/* SPDX-License-Identifier: Apache-2.0 */
/* What server and client connections of HTTP/1 have in common: reading messages from a socket and handing them to the stream,
 * taking what the stream sends and writing it. The two sides differ in heads and in what comes after a message, which they give
 * as http1_conn_ops. Embedded by http1_server.c and http1_client.c only.
 * Lifetime: the owner's slab; freed at the end of the callback in which it was closed, so that code on the stack can still look at
 * is_closed. Thread: the worker's. */
#pragma once

#include "http/http1_format.h"
#include "http/http1_parse.h"
#include "http/outq.h"
#include "http/stream.h"

struct http1_conn;

/* What the first bytes of a connection are. */
enum http1_first { FIRST_HTTP1, FIRST_MORE, FIRST_TAKEN };

struct http1_conn_ops {
    const char *name;
    /* May be NULL. Asked with the first bytes until they are HTTP/1's (then no more), or somebody else's: the
     * socket was taken, or is to be closed. */
    enum http1_first (*on_first)(struct http1_conn *conn, struct slice bytes);
    /* A whole head has come. Parses it, calls http1_conn_expect_body and the stream's handler. */
    void (*on_head)(struct http1_conn *conn, struct str head);
    /* What was received breaks the protocol. */
    void (*on_refused)(struct http1_conn *conn, enum refusal why);
    /* The peer sent its last byte; not called when that ended a body that lasts until close. */
    void (*on_input_end)(struct http1_conn *conn);
    /* The transport broke: error is 0 or an errno. */
    void (*on_broken)(struct http1_conn *conn, int error);
    /* A direction of the stream has ended (received: after on_end; sent: when all bytes have left). */
    void (*on_progress)(struct http1_conn *conn);
    void (*on_free)(struct http1_conn *conn);
};

enum http1_read {
    READ_HEAD,
    READ_LENGTH,
    READ_CHUNKED,
    READ_TRAILERS,
    READ_CLOSE, /* body until the peer closes */
    READ_TUNNEL,
    READ_HELD,    /* an upgrade or CONNECT: whether more follows is for the answer to say */
    READ_DONE,    /* the message is whole; nothing is read until the next one may begin */
    READ_DISCARD, /* lingering: what comes is thrown away */
};

enum http1_write { WRITE_HEAD, WRITE_LENGTH, WRITE_CHUNKED, WRITE_CLOSE, WRITE_TUNNEL, WRITE_NONE, WRITE_DONE };

struct http1_conn {
    struct socket sock;
    const struct http1_conn_ops *ops;
    struct codec *codec;
    struct stream stream;
    struct task flush, reap, resume;

    struct chunk *in; /* received and not consumed: [in_pos, in_end) */
    uint32_t in_pos, in_end;
    size_t scanned;   /* of a head or trailer section that is not whole yet */
    uint64_t in_left; /* READ_LENGTH */
    struct chunked chunked;
    struct outq out;
    uint64_t out_left; /* WRITE_LENGTH */
    uint64_t turn_ns;  /* the turn that `reads` is of */
    uint32_t reads;

    uint8_t reading; /* enum http1_read */
    uint8_t writing; /* enum http1_write */
    bool has_stream; /* a stream is open and has a user */
    bool is_in_own;  /* `in` is this connection's alone, not the worker's read buffer */
    bool is_reading; /* http1_conn_read is on the stack */
    bool is_flushed; /* WRITE_DONE and nothing queued */
    bool is_closed;
    bool may_read_head; /* owner: a new message may begin */
    bool is_http_1_0;   /* the peer's version */
    bool is_first;      /* on_first is still to say */
};

void http1_conn_init(struct http1_conn *conn, struct codec *codec, const struct http1_conn_ops *ops);
/* Sets the reading state for the body that the head announced and opens the credit of small messages. Call before the handler's
 * on_head; when reading is READ_DONE then (no body, or one of no bytes), call http1_conn_end_input after it. */
void http1_conn_expect_body(struct http1_conn *conn, const struct head *head);
/* The received message is whole. */
void http1_conn_end_input(struct http1_conn *conn, const struct field *trailers, uint16_t count);
/* Reads and parses as long as there is something and somebody wants it, at most READS_PER_TURN times; the rest waits for the next
 * turn, so that no peer keeps the worker from the others. */
void http1_conn_read(struct http1_conn *conn);
/* Closes the socket; memory goes at the end of this callback. Calls nothing of the stream. */
void http1_conn_close(struct http1_conn *conn, bool is_reset);
/* True when nothing received is left over. */
bool http1_conn_is_drained(const struct http1_conn *conn);
/* Drops what was received and not consumed. */
void http1_conn_drop_input(struct http1_conn *conn);

/* Sending; the owner's stream_ops forward to these. `length` counts for WRITE_LENGTH. */
void http1_conn_begin_body(struct http1_conn *conn, enum http1_write writing, uint64_t length);
void http1_conn_send_data(struct http1_conn *conn, struct slice data);
void http1_conn_send_end(struct http1_conn *conn, const struct field *trailers, uint16_t count);
/* Bytes formatted by the owner (heads, local answers). */
char *http1_conn_reserve(struct http1_conn *conn, size_t size);
void http1_conn_commit(struct http1_conn *conn, size_t len);

/* The socket's callbacks, for the owners' socket_ops. */
void http1_on_readable(struct socket *sock);
void http1_on_writable(struct socket *sock);
void http1_on_broken(struct socket *sock, int error);
