/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: what control compiles the rules into, and what workers match and forward by. One flat, position-independent
 * block in a sealed memfd; every reference is an offset or an index, checked by plan_check before anybody follows it.
 * Lifetime: the mapping. Thread: read-only, any. */
#pragma once

#include "base/address.h"

#define PLAN_MAGIC 0x6e616c5061726d55ull /* "UmraPlan" read as bytes */
#define PLAN_VERSION 1
#define PLAN_MAX_BYTES (256u * 1024 * 1024)

/* Bytes at plan + off. */
struct plan_str {
    uint32_t off, len;
};

/* `count` elements from `first` of the array that the field's name says. */
struct plan_range {
    uint32_t first, count;
};

/* An array inside the plan. */
struct plan_array {
    uint32_t off, count;
};

enum plan_protocol { PROTOCOL_HTTP1 };

/* Where requests or copies go; its addresses are in the endpoints object under the same label. */
struct plan_backend {
    struct plan_str label; /* `backend` and `mirror` label of section 6: "default/shop-v2:80", "127.0.0.1:3000" */
    uint32_t protocol;     /* enum plan_protocol */
    uint32_t reserved;
};

struct plan_weighted {
    uint32_t backend;
    uint32_t weight;
};

enum plan_sampling { SAMPLING_EVEN, SAMPLING_RANDOM, SAMPLING_HASH };
enum plan_key { KEY_NONE, KEY_HEADER, KEY_COOKIE, KEY_QUERY, KEY_CLIENT_IP, KEY_TRACE_ID };

struct plan_mirror {
    struct plan_str label;
    uint32_t backend;
    uint32_t sampling;    /* enum plan_sampling */
    uint32_t numerator;   /* of every `denominator` matched requests `numerator` are copied; reduced */
    uint32_t denominator; /* >= 1 */
    uint32_t key;         /* enum plan_key, for SAMPLING_HASH */
    struct plan_str key_name;
    struct plan_str salt;
    uint32_t is_suspended;
    uint32_t method_mask; /* 1 << enum http_method that may be copied; bit METHOD_OTHER: all methods without an id */
    struct plan_range sources; /* of plan.cidrs; none: all clients */
    uint64_t rate_per_second;  /* 0: no cap */
    uint32_t max_in_flight;
    uint32_t max_connections;
    uint64_t window_bytes;
    uint32_t timeout_ms;
    uint32_t connect_timeout_ms;
};

struct plan_route {
    struct plan_str label;
    struct plan_range backends;  /* of plan.weighted; none: 500 */
    struct plan_range mirrors;   /* of plan.mirrors */
    uint32_t request_timeout_ms; /* longest wait for the live answer's head; 0: none */
    uint32_t reserved;
};

struct plan_listener {
    struct address address;
    uint32_t route; /* the route that takes every request of this listener */
    uint32_t reserved;
};

struct plan {
    uint64_t magic;
    uint32_t version;
    uint32_t size;     /* of the whole block */
    uint64_t checksum; /* XXH3-64 of the bytes after this field */
    uint64_t generation;
    struct plan_array listeners, routes, weighted, backends, mirrors, cidrs;
    struct plan_array trusted_proxies; /* struct cidr */
    struct plan_array strings;         /* bytes */
};

/* Elements; the index must be below the array's count (plan_check has seen to all indices stored in the plan). */
static inline const void *plan_at(const struct plan *plan, struct plan_array array, size_t index, size_t size)
{
    return (const char *)plan + array.off + index * size;
}

#define PLAN_LISTENER(plan, i) \
    ((const struct plan_listener *)plan_at(plan, (plan)->listeners, i, sizeof(struct plan_listener)))
#define PLAN_ROUTE(plan, i) ((const struct plan_route *)plan_at(plan, (plan)->routes, i, sizeof(struct plan_route)))
#define PLAN_WEIGHTED(plan, i) \
    ((const struct plan_weighted *)plan_at(plan, (plan)->weighted, i, sizeof(struct plan_weighted)))
#define PLAN_BACKEND(plan, i) \
    ((const struct plan_backend *)plan_at(plan, (plan)->backends, i, sizeof(struct plan_backend)))
#define PLAN_MIRROR(plan, i) ((const struct plan_mirror *)plan_at(plan, (plan)->mirrors, i, sizeof(struct plan_mirror)))
#define PLAN_CIDR(plan, i) ((const struct cidr *)plan_at(plan, (plan)->cidrs, i, sizeof(struct cidr)))
#define PLAN_TRUSTED(plan, i) ((const struct cidr *)plan_at(plan, (plan)->trusted_proxies, i, sizeof(struct cidr)))

static inline struct str plan_text(const struct plan *plan, struct plan_str s)
{
    return (struct str){(const char *)plan + s.off, s.len};
}
