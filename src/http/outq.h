/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way to a transport, as slices that keep their chunks. Small pieces are copied side by side into the codec's
 * write buffer, so that most messages leave in one send. What a transport does not take is kept without pinning large chunks for
 * small rests. Bounded by the credit of the stream above. Streams of HTTP/2 keep in one what waits for a window or for credit.
 * Lifetime: the connection's. Thread: the worker's. */
#pragma once

#include "http/codec.h"
#include "io/socket.h"

#define OUTQ_INLINE 4

struct outq {
    struct slice *slices; /* `few`, or a heap array when there are more */
    uint32_t first, count, capacity;
    uint32_t settled; /* slices at the front that are as they can stay */
    size_t bytes;
    struct slice few[OUTQ_INLINE];
};

enum outq_flush { OUTQ_EMPTY, OUTQ_BLOCKED, OUTQ_BROKEN };

void outq_init(struct outq *q);
void outq_deinit(struct outq *q);

/* Room for `size` contiguous bytes in the write buffer; outq_commit says how many were written there. */
char *outq_reserve(struct outq *q, struct codec *codec, size_t size);
void outq_commit(struct outq *q, struct codec *codec, size_t len);
/* Copies when the piece is small, else references its chunk. */
void outq_add(struct outq *q, struct codec *codec, struct slice piece);

/* Without copying; the reference to the chunk goes to the queue. */
void outq_push(struct outq *q, struct slice piece);
/* Takes `len` bytes off the front; there must be as many. */
void outq_consume(struct outq *q, size_t len);
/* What stays now may stay for long: small pieces are put together, and large chunks let go. */
void outq_settle(struct outq *q);
static inline struct slice *outq_front(struct outq *q)
{
    return &q->slices[q->first];
}

enum outq_flush outq_flush(struct outq *q, struct socket *sock);
