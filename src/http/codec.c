/* SPDX-License-Identifier: Apache-2.0 */
#include "http/codec.h"

#include "http/http1_client.h"
#include "http/http1_server.h"
#include "http/http2_conn.h"

void codec_init(struct codec *codec, struct loop *loop)
{
    codec->loop = loop;
    codec->rx = chunk_new(CODEC_BUFFER);
    codec->tx = chunk_new(CODEC_BUFFER);
    codec->server_conns = slab_new("server connections", http1_server_conn_size);
    codec->client_conns = slab_new("client connections", http1_client_conn_size);
    codec->http2 = http2_shared_new();
}

void codec_deinit(struct codec *codec)
{
    chunk_unref(codec->rx);
    chunk_unref(codec->tx);
    slab_free(codec->server_conns);
    slab_free(codec->client_conns);
    http2_shared_free(codec->http2);
}

/* Nobody else holds a piece: start over. Somebody does: go on behind it, or leave the chunk to them. */
static struct chunk *chunk_with_room(struct chunk **shared, size_t room)
{
    struct chunk *chunk = *shared;
    if (chunk->refs == 1)
        chunk->used = 0;
    if (chunk->size - chunk->used < room) {
        chunk_unref(chunk);
        chunk = *shared = chunk_new(room > CODEC_BUFFER ? room : CODEC_BUFFER);
    }
    return chunk;
}

struct chunk *codec_rx(struct codec *codec)
{
    return chunk_with_room(&codec->rx, CODEC_BUFFER / 4);
}

struct chunk *codec_tx(struct codec *codec, size_t room)
{
    return chunk_with_room(&codec->tx, room);
}
