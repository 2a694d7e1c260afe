/* SPDX-License-Identifier: Apache-2.0 */
/* The source in path: takes requests from server streams, finds their route, forwards them to a live backend and its answer back, and
 * offers what passes to the tap. Knows streams only, no connections.
 * Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "base/random.h"
#include "exchange/tap.h"
#include "http/server.h"
#include "proxy/upstream.h"
#include "route/match.h"

/* What stream->peer->listener points at: which socket of the present plan the connection came through. */
struct proxy_listener {
    uint32_t index; /* of plan.sockets; PLAN_NONE: the plan has it no more */
    struct rules
        *rules; /* the last that had the socket, once the present ones have it no more; NULL: the present ones */
};

struct proxy {
    struct codec *codec;
    struct upstreams upstreams;
    struct tap *tap;     /* NULL: nobody watches */
    struct rules *rules; /* the present ones; NULL before the first plan */
    struct registry *registry;
    const unsigned char *marker_key;       /* MARKER_KEY_BYTES */
    const unsigned char *other_marker_key; /* as many; copies signed with it are known too; NULL: none */
    struct random random;
    struct route_scratch scratch;
    struct slab *relays;
    size_t in_flight;
    bool is_access_log;
    void (*on_idle)(struct proxy *proxy); /* the last exchange in flight is over; may be NULL */
};

void proxy_init(struct proxy *proxy, struct codec *codec, struct registry *registry, unsigned gateway_slot);
/* No exchange may be in flight. */
void proxy_deinit(struct proxy *proxy);
/* Takes over the reference. Exchanges in flight go on with the rules they began with. */
void proxy_set_rules(struct proxy *proxy, struct rules *rules);

/* The handler of the worker's server; its `user` is the proxy. */
extern const struct stream_handler proxy_handler;
