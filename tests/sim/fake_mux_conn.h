/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of the fake protocol share. Internal to fake_mux*.c. Lifetime: a connection frees itself at the end of the callback in
 * which it was closed, a stream at the end of the one in which it was over. Thread: the loop's. */
#pragma once

#include "fake_mux.h"
#include "http/client_conn.h"
#include "twin.h"

struct mux_conn;

struct mux_stream {
    struct stream stream;
    struct mux_conn *conn;
    struct list node; /* of conn->streams, or conn->dead */
    unsigned id;
    enum http_method method;
    struct flow waiting; /* body to be sent */
    struct strbuf end;   /* the END frame, once the user has ended */
    size_t may_send;     /* credit from the peer */
    size_t granted;      /* credit given to the peer and not used */
    bool has_user;       /* callbacks are wanted */
    bool is_send_ended;  /* by the user */
    bool is_end_sent;    /* its frame has gone */
    bool is_receive_ended;
    bool has_answer; /* something of the answer has come */
    bool is_reused;
};

struct mux_ops {
    const char *name;
    /* A head of a stream has come: `stream` NULL when it is a new one. */
    void (*on_head)(struct mux_conn *conn, struct mux_stream *stream, unsigned id, struct str text, bool is_last);
    void (*on_goaway)(struct mux_conn *conn);
    /* A stream is over: the connection may be idle. */
    void (*on_stream_over)(struct mux_conn *conn);
    /* The rest is the client side's. */
    void (*on_limit)(struct mux_conn *conn, unsigned streams);
    /* The socket took what it could: all frames, or not. */
    void (*on_flushed)(struct mux_conn *conn, bool is_all_out);
    /* The connection is closed; streams are told next. `error` is an errno or 0. */
    void (*on_gone)(struct mux_conn *conn, int error);
};

struct mux_conn {
    struct socket sock;
    const struct mux_ops *ops;
    struct codec *codec;
    void *owner; /* the server */
    struct task flush, reap;
    struct flow in, out;
    struct list streams, dead;
    unsigned next_id;
    uint64_t progress_ns;
    bool is_client, is_closed, is_going, had_stream;
    struct server_member member; /* server side */
    struct peer peer;
    struct client_conn client; /* client side */
};

struct mux_conn *mux_conn_new(struct codec *codec, const struct mux_ops *ops, void *owner);
extern const struct socket_ops mux_socket_ops;
/* Closes; streams with users are reset with `why`. */
void mux_conn_close(struct mux_conn *conn, enum reset why, int error);
void mux_send_frame(struct mux_conn *conn, unsigned id, const char *kind, struct str payload);
struct mux_stream *mux_stream_new(struct mux_conn *conn, unsigned id);
/* Received head: tells the user, and of the end when it was the last. */
void mux_deliver_head(struct mux_stream *ms, const struct head *head, bool is_last);
