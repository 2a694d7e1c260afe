/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange in path: the client's stream on one side, live's on the other, and what is needed to send the request again. Internal to
 * src/proxy. Lifetime: a slab, from the request's head until both sides are done with it; freed at the end of the callback.
 * Thread: the worker's. */
#pragma once

#include "base/arena.h"
#include "http/grpc.h"
#include "proxy/filters.h"
#include "proxy/proxy.h"
#include "proxy/replay.h"

#define RELAY_ARENA 1536 /* heads of common requests fit without malloc */

struct relay {
    struct exchange exchange; /* first: taps see this */
    struct proxy *proxy;
    struct stream *client; /* NULL: gone, or answered */
    struct stream *live;   /* NULL: not connected */
    struct client_call call;
    struct timer timer;       /* the nearest of what follows */
    uint64_t exchange_end_ns; /* the rule's timeout for the whole exchange; 0: none, as in the next two */
    uint64_t attempt_end_ns;  /* its timeout for one attempt */
    uint64_t wait_end_ns;     /* of a connection attempt, or of the pause before a retry */
    struct task reap;
    struct arena arena;
    struct head request;
    struct str asked_host, asked_path; /* as the client sent them */
    struct str label;                  /* of the rule, for the access log, when the rules are gone */
    struct filters filters;
    struct field *trailers; /* of the request, once it has ended */
    uint16_t trailer_count;
    struct replay replay;
    struct registry_route *series; /* of the backendRef; NULL until it is chosen */
    struct route_match match;
    uint32_t weighted;     /* of plan.weighted; PLAN_NONE: the rule has none */
    uint32_t retries_left; /* further attempts that the rule allows */
    struct upstream upstream;
    uint8_t refusals;        /* of the stream, by an HTTP/2 peer */
    uint8_t grpc_status;     /* enum grpc_status: what the caller was told so far, for routes of gRPC */
    bool is_grpc;            /* the route is a GRPCRoute */
    bool is_client_deadline; /* exchange_end_ns is what the call asked for: nobody is to blame for it */
    bool is_connecting;
    bool is_pausing;       /* before a retry */
    bool is_resent;        /* an attempt was made before: what the client has sent is sent again */
    bool is_replaced;      /* in this attempt a stale connection was replaced */
    bool is_offered;       /* the tap knows of it */
    bool is_heard;         /* and is told of live's answer */
    bool is_request_ended; /* by the client */
    bool is_answer_ended;  /* by live, while the request (or a tunnel's other direction) goes on */
    bool is_live_closing;  /* live will not read on after its answer */
    bool is_expecting;     /* 100-continue: offered when live agrees or the body comes */
    bool is_over;
    char first_block[RELAY_ARENA];
};

/* forward.c: the request's way. */
/* Connects to the endpoint that was chosen; `is_fresh` wants a new connection. */
void relay_connect(struct relay *relay, bool is_fresh);

/* answer.c: live's handler. */
extern const struct stream_handler relay_live_handler;

/* attempts.c: timeouts and retries. */
/* The clocks of the exchange and of its first attempt begin. */
void relay_begin_attempts(struct relay *relay);
/* Something must have happened until then; it has happened. */
void relay_wait_ms(struct relay *relay, uint64_t ms);
void relay_wait_no_more(struct relay *relay);
/* The answer has ended, or is a tunnel: no clock runs any more. */
void relay_end_timeouts(struct relay *relay);
/* True when the rule has a further attempt for an answer with this head, and it can be made. */
bool relay_retries_answer(const struct relay *relay, const struct head *answer);
/* Begins the pause before a further attempt; false when the rule has none for this failure or it can't be made. The attempt before is over: there is neither
 * a live stream nor a connection under way. */
bool relay_retry(struct relay *relay, enum plan_retry why);
bool relay_was_retried(const struct relay *relay);
void relay_on_timer(struct timer *timer);

/* relay.c: beginning and end. */
struct relay *relay_new(struct proxy *proxy, struct stream *client);
/* Tells the tap of the request, once, and of its end when that has come already: a connection to live may take its time. */
void relay_offer(struct relay *relay);
/* The request will not become whole: the copies must not look as if. */
void relay_abort_request(struct relay *relay);
/* Answers by Umbra itself and ends the exchange; the filters say what becomes of the answer. */
void relay_answer(struct relay *relay, uint16_t status, struct str text);
/* With one more field, or NULL; without a body when `text` is empty. */
void relay_answer_field(struct relay *relay, uint16_t status, const struct field *field, struct str text);
/* The rule's own answer, whose text is copied. */
void relay_answer_body(struct relay *relay, uint16_t status, struct str body);
/* Live's answer will not become whole: neither must the client's look as if. */
void relay_break_off(struct relay *relay);
/* The answer's head has passed, and the request has ended or is a tunnel: nobody looks at the rules from here on, and an answer may last
 * longer than very many of them. */
void relay_let_rules_go(struct relay *relay);
/* Counts, tells the tap, and frees at the end of this callback. */
void relay_finish(struct relay *relay);
