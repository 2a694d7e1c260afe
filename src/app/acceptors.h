/* SPDX-License-Identifier: Apache-2.0 */
/* Where one worker accepts: a listening socket of the plan each, with the connections that came through it. A socket that the
 * plan has no more is emptied and let go; its connections get one more answer, by the rules that had it, and are closed when
 * they are idle. Lifetime: acceptors_init to acceptors_deinit. Thread: the worker's. */
#pragma once

#include "app/gateway_listeners.h"
#include "exchange/rules.h"
#include "http/server.h"
#include "proxy/proxy.h"

struct acceptors {
    struct proxy *proxy; /* handles the requests */
    struct registry_gateway *gauges;
    /* Of the gateway. Beyond, one that waits for its request makes room, or the newcomer is closed; either is counted. */
    int64_t max_connections;
    void (*on_close)(struct acceptors *acceptors); /* a connection is gone */
    /* Beyond the limit, and nobody here can make room: whether another worker is asked (acceptors_take). The descriptor is its then. */
    bool (*on_full)(struct acceptors *acceptors, int fd, const struct peer *peer);
    struct list list;                  /* struct acceptor */
    struct gateway_listeners *sockets; /* those in use */
    size_t connections;
    bool is_draining, is_stopped;
};

void acceptors_init(struct acceptors *acceptors, struct proxy *proxy, struct registry_gateway *gauges);
/* No loop runs any more, or no connection is left. */
void acceptors_deinit(struct acceptors *acceptors);
/* Goes on with the sockets of these rules, which the proxy gets next, in the same turn. The reference to the sockets becomes its
 * own. */
void acceptors_set(struct acceptors *acceptors, struct gateway_listeners *sockets, struct rules *rules);
/* A newcomer that another worker accepted, and counted, and has no room for. False: neither is there any here. */
bool acceptors_take(struct acceptors *acceptors, int fd, const struct peer *peer);
/* A newcomer that nobody has room for. */
void acceptors_turn_away(struct acceptors *acceptors, int fd);
/* From now on each answer ends its connection. */
void acceptors_drain(struct acceptors *acceptors);
/* Accepts what is queued, then no more. */
void acceptors_stop(struct acceptors *acceptors);
/* Closes connections that wait for a request; all of them. */
void acceptors_close_idle(struct acceptors *acceptors);
void acceptors_close_all(struct acceptors *acceptors);
