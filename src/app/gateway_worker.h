/* SPDX-License-Identifier: Apache-2.0 */
/* One worker of the gateway: its loop, codec, server, proxy and mirror, wired together. The gateway's main thread talks to it by messages.
 * Lifetime: gateway_worker_start to gateway_worker_join. Thread: see each function. */
#pragma once

#include "app/gateway_listeners.h"
#include "app/records.h"
#include "app/settings.h"
#include "exchange/rules.h"

struct gateway_worker;

struct gateway_worker_context {
    const struct settings *settings;
    struct registry *registry;
    unsigned slot;
    uint32_t max_shadow_connections; /* of the gateway */
    const struct records *records;   /* the rings; without workers: there are none */
    /* All of them; set before the first rules come. */
    struct gateway_worker **workers;
    unsigned worker_count;
    _Atomic unsigned *newcomers; /* on their way from worker to worker */
    /* Called in the worker's thread when it serves the rules it was given last. */
    void (*on_applied)(void *user);
    /* Called in the worker's thread, once: it drains and nothing is in flight any more. */
    void (*on_drained)(void *user);
    void *user;
};

/* The functions below are the main thread's. */
struct gateway_worker *gateway_worker_start(const struct gateway_worker_context *context, unsigned index,
                                            struct err *err) __attribute__((warn_unused_result));
/* All are stopped before the first is joined: they pass newcomers on to each other. */
void gateway_worker_stop(struct gateway_worker *worker);
void gateway_worker_join(struct gateway_worker *worker);
/* Both references become the worker's. */
void gateway_worker_apply(struct gateway_worker *worker, struct rules *rules, struct gateway_listeners *listeners);

enum gateway_drain {
    DRAIN_ANSWERS,   /* answers say Connection: close */
    DRAIN_LISTENERS, /* accept what is queued, then no more */
    DRAIN_IDLE,      /* close connections that wait for a request */
    DRAIN_ALL,       /* reset what is left */
};
void gateway_worker_drain(struct gateway_worker *worker, enum gateway_drain step);
