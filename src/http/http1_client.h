/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 connections to backends; made and kept by the pool of http/client.h. Thread: the worker's. */
#pragma once

#include "http/client.h"

struct http1_client;

extern const size_t http1_client_conn_size;

/* What the pool is told. */
struct http1_client_events {
    void (*on_connected)(struct http1_client *conn, void *pool);
    void (*on_idle)(struct http1_client *conn, void *pool);    /* may carry another stream */
    void (*on_leaving)(struct http1_client *conn, void *pool); /* its stream is over, the request has not all left */
    void (*on_gone)(struct http1_client *conn, void *pool,
                    int error); /* closed, for whatever reason; memory is going */
};

/* NULL with errno when the attempt failed at once. `node` is for the pool's lists. */
struct http1_client *http1_client_connect(struct codec *codec, const struct address *to, int send_buffer,
                                          const struct http1_client_events *events, void *pool);
/* A stream on a connected connection that is idle; the codec's to give back. */
struct stream *http1_client_stream(struct http1_client *conn);
void http1_client_set_send_buffer(struct stream *stream, int bytes, bool is_bound);
void http1_client_close(struct http1_client *conn);

/* For the pool: a list node, the loop time at which it became idle, and at which the peer last sent or took something. */
struct list *http1_client_node(struct http1_client *conn);
struct http1_client *http1_client_from_node(struct list *node);
uint64_t http1_client_idle_since_ns(const struct http1_client *conn);
uint64_t http1_client_progress_ns(const struct http1_client *conn);
