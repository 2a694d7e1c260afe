/* SPDX-License-Identifier: Apache-2.0 */
/* What server and client connections of HTTP/2 have in common: a session of nghttp2 between a socket and streams. The two sides differ in
 * heads and in how they end, which they give as http2_conn_ops. Embedded by http2_server.c and http2_client.c only.
 *
 * A stream's object lives as long as nghttp2 knows the stream or it has a user, whichever is longer. While nghttp2 reads, users are called;
 * while it writes, they are not: what happens to streams then is told when it is done.
 * Lifetime: the owner's slab; freed at the end of the callback in which it was closed, as are streams that are over. Thread: the worker's. */
#pragma once

#include "http/http2.h"
#include "http/http2_head.h"
#include "http/outq.h"

/* Of a frame, before its payload (RFC 9113 4.1). */
#define HTTP2_FRAME_HEAD 9

struct http2_conn;

/* Of all connections of a codec. */
struct http2_shared {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *server_option, *client_option;
    struct slab *servers, *clients, *streams, *blocks;
    struct http2_list list;
};

/* Of the objects that embed a connection. */
extern const size_t http2_server_conn_size, http2_client_conn_size;

struct http2_shared *http2_shared_new(void);
void http2_shared_free(struct http2_shared *shared);

struct http2_stream {
    struct stream stream;
    struct http2_conn *conn;
    struct list node;     /* of conn->streams, then of conn->dead */
    struct list flushing; /* of conn->flushing, while bytes of it are in conn->out */
    struct list closed;   /* of conn->closed: nghttp2 knows it no more, the user has not been told */
    int32_t id;
    uint32_t close_code;           /* of RST_STREAM; NO_ERROR */
    struct outq sending, received; /* body that waits for the peer's window; for credit */
    size_t in_out;                 /* bytes in conn->out */
    uint64_t out_mark;             /* where in all that was ever put there they end */
    struct http2_block *trailers;  /* received, until on_end */
    struct chunk *trailers_out;    /* to be sent: fields and their bytes */
    uint16_t trailers_out_count;
    uint8_t method;        /* of the request */
    uint8_t informational; /* client: 1xx answers so far */
    bool has_user;
    bool is_open; /* nghttp2 knows it */
    bool is_peer_reset;
    bool is_held; /* CONNECT: whether what comes is a tunnel's is for the answer to say */
    bool is_tunnel;
    bool is_waiting; /* client: has no number yet */
    bool is_head_received;
    bool is_end_received, is_end_delivered;
    bool is_delivering;
    bool is_head_sent; /* the final one */
    bool has_no_body;  /* END_STREAM goes with the head */
    bool is_send_ended, is_end_sent, is_deferred;
    bool is_rest_unwanted; /* server: when the answer has left, the rest of the request is refused */
    bool has_answer;       /* client: something of it has come, 1xx too */
    bool is_reused;
};

struct http2_conn_ops {
    const char *name;
    /* A header list is whole (conn->block); `s` is NULL when it opens a stream. */
    void (*on_headers)(struct http2_conn *conn, struct http2_stream *s, const nghttp2_frame *frame);
    /* SETTINGS, PING and GOAWAY; acknowledgements too. */
    void (*on_control)(struct http2_conn *conn, const nghttp2_frame *frame);
    /* Bytes were read, and a header list is not whole yet. May be NULL. */
    void (*on_partial)(struct http2_conn *conn);
    /* Streams are over for nghttp2 (open_streams is what it is now); their users have been told. */
    void (*on_streams_closed)(struct http2_conn *conn);
    /* The peer broke the protocol, or a limit; `is_whole`: the connection is about to end for it. */
    void (*on_fault)(struct http2_conn *conn, enum refusal why, bool is_whole);
    /* All frames have left and nothing more is expected. */
    void (*on_finished)(struct http2_conn *conn);
    /* The transport broke (an errno or 0), or the peer sent its last byte. */
    void (*on_broken)(struct http2_conn *conn, int error);
    void (*on_free)(struct http2_conn *conn);
    /* What could be sent has been sent. May be NULL. */
    void (*on_flushed)(struct http2_conn *conn);
};

/* What the peer did in vain since `since_ns`. */
struct http2_abuse {
    uint64_t since_ns;
    uint32_t opened, resets, pings, settings, empty;
    uint32_t content; /* frames of heads and data, either way */
};

