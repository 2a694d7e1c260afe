/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 connections to backends: one stream at a time. Made and kept by the pool of http/client.h. Thread: the worker's. */
#pragma once

#include "http/client_conn.h"

extern const size_t http1_client_conn_size;

/* A connected backend that speaks HTTP/1. The socket is moved. */
struct client_conn *http1_client_adopt(struct codec *codec, struct socket *from,
                                       const struct client_conn_events *events, struct client_pool *pool);
