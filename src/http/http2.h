/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 (RFC 9113) by nghttp2, under the streams of http/stream.h: connections of clients and to backends. nghttp2 has framing, HPACK and
 * the state of streams; here are sockets, credit, limits and heads.
 *
 * Flow control (RFC 9113 5.2): a connection's window is returned as soon as bytes are received, a stream's as its user takes them, so that
 * one slow stream stalls no other; what a stream's window lets in beyond its pull credit waits here, HTTP2_STREAM_WINDOW at most.
 * Lifetime: the codec's slabs. Thread: the worker's. */
#pragma once

#include "http/client_conn.h"
#include "http/server.h"

/* What a peer may send on one stream before its user takes it, and on a connection before it is read. */
#define HTTP2_STREAM_WINDOW (64 * 1024 - 1)
#define HTTP2_CONNECTION_WINDOW (1024 * 1024)
/* What waits of one stream until its peer opens the window (send_credit): as much as most peers let through at once. */
#define HTTP2_SEND_WINDOW (64 * 1024)
/* Frames of all streams ahead of the socket. */
#define HTTP2_OUT_MAX (128 * 1024)
/* Streams that one client may have at once: SETTINGS_MAX_CONCURRENT_STREAMS. */
#define HTTP2_MAX_STREAMS 128
/* Streams that a backend is given before its SETTINGS have come (RFC 9113 6.5.2 has nobody allow fewer without reason). */
#define HTTP2_FIRST_STREAMS 100
/* What a peer may do in vain in HTTP2_ABUSE_MS before it gets ENHANCE_YOUR_CALM: streams that it resets, or makes us reset (when they are
 * more than half of those it opened); frames that ask for an answer, PING beyond one for each frame of content, and SETTINGS; frames that
 * say nothing (empty DATA, PRIORITY, WINDOW_UPDATE beyond two for each frame of content). */
#define HTTP2_MAX_RESETS 200
#define HTTP2_MAX_ANSWERED 100
#define HTTP2_MAX_EMPTY 1000
#define HTTP2_ABUSE_MS 10000
/* Of one header block, and what it may unpack into before it is a bomb: four times of what gets a 431. */
#define HTTP2_MAX_CONTINUATIONS 16
#define HTTP2_MAX_UNPACKED (4 * HEAD_MAX_BYTES)

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_LEN 24

/* Goes on with a connection whose first bytes, read already, are those of the preface (at least the first HTTP2_PREFACE_LEN). The socket is
 * moved. */
void http2_server_adopt(struct server *server, struct socket *from, const struct peer *peer, struct slice received);

/* A connected backend that speaks HTTP/2; sends the preface at once. The socket is moved. `pool` and `events` are set before any
 * of them is called. */
struct client_conn *http2_client_adopt(struct codec *codec, struct socket *from,
                                       const struct client_conn_events *events, struct client_pool *pool,
                                       uint32_t max_streams);
