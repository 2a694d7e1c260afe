/* SPDX-License-Identifier: Apache-2.0 */
/* Resources to plan. `struct rules` is what providers fill; the quick start's flags are the first of them. Lifetime: the caller's; strs are borrowed until plan_build returns.
 * Thread: control's. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

struct rule_backend {
    struct str label;
    struct str host; /* name or IP literal, without brackets */
    uint16_t port;
};

struct rule_mirror {
    struct str label;
    size_t backend; /* index into rules.backends */
    enum plan_sampling sampling;
    uint32_t numerator, denominator; /* percent 33.3 is 333/1000; reduced by plan_build */
    enum plan_key key;
    struct str key_name, salt;
    bool is_suspended;
    uint32_t method_mask;
    const struct cidr *sources;
    size_t source_count;
    uint64_t rate_per_second;
    uint32_t max_in_flight, max_connections;
    uint64_t window_bytes;
    uint32_t timeout_ms, connect_timeout_ms;
};

/* The defaults of MirrorPolicy (docs/reference): Even, 100 %, all methods, 1024 in flight, 256 connections, 1Mi, 15s, 1s. */
void rule_mirror_init(struct rule_mirror *mirror);

struct rule_route {
    struct str label;
    const struct plan_weighted *backends;
    size_t backend_count;
    const struct rule_mirror *mirrors;
    size_t mirror_count;
    uint32_t request_timeout_ms;
};

struct rule_listener {
    struct address address;
    size_t route;
};

struct rules {
    uint64_t generation;
    const struct rule_listener *listeners;
    size_t listener_count;
    const struct rule_route *routes;
    size_t route_count;
    const struct rule_backend *backends;
    size_t backend_count;
    const struct cidr *trusted_proxies;
    size_t trusted_proxy_count;
};

/* A sealed memfd (F_SEAL_SHRINK | GROW | WRITE | SEAL) with the plan, or -1. Refuses percent over 100, denominators of 0, indices out
 * of range, more than PLAN_MAX_BYTES. */
int plan_build(const struct rules *rules, struct err *err) __attribute__((warn_unused_result));