struct http2_conn {
    struct socket sock;
    const struct http2_conn_ops *ops;
    struct codec *codec;
    nghttp2_session *session;
    struct task flush, resume, reap;
    struct outq out;
    uint64_t out_total; /* bytes ever put into `out` */
    struct list streams, flushing, closed, dead;
    uint32_t open_streams; /* that nghttp2 knows */
    struct http2_block *block;
    uint64_t block_ns; /* when it began */
    struct chunk *in;  /* what nghttp2 is reading from */
    struct http2_abuse abuse;
    uint64_t progress_ns; /* bytes came or left */
    uint64_t left_ns;     /* the first of `out` began to wait, or bytes left */
    uint64_t turn_ns;
    uint32_t reads;
    enum refusal fault; /* why the connection ends */
    bool is_server, is_tls;
    bool is_reading, is_closed;
    bool is_failing;       /* GOAWAY with an error is on its way, or has left: nothing more is read */
    bool is_settings_sent; /* the first frame */
    bool is_discarding;    /* lingering */
    bool has_closed;       /* a stream is over since on_streams_closed */
};

/* The socket is moved; the caller submits SETTINGS. */
void http2_conn_open(struct http2_conn *conn, struct codec *codec, const struct http2_conn_ops *ops, bool is_server);
void http2_conn_move(struct http2_conn *conn, struct socket *from);
/* Closes the socket, resets what has users; memory goes at the end of the callback. Calls nothing of the owner but on_free. */
void http2_conn_close(struct http2_conn *conn, bool is_reset, enum reset why);
void http2_conn_read(struct http2_conn *conn);
/* Bytes that were read already. */
void http2_conn_feed(struct http2_conn *conn, struct slice bytes);
/* Frames are to be sent: at the end of the turn. */
void http2_conn_wake(struct http2_conn *conn);
/* Sends at once what can be. */
void http2_conn_flush(struct http2_conn *conn);
/* Ends the connection with GOAWAY. */
void http2_conn_fail(struct http2_conn *conn, uint32_t code, enum refusal why);
/* Frames of this stream, if any, were put into `out`. */
void http2_conn_note_out(struct http2_conn *conn, struct http2_stream *s, size_t len);
/* nghttp2 has closed the stream, or never knew it: its user is told soon. */
void http2_conn_note_closed(struct http2_conn *conn, struct http2_stream *s);
struct http2_list *http2_conn_list(struct http2_conn *conn);
uint64_t http2_conn_now_ns(const struct http2_conn *conn);

/* ---- streams (http2_stream.c) ---- */

struct http2_stream *http2_stream_new(struct http2_conn *conn, const struct stream_ops *ops);
static inline struct http2_stream *http2_stream_of(struct stream *stream)
{
    return CONTAINER_OF(stream, struct http2_stream, stream);
}
/* To the memory that goes at the end of the callback; nghttp2 must know it no more. */
void http2_stream_bury(struct http2_stream *s);
void http2_stream_free(struct http2_stream *s);
/* The user hears of nothing more. */
void http2_stream_abandon(struct http2_stream *s);
/* RST_STREAM; the user is not told. */
void http2_stream_refuse(struct http2_stream *s, uint32_t code);
/* RST_STREAM, and on_reset. */
void http2_stream_break(struct http2_stream *s, uint32_t code, enum reset why);
/* nghttp2 has closed it: tells the user. */
void http2_stream_closed(struct http2_stream *s);

/* on_head, and on_end when it is known and nothing is before it. */
void http2_stream_deliver_head(struct http2_stream *s, const struct head *head);
void http2_stream_receive(struct http2_stream *s, struct slice data);
/* END_STREAM; trailers are conn->block when `has_trailers`. */
void http2_stream_receive_end(struct http2_stream *s, bool has_trailers);
void http2_stream_deliver(struct http2_stream *s);
/* What was put into `out` has left. */
void http2_stream_flushed(struct http2_stream *s);

/* Common stream_ops. */
void http2_stream_send_data(struct stream *stream, struct slice data);
void http2_stream_send_end(struct stream *stream, const struct field *trailers, uint16_t count);
void http2_stream_pull(struct stream *stream);
/* The source of a body; nghttp2's callbacks. */
nghttp2_data_provider http2_stream_source(struct http2_stream *s);
int http2_stream_write(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
                       nghttp2_data_source *source, void *user);
