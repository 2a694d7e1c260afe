/* SPDX-License-Identifier: Apache-2.0 */
/* One copy on its way to a shadow. Internal to src/mirror.
 * States: QUEUED (made, waits for the end of the turn or for a connection) → CONNECTING → SENDING (request under way, or sent and its answer
 * awaited) → over, counted exactly once. Lifetime: a slab; freed at the end of the callback in which it ended. Thread: the worker's. */
#pragma once

#include "base/arena.h"
#include "mirror/leg.h"
#include "mirror/mirror.h"
#include "mirror/pieces.h"
#include "mirror/target.h"

#define COPY_ARENA 1792 /* heads of common requests fit without malloc */

enum copy_state { COPY_QUEUED, COPY_CONNECTING, COPY_SENDING, COPY_OVER };

struct copy {
    struct mirror *mirror;
    struct target *target;
    struct list by_target;
    struct list by_watch;        /* of the live exchange, while it lasts */
    struct list by_pace;         /* of the mirror: its answer goes on when it is its turn */
    const struct exchange *live; /* while it lasts */
    struct client_call call;
    struct stream *stream;
    struct task work; /* at the end of the turn: start, or send what has come */
    struct task reap;
    struct timer timer;
    struct arena arena;
    struct head head;
    struct pieces pieces; /* held for the shadow */
    struct leg leg;       /* when its answer is compared */
    size_t charged;       /* plain bytes taken from the budget: this object, and what waits in the stream */
    const struct field *trailers;
    struct plan_range redactions; /* of the plan of the exchange, while that lasts */
    uint16_t trailer_count;
    uint16_t status; /* of the final answer, 0 before */
    uint32_t timeout_ms, connect_timeout_ms;
    uint32_t head_bytes; /* about what the head takes on the wire */
    uint64_t window;
    uint64_t progress_ns; /* from when on progress of the stream is awaited */
    uint64_t sent_ns;
    uint64_t live_over_ns; /* 0: live still runs */
    uint64_t live_bytes;   /* of live's answer, once that is over */
    uint64_t answer_bytes; /* of the shadow's answer */
    uint64_t retry_after_ms;
    uint8_t state;         /* enum copy_state */
    uint8_t refusals;      /* of the stream, by an HTTP/2 peer */
    uint8_t grpc_status;   /* enum grpc_status, of a call */
    bool is_call;          /* of gRPC, on a GRPCRoute */
    bool is_request_ended; /* all of it has been offered */
    bool is_end_sent;
    bool is_answered;       /* in full, before all of the request was sent */
    bool is_shadow_closing; /* the shadow will not read on after its answer */
    bool is_wide;           /* its connection's send buffer is unbounded, and charged */
    bool is_replaced;       /* a stale connection was replaced once */
    bool may_replace;       /* idempotent, on a reused connection, and all that was sent is still held */
    char first_block[COPY_ARENA];
};

/* A copy that has passed the gates: `occupied` is taken. Drops it (budget) when memory is short, else returns it. */
struct copy *copy_new(struct mirror *mirror, struct target *target, const struct exchange *exchange,
                      uint32_t mirror_index);
void copy_data(struct copy *copy, struct slice data);
void copy_end(struct copy *copy, const struct exchange *exchange, const struct field *trailers, uint16_t count);
/* The request will not become whole. */
void copy_abort(struct copy *copy);
/* For a connection, the first or the replacement of a stale one. */
bool copy_waits(const struct copy *copy);
void copy_live_over(struct copy *copy);
/* Ends it for a reason that is not its own: `dropped` when it was not sent yet, else failed as reset. */
void copy_cancel(struct copy *copy, enum dropped why);

/* ---- for copy_send.c and copy_answer.c ---- */

static inline uint64_t copy_now_ns(const struct copy *copy)
{
    return loop_now_ns(copy->mirror->codec->loop);
}

/* An attempt to connect, or the request on an open connection; the first one counts as sent. */
void copy_mark_sent(struct copy *copy, enum copy_state state);
/* The stream is not the copy's any more. */
void copy_forget_stream(struct copy *copy);
/* Each ends the copy and counts it. */
void copy_fail(struct copy *copy, enum failed reason, int error);
void copy_complete(struct copy *copy);
/* Both directions have ended: the stream is over by itself. */
void copy_complete_whole(struct copy *copy);
