/* SPDX-License-Identifier: Apache-2.0 */
/* From rule tables to plan. `struct rule_set` is what the compiler of manifests fills; it knows nothing of Kubernetes.
 * Lifetime: the caller's; strs and arrays are borrowed until plan_build returns. Thread: control's. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

struct rule_host {
    struct str host; /* name or IP literal, without brackets, or unix:/path */
    uint16_t port;
    bool is_guarded; /* addresses that only this machine or link can reach are left out */
};

struct rule_san {
    enum plan_san_kind kind;
    struct str name;
};
/* TLS to a backend: struct plan_tls. */
struct rule_tls {
    struct str server_name;
    const struct rule_san *sans;
    size_t san_count;
    struct str authorities, identity; /* labels of credentials */
};

struct rule_backend {
    struct str label;              /* unique but for twins */
    bool is_twin;                  /* has label and hosts of an earlier one, and another protocol */
    const struct rule_host *hosts; /* none: it has no endpoint */
    size_t host_count;
    enum plan_protocol protocol;
    const struct rule_tls *tls; /* NULL: plain */
    struct str revision;
};

struct rule_edit {
    enum plan_edit_kind kind;
    struct str name, value;
};

struct rule_rewrite {
    struct str hostname;
    enum plan_path_kind path_kind;
    struct str path;
};
struct rule_redirect {
    struct str scheme, hostname;
    enum plan_path_kind path_kind;
    struct str path;
    uint16_t port, status;
};
struct rule_texts {
    const struct str *list;
    size_t count;
};
struct rule_cors {
    struct rule_texts origins, methods, headers, expose;
    bool allows_credentials;
    uint32_t max_age_s;
};
struct rule_actions {
    const struct rule_edit *request_edits, *response_edits;
    size_t request_edit_count, response_edit_count;
    const struct rule_rewrite *rewrite; /* NULL: none */
    const struct rule_redirect *redirect;
    const struct rule_cors *cors;
};

struct rule_redaction {
    enum plan_redaction_kind kind;
    struct str name;
};

struct rule_array {
    struct str path;
    enum plan_array_kind kind;
    struct str key;
};
/* struct plan_comparison. */
struct rule_comparison {
    enum plan_samples samples;
    uint64_t body_bytes;
    struct rule_texts headers, ignored_headers, ignored_paths;
    struct rule_texts redacted_headers, redacted_cookies, redacted_query, redacted_paths;
    const struct rule_array *arrays;
    size_t array_count;
    uint64_t min_pairs, min_pairs_p99;
    uint32_t max_shadow_failures, max_lost, max_different, max_new_errors, max_blind;
    uint32_t finding_latency_ms, finding_latency_share, max_latency_ms, max_latency_share;
};

struct rule_mirror {
    struct str label;
    size_t backend; /* index into rule_set.backends */
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
    enum plan_host_kind host_kind;
    struct str host;
    const struct rule_edit *edits;
    size_t edit_count;
    const struct rule_redaction *redactions;
    size_t redaction_count;
    struct str marker_header;
    bool has_baggage;
    enum plan_trace trace;
    bool is_control;                          /* of the mirror before it in its list, whose policy it has */
    const struct rule_comparison *comparison; /* NULL: answers are not compared */
};

/* The defaults of MirrorPolicy (docs/reference): Even, 100 %, all methods, 1024 in flight, 256 connections, 1Mi, 15s, 1s, Host kept,
 * X-Umbra-Shadow, baggage, unsampled. */
void rule_mirror_init(struct rule_mirror *mirror);
/* Those of compare and verdict (docs/reference/rules.md), samples in full. */
void rule_comparison_init(struct rule_comparison *comparison);

struct rule_weighted {
    size_t backend; /* SIZE_MAX: can't be resolved */
    uint32_t weight;
    struct rule_actions actions;
    const struct rule_mirror *mirrors;
    size_t mirror_count;
};

enum rule_path_kind { PATH_MATCH_PREFIX, PATH_MATCH_EXACT, PATH_MATCH_REGEX };
struct rule_condition {
    enum plan_condition_kind kind;
    struct str name, value;
    bool is_regex;
};
struct rule_match {
    enum rule_path_kind path_kind;
    struct str path; /* "/" and prefix: every path */
    struct str
        pattern;       /* of a prefix match: a regular expression that the whole path must match as well; empty: none */
    uint32_t weight;   /* among prefixes of one length the heavier comes first */
    struct str method; /* empty: all */
    const struct rule_condition *conditions; /* of a name that comes twice the first counts (Gateway API) */
    size_t condition_count;
};

/* Where a route is attached: which of a listener's hosts it takes. */
struct rule_binding {
    size_t listener;
    struct str host; /* "example.com", "*.example.com" or "" for all: route's and listener's hostname, intersected */
};

/* One rule of a route. Rules stand in the order of precedence on a tie: the older route first, then by name, then by place. */
struct rule_route {
    struct str label;
    const struct rule_binding *bindings;
    size_t binding_count;
    const struct rule_match *matches; /* at least one */
    size_t match_count;
    const struct rule_weighted *backends;
    size_t backend_count;
    const struct rule_mirror *mirrors;
    size_t mirror_count;
    struct rule_actions actions;
    uint32_t request_timeout_ms, backend_timeout_ms;
    uint32_t retry_attempts, retry_backoff_ms;
    const uint32_t *retry_codes;
    size_t retry_code_count;
    bool is_grpc;
};

struct rule_listener {
    struct str label;
    size_t socket;
    struct str hostname; /* "" for all; unique among the listeners of a socket */
    uint16_t port;
    const struct str
        *certificates; /* labels of identities; none: plain HTTP. All listeners of a socket have some, or none has */
    size_t certificate_count;
    bool takes_proxy_header; /* PROXY protocol; all listeners of a socket or none */
};

struct rule_set {
    uint64_t generation;
    const struct address *sockets;
    size_t socket_count;
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
int plan_build(const struct rule_set *rules, struct err *err) __attribute__((warn_unused_result));
