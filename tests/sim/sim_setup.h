/* SPDX-License-Identifier: Apache-2.0 */
/* What rules a play begins with: one route from one listener to live, and its mirrors. Lifetime: a value. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MIRRORS 4
#define SIM_ENDPOINTS 4
#define SIM_RETRY_CODES 4

struct rule_actions;
struct rule_mirror;

/* Fields that are 0 have the defaults of MirrorPolicy. */
struct sim_mirror {
    unsigned endpoints; /* 1 when 0; SIM_NONE: the shadow has none */
    uint32_t protocol;  /* enum plan_protocol; HTTP/2 only where a play has a codec for it */
    uint32_t numerator, denominator;
    bool is_suspended;
    uint32_t method_mask;
    uint64_t rate_per_second;
    uint32_t max_in_flight, max_connections;
    uint64_t window_bytes;
    uint32_t timeout_ms, connect_timeout_ms;
    bool is_compared;
    uint64_t body_bytes;            /* kept of each body */
    bool is_control;                /* of the mirror before it, and compared if that is */
    const struct rule_mirror *like; /* what is not named here; NULL: the defaults */
};
#define SIM_NONE 99u

struct sim_rules {
    size_t ring_bytes;       /* of the ring of records; 0: there is none. Counts when the play is opened */
    const char *path_regex;  /* the rule takes the paths that match; NULL: all */
    const char *path_string; /* the rule is in written order and takes the paths that begin so; NULL: it is not */
    bool is_grpc;            /* the route is a GRPCRoute */
    unsigned live_endpoints; /* 1 when 0; SIM_NONE: live has none */
    uint32_t live_protocol;  /* enum plan_protocol */
    unsigned mirrors, first_mirror; /* labels, and thus accounts, go by number: first_mirror + index */
    unsigned backend_mirrors;       /* the last so many of them are the backendRef's, not the rule's */
    struct sim_mirror mirror[SIM_MIRRORS];
    uint32_t request_timeout_ms, backend_timeout_ms;
    uint32_t retry_attempts, retry_backoff_ms;
    uint32_t retry_codes[SIM_RETRY_CODES];                /* 0: no more */
    uint32_t retry_on, retry_grpc;                        /* as in struct rule_route */
    const struct rule_actions *actions, *backend_actions; /* of the rule, and of its backendRef; NULL: none */
};
