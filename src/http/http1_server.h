/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 connections of clients; made by server_accept. Thread: the worker's. */
#pragma once

#include "http/server.h"

extern const size_t http1_server_conn_size;

void http1_server_open(struct server *server, int fd, const struct peer *peer);
