/* SPDX-License-Identifier: Apache-2.0 */
/* What all HTTP connections of one worker share: its loop, the buffer that reads go into, the buffer that heads are
 * formatted into, and the slabs of connection objects. An idle connection thus holds no buffer of its own.
 * Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "base/chunk.h"
#include "base/slab.h"
#include "io/loop.h"

#define CODEC_BUFFER (64 * 1024)

struct http2_shared; /* http/http2_conn.h */

struct codec {
    struct loop *loop;
    struct chunk *rx, *tx;
    struct slab *server_conns, *client_conns; /* of HTTP/1 */
    struct http2_shared *http2;
};

void codec_init(struct codec *codec, struct loop *loop);
/* All connections must be closed. */
void codec_deinit(struct codec *codec);

/* The shared read buffer with at least CODEC_BUFFER / 4 free bytes behind `used`; borrowed. */
struct chunk *codec_rx(struct codec *codec);
/* The shared write buffer with at least `room` free bytes behind `used`; borrowed. */
struct chunk *codec_tx(struct codec *codec, size_t room);
