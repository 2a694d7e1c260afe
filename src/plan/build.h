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
    struct str hostname; /* may have a port */
    enum plan_path_kind path_kind;
    struct str
        path; /* of REWRITE_REGEX: what each match becomes, "\0" is all of it, "\1" to "\9" its groups, "\\" a backslash */
    struct str pattern; /* of REWRITE_REGEX: found anywhere in the path, as often as it is there; else empty */
};
/* REWRITE_REGEX is of no redirect. */
struct rule_redirect {
    struct str scheme, hostname; /* `hostname` with a port: port_kind is not BY_RULES and `port` is 0 */
    enum plan_path_kind path_kind;
    struct str path;
    uint16_t port, status;
    enum plan_redirect_port port_kind;
    struct str query; /* without '?'; empty: the request's */
};
/* directResponse. Body: sent as text/plain unless response_edits set another Content-Type. */
struct rule_answer {
    uint16_t status; /* 200 to 599 */
    struct str body; /* at most RULE_MAX_ANSWER bytes */
};
/* What one stream may hold in memory anyway (STREAM_WINDOW of http/stream.h). */
#define RULE_MAX_ANSWER (256 * 1024)
struct rule_texts {
    const struct str *list;
    size_t count;
};
/* An origin by prefix or regular expression (of the whole), case and port as the client sent them. */
struct rule_origin {
    enum plan_test test; /* TEST_PREFIX, TEST_REGEX or TEST_EXACT */
    struct str value;
};
struct rule_cors {
    struct rule_texts origins, methods, headers, expose; /* origins as the Gateway API writes them */
    bool allows_credentials;
    uint32_t max_age_s;
    const struct rule_origin *origin_tests; /* allowed besides `origins` */
    size_t origin_test_count;
    bool
        passes_preflights; /* those of other origins go to the backend (unmatchedPreflights FORWARD); else they are answered without fields */
};
struct rule_actions {
    const struct rule_edit *request_edits, *response_edits;
    size_t request_edit_count, response_edit_count;
    const struct rule_rewrite *rewrite; /* NULL: none */
    const struct rule_redirect *redirect;
    const struct rule_cors *cors;
    const struct rule_answer *answer; /* no backend is asked; behind redirect, if there are both */
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
/* How many of a hundred are copied, to the millionth: 0.1 is 1 of 1000, 33.3 is 333 of 1000. Over 100 is 100, below 0 and NaN are 0. */
void rule_mirror_set_percent(struct rule_mirror *mirror, double percent);
/* Those of compare and verdict (docs/reference/rules.md), samples in full. */
void rule_comparison_init(struct rule_comparison *comparison);

struct rule_weighted {
    size_t backend; /* SIZE_MAX: can't be resolved */
    uint32_t weight;
    struct rule_actions actions;
    const struct rule_mirror *mirrors;
    size_t mirror_count;
};

/* PREFIX: whole elements, as the Gateway API has it ("/a" takes "/a" and "/a/b"). STRING: a beginning, as Istio has it ("/a" takes "/ab"
 * as well); only in written order. REGEX: the whole path. Paths are matched as url_normalise_path makes them, without query. */
enum rule_path_kind { PATH_MATCH_PREFIX, PATH_MATCH_EXACT, PATH_MATCH_REGEX, PATH_MATCH_STRING };
/* All conditions of a match must be met. What the kinds look at and what the tests want there: enum plan_condition_kind, enum plan_test.
 * CONDITION_PEER: `value` is the name of a peer set, which may be known, unknown or empty; the last two match nobody. */
struct rule_condition {
    enum plan_condition_kind kind;
    struct str name, value;
    enum plan_test test;
    bool is_negated; /* withoutHeaders: met where the rest is not; also when there is no such header */
};
struct rule_match {
    enum rule_path_kind path_kind;
    struct str path; /* "/" and prefix or string: every path */
    struct str
        pattern;       /* of a prefix match: a regular expression that the whole path must match as well; empty: none */
    uint32_t weight;   /* among prefixes of one length the heavier comes first */
    struct str method; /* empty: all */
    const struct rule_condition
        *conditions; /* of a name that comes twice the first counts (Gateway API), in written order all do */
    size_t condition_count;
    /* In written order alone: */
    uint32_t order;    /* the lower comes first; of equal ones the one that stands before the other in the rule set */
    bool ignores_case; /* of the path, ASCII; not with REGEX */
};

/* Where a route is attached: which of a listener's hosts it takes. */
struct rule_binding {
    size_t listener;
    struct str host; /* "example.com", "*.example.com" or "" for all: route's and listener's hostname, intersected */
};

/* One rule of a route. Rules stand in the order of precedence on a tie: the older route first, then by name, then by place.
 * In written order the first match that applies wins, by `order` and then as rules and their matches stand in the set, whatever is longer or
 * has more conditions. Where a host has rules of both kinds, those by precedence come first; a host that has some in written order is the
 * last that is looked at: no less specific one is asked behind it. */
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
    bool is_in_written_order; /* VirtualService */
    uint32_t retry_on;        /* enum plan_retry, together; 0: RETRY_ALL */
    uint32_t retry_grpc; /* 1 << status, for statuses of gRPC (retryOn "unavailable": 1 << 14), with RETRY_STATUS */
};

/* Addresses of peers (pods, say) under a name that conditions use; ports do not count. They go into the endpoints object, the plan has the
 * names alone: so name a set for what selects its members ("namespace=shop,app=web"), not for who they are. Names are unique. */
struct rule_peer_set {
    struct str name;
    const struct address *addresses;
    size_t count;
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
    const struct rule_peer_set *peer_sets;
    size_t peer_set_count;
};

/* A sealed memfd (F_SEAL_SHRINK | GROW | WRITE | SEAL) with the plan, or -1. Refuses percent over 100, denominators of 0, indices out
 * of range, more than PLAN_MAX_BYTES. */
int plan_build(const struct rule_set *rules, struct err *err) __attribute__((warn_unused_result));
