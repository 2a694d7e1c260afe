/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange in path: the client's stream on one side, live's on the other, and what is needed to send the request again. Internal to
 * src/proxy. Lifetime: a slab, from the request's head until both sides are done with it; freed at the end of the callback.
 * Thread: the worker's. */
#pragma once

#include "base/arena.h"
#include "proxy/proxy.h"
#include "proxy/replay.h"

#define RELAY_ARENA 1536 /* heads of common requests fit without malloc */

struct relay {
    struct exchange exchange; /* first: taps see this */
    struct proxy *proxy;
    struct stream *client; /* NULL: gone, or answered */
    struct stream *live;   /* NULL: not connected */
    struct client_call call;
    struct timer timer; /* connecting, then waiting for the answer's head */
    struct task reap;
    struct arena arena;
    struct head request;
    struct field *trailers; /* of the request, once it has ended */
    uint16_t trailer_count;
    struct replay replay;
    struct registry_route *series;
    struct route_match match;
    uint32_t backend;   /* in the plan */
    uint32_t series_at; /* in plan.weighted */
    struct upstream upstream;
    uint64_t begin_ns;
    uint16_t status; /* of the answer, 0 before its head */
    bool is_connecting;
    bool is_replaced;      /* a stale connection was replaced once */
    bool is_offered;       /* the tap knows of it */
    bool is_request_ended; /* by the client */
    bool is_answer_ended;  /* by live, while the request (or a tunnel's other direction) goes on */
    bool is_live_closing;  /* live will not read on after its answer */
    bool is_expecting;     /* 100-continue: offered when live agrees or the body comes */
    bool is_over;
    char first_block[RELAY_ARENA];
};

/* forward.c: the request's way. */
void relay_begin(struct proxy *proxy, struct stream *client, const struct head *head);
/* Connects to the endpoint that was chosen; `is_fresh` wants a new connection. */
void relay_connect(struct relay *relay, bool is_fresh);

/* answer.c: live's handler. */
extern const struct stream_handler relay_live_handler;

/* relay.c: beginning and end. */
struct relay *relay_new(struct proxy *proxy, struct stream *client);
/* Tells the tap of the request, once, and of its end when that has come already: a connection to live may take its time. */
void relay_offer(struct relay *relay);
/* The request will not become whole: the copies must not look as if. */
void relay_abort_request(struct relay *relay);
/* Answers by Umbra itself and ends the exchange. */
void relay_answer(struct relay *relay, uint16_t status, struct str text);
/* Counts, tells the tap, and frees at the end of this callback. */
void relay_finish(struct relay *relay);
