/* SPDX-License-Identifier: Apache-2.0 */
/* One request's way: an address, a connection, the answer; and what calls and their client know of each other. Internal to kube/client.c and
 * kube/call.c. Lifetime: kube_send to on_done or kube_cancel. Thread: the loop's. */
#pragma once

#include "base/list.h"
#include "base/strbuf.h"
#include "http/client.h"
#include "kube/client.h"
#include "provider/resolver.h"

#define KUBE_ADDRESSES 16

struct kube_client {
    struct loop *loop;
    struct kube_config *config;
    struct codec codec;
    struct tls_client *tls;
    struct resolver *resolver; /* NULL: the host is an address, or nothing was asked yet */
    struct resolver_query query;
    struct address addresses[KUBE_ADDRESSES];
    size_t address_count, current;
    struct client_pool *pool; /* of the current address; NULL: none yet */
    uint64_t resolved_ns;     /* 0: to be done anew */
    uint64_t refreshed_ns;    /* the config */
    unsigned connections;
    struct list calls;   /* all */
    struct list waiting; /* of them, for addresses */
    struct list waiters; /* struct kube_waiter */
    bool is_address;     /* the host is one */
    bool is_away;        /* the latest attempt ended without an answer */
};

/* Who waits before asking again, because no answer came or the token was refused, and wants to know when somebody gets an answer after all, or
 * there is another token. Embedded; in the list once. */
struct kube_waiter {
    struct list node;
    void (*on_reachable)(struct kube_waiter *waiter); /* it is out of the list */
};

struct kube_call {
    struct kube_client *client;
    struct kube_request *request; /* NULL: it has been told, or cancelled */
    struct list node, by_wait;
    struct client_call open;
    struct address address; /* of the latest attempt */
    struct stream *stream;  /* NULL: none, or it is over */
    struct timer timer;
    uint64_t begin_ns;
    struct strbuf body;
    uint32_t retry_after_ms;
    int status; /* 0: no head yet */
    unsigned tried;
    uint8_t refusals;
    bool is_open;           /* client_call is under way */
    bool is_replaced;       /* sent again, because a kept connection had died */
    bool has_fresh_token;   /* sent again after a 401 */
    bool is_part_of_stream; /* its answer is streamed */
    bool is_busy;           /* a callback of it runs: its memory stays */
};

struct kube_call *kube_call_new(struct kube_client *client, struct kube_request *request);
/* There are addresses now: begins. May end the call. */
void kube_call_start(struct kube_call *call);
/* There are none: ends the call, and says so. */
void kube_call_fail(struct kube_call *call, const char *problem);
void kube_call_cancel(struct kube_call *call);

/* Of the client, for calls. */

/* Begins the call now or once the name is resolved. */
void kube_client_place(struct kube_client *client, struct kube_call *call);
/* The pool of the current address; NULL when TLS can't be set up, said in `err`. */
struct client_pool *kube_client_pool(struct kube_client *client, struct err *err);
/* The address that this pool leads to is not to be used next, unless it is the only one. */
void kube_client_avoid(struct kube_client *client, const struct client_pool *pool);
/* An answer has begun, or an attempt ended without one. */
void kube_client_note(struct kube_client *client, bool is_answering);
/* Reads credentials again; true when the token is another one. */
bool kube_client_refresh(struct kube_client *client);
