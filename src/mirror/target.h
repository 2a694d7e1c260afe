/* SPDX-License-Identifier: Apache-2.0 */
/* One address of one mirror in one worker, and one way to reach it: its connections, kept apart from live's and from other mirrors', and its voice in the log.
 * Survives changes of rules as long as mirror and address do. Internal to src/mirror. Lifetime: target_new to target_drop; the memory goes with
 * the last connection. Thread: the worker's. */
#pragma once

#include "base/log.h"
#include "exchange/backend_how.h"
#include "mirror/budget.h"

/* What the kernel may keep for one shadow connection: SO_SNDBUF and SO_RCVBUF of half of that, which it doubles each. */
#define TARGET_SEND_BUFFER (32 * 1024)
#define TARGET_KERNEL_BYTES (3 * TARGET_SEND_BUFFER)

/* What one connection takes besides, about: OpenSSL's session and records; nghttp2's session and its tables of fields. */
#define TARGET_TLS_BYTES (48 * 1024)
#define TARGET_HTTP2_BYTES (24 * 1024)

/* A large copy that does not fit through gets a larger one for its time, at the price of the most that the kernel can make of it: the
 * usual maximum of net.ipv4.tcp_wmem. */
#define TARGET_WIDE_BUFFER (2 * 1024 * 1024)
#define TARGET_WIDE_BYTES (4 * 1024 * 1024)

/* Copies that wait because all connections of the mirror are elsewhere (at its other endpoints, in other workers) look for a free place so
 * often: nobody can tell them. */
#define TARGET_RETRY_MS 20

struct target {
    struct list node; /* of mirror->leaving */
    struct registry_mirror *entry;
    struct budget *budget;
    struct address address;
    uint64_t connection_bytes; /* of the budget, for each connection */
    struct client_pool *pool;
    struct list copies; /* not over yet */
    uint32_t load;      /* how many those are */
    struct loop *loop;
    struct timer retry;        /* armed while copies wait for a connection */
    struct log_limit failures; /* at most one line a second */
    uint32_t max_connections;
    uint32_t connections;
    bool is_dropped;
};

struct target *target_new(struct codec *codec, const struct address *address, const struct client_how *how,
                          struct registry_mirror *entry, struct budget *budget);
/* A copy begins. */
void target_add(struct target *target, struct list *copy);
/* It is over. */
void target_remove(struct target *target, struct list *copy);
/* No copy may wait for a connection. */
void target_drop(struct target *target);
