/* SPDX-License-Identifier: Apache-2.0 */
#include "http/outq.h"

#include "base/mem.h"

/* Below this, copying is cheaper than another element of a gathering write. */
#define COPY_MAX 4096
/* What small rests are put together in, once there is more than one. */
#define REST_CHUNK 4096

void outq_init(struct outq *q)
{
    q->slices = q->few;
    q->first = q->count = q->settled = 0;
    q->capacity = OUTQ_INLINE;
    q->bytes = 0;
}

static void outq_clear(struct outq *q)
{
    for (uint32_t i = 0; i < q->count; i++)
        chunk_unref(q->slices[q->first + i].chunk);
    q->first = q->count = q->settled = 0;
    q->bytes = 0;
}

void outq_deinit(struct outq *q)
{
    outq_clear(q);
    if (q->slices != q->few)
        mem_free(q->slices);
    outq_init(q);
}

static void outq_make_room(struct outq *q)
{
    if (q->first + q->count < q->capacity)
        return;
    if (q->first) {
        memmove(q->slices, q->slices + q->first, q->count * sizeof *q->slices);
        q->first = 0;
        return;
    }
    uint32_t capacity = q->capacity * 4;
    struct slice *slices = q->slices == q->few ? NULL : q->slices;
    slices = mem_grow(slices, capacity * sizeof *slices);
    if (q->slices == q->few)
        memcpy(slices, q->few, sizeof q->few);
    q->slices = slices;
    q->capacity = capacity;
}

void outq_push(struct outq *q, struct slice piece)
{
    outq_make_room(q);
    q->bytes += piece.len;
    q->slices[q->first + q->count++] = piece;
}

char *outq_reserve(struct outq *q, struct codec *codec, size_t size)
{
    (void)q;
    struct chunk *tx = codec_tx(codec, size);
    return tx->data + tx->used;
}

void outq_commit(struct outq *q, struct codec *codec, size_t len)
{
    struct chunk *tx = codec->tx;
    const char *ptr = tx->data + tx->used;
    tx->used += (uint32_t)len;
    if (q->count) {
        struct slice *last = &q->slices[q->first + q->count - 1];
        if (last->chunk == tx && last->ptr + last->len == ptr) {
            last->len += len;
            q->bytes += len;
            return;
        }
    }
    outq_push(q, (struct slice){chunk_ref(tx), ptr, len});
}

void outq_add(struct outq *q, struct codec *codec, struct slice piece)
{
    if (!piece.len)
        return;
    if (piece.len <= COPY_MAX) {
        memcpy(outq_reserve(q, codec, piece.len), piece.ptr, piece.len);
        outq_commit(q, codec, piece.len);
        return;
    }
    chunk_ref(piece.chunk);
    outq_push(q, piece);
}

void outq_consume(struct outq *q, size_t len)
{
    q->bytes -= len;
    while (len) {
        struct slice *front = &q->slices[q->first];
        if (len < front->len) {
            front->ptr += len;
            front->len -= len;
            return;
        }
        len -= front->len;
        chunk_unref(front->chunk);
        q->first++;
        q->count--;
        if (q->settled)
            q->settled--;
    }
}

/* Copies a small rest behind the one before, when that has a chunk to itself. */
static bool join(struct slice *last, struct slice rest)
{
    struct chunk *chunk = last->chunk;
    bool is_ours = chunk && chunk->refs == 1 && last->ptr + last->len == chunk->data + chunk->used;
    if (!is_ours || rest.len > COPY_MAX || chunk->size - chunk->used < rest.len)
        return false;
    memcpy(chunk->data + chunk->used, rest.ptr, rest.len);
    chunk->used += (uint32_t)rest.len;
    last->len += rest.len;
    return true;
}

static struct slice copy_with_room(struct slice rest)
{
    struct chunk *chunk = chunk_new(REST_CHUNK);
    memcpy(chunk->data, rest.ptr, rest.len);
    chunk->used = (uint32_t)rest.len;
    return (struct slice){chunk, chunk->data, rest.len};
}

/* What stays may stay for long: it pins no large chunk, and a peer that sends byte by byte does not make a slice of each. Each slice is
 * looked at once. */
void outq_settle(struct outq *q)
{
    uint32_t kept = q->settled;
    for (uint32_t i = q->settled; i < q->count; i++) {
        struct slice slice = q->slices[q->first + i];
        struct slice *last = kept ? &q->slices[q->first + kept - 1] : NULL;
        if (!last || !join(last, slice)) {
            bool is_small = last && slice.len < REST_CHUNK;
            q->slices[q->first + kept] = is_small ? copy_with_room(slice) : slice_keep(slice);
            kept++;
        }
        chunk_unref(slice.chunk);
    }
    q->count = q->settled = kept;
}

enum outq_flush outq_flush(struct outq *q, struct socket *sock)
{
    while (q->count) {
        ssize_t n = socket_write(sock, q->slices + q->first, q->count);
        if (n == SOCKET_BROKEN)
            return OUTQ_BROKEN;
        if (n == SOCKET_AGAIN) {
            outq_settle(q);
            return OUTQ_BLOCKED;
        }
        outq_consume(q, (size_t)n);
    }
    q->first = 0;
    if (q->slices != q->few) {
        mem_free(q->slices);
        outq_init(q);
    }
    return OUTQ_EMPTY;
}
