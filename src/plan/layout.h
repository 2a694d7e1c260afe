/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: what control compiles the rules into, and what workers match and forward by. One flat, position-independent
 * block in a sealed memfd; every reference is an offset or an index, checked by plan_check before anybody follows it.
 * Lifetime: the mapping. Thread: read-only, any. */
#pragma once

#include "base/address.h"

#define PLAN_MAGIC 0x6e616c5061726d55ull /* "UmraPlan" read as bytes */
#define PLAN_VERSION 6
/* An index that names nothing. */
#define PLAN_NONE UINT32_MAX
/* A condition's value; a longer one of a request matches nothing. */
#define PLAN_MAX_VALUE (16 * 1024)
/* The path of a match without case; what a request has behind so many bytes is not looked at for those. */
#define PLAN_MAX_FOLDED 4096
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

/* HTTP/1.1; HTTP/2 (plain: by prior knowledge; over TLS: ALPN must say h2); what ALPN settles (over TLS only). */
enum plan_protocol { PROTOCOL_HTTP1, PROTOCOL_HTTP2, PROTOCOL_ALPN };

/* TLS to a backend; never weaker than written. Labels are those of plan/credentials.h; what the credentials lack there makes each
 * connection fail, never a plain one. */
enum plan_san_kind { SAN_DNS, SAN_URI };
struct plan_san {
    uint32_t kind; /* enum plan_san_kind */
    struct plan_str name;
};
struct plan_tls {
    struct plan_str server_name;
    struct plan_range sans;      /* of plan.sans; none: the certificate must be for server_name */
    struct plan_str authorities; /* label; never empty */
    struct plan_str identity;    /* label; empty: no client certificate */
};

/* Where requests or copies go; its addresses are in the endpoints object under the same label. */
struct plan_backend {
    struct plan_str label; /* `backend` and `mirror` label of section 6: "default/shop-v2:80", "127.0.0.1:3000" */
    uint32_t protocol;     /* enum plan_protocol */
    uint32_t tls;          /* of plan.tls, or PLAN_NONE: plain */
    struct plan_str
        revision; /* of what runs there: the annotation umbra.dev/revision, else a hash of how it is defined */
};

/* ---- what is done to requests and answers that a rule takes ---- */

enum plan_edit_kind { EDIT_SET, EDIT_ADD, EDIT_REMOVE };
struct plan_edit {
    uint32_t kind; /* enum plan_edit_kind */
    struct plan_str name, value;
};

/* REWRITE_PREFIX: the elements of the prefix that matched, as the Gateway API has it ("/a" to "/b" makes "/b/x" of "/a/x").
 * REWRITE_MATCHED: the bytes that matched, as Envoy's prefix_rewrite has it: of PATH_MATCH_STRING the string ("/a" to "/b" makes "/bx" of
 * "/ax", "/" to "/b" makes "/bx" of "/x"), of any other kind the whole path. REWRITE_REGEX: all places that a regular expression finds. */
enum plan_path_kind { REWRITE_NO_PATH, REWRITE_FULL_PATH, REWRITE_PREFIX, REWRITE_MATCHED, REWRITE_REGEX };
/* URLRewrite; rewrite of a VirtualService. */
struct plan_rewrite {
    struct plan_str hostname; /* empty: kept */
    uint32_t path_kind;       /* enum plan_path_kind */
    struct plan_str path;     /* in place of what path_kind says; of REWRITE_REGEX with "\0" to "\9" for groups */
    uint32_t regex;           /* of plan.regexes, one that searches: of REWRITE_REGEX; else PLAN_NONE */
};
/* What becomes of the port of a redirect that names none. BY_RULES: the Gateway API's, its scheme's own or the listener's.
 * OF_REQUEST: as Envoy does it, the one in the request's Host, if any, unless it is the own one of a scheme that changes; with a `hostname`
 * none but what stands there. OF_LISTENER: the listener's. A scheme's own port is never written, but for one that stands in Host or
 * `hostname`. */
enum plan_redirect_port { REDIRECT_PORT_BY_RULES, REDIRECT_PORT_OF_REQUEST, REDIRECT_PORT_OF_LISTENER };
/* RequestRedirect; redirect of a VirtualService. */
struct plan_redirect {
    struct plan_str scheme, hostname; /* empty: the request's */
    uint32_t path_kind;
    struct plan_str path;
    uint32_t port;         /* 0: as port_kind says */
    uint32_t status;       /* 301, 302, 303, 307, 308 */
    uint32_t port_kind;    /* enum plan_redirect_port */
    struct plan_str query; /* in place of the request's; empty: the request's */
};
/* CORS. Lists are ranges of plan.texts. */
struct plan_cors {
    struct plan_range origins, methods, headers, expose; /* "*" alone: all */
    struct plan_range
        origin_tests; /* of plan.conditions: further origins, CONDITION_ORIGIN by prefix or regular expression */
    uint32_t allows_credentials;
    uint32_t max_age_s;
    uint32_t passes_preflights; /* those of origins that are not allowed go to the backend, and get no fields */
};
/* An answer of the rule's own: directResponse of a VirtualService. */
struct plan_answer {
    uint32_t status;      /* 200 to 599 */
    struct plan_str body; /* not sent with 204 and 304 */
};

/* The filters of a rule, or of one backendRef. */
struct plan_actions {
    struct plan_range request_edits, response_edits; /* of plan.edits; applied in this order: set, add, remove */
    uint32_t rewrite, redirect, cors, answer;        /* of their arrays, or PLAN_NONE */
};

struct plan_weighted {
    uint32_t backend; /* PLAN_NONE: a reference that can't be resolved: 500 */
    uint32_t weight;
    struct plan_actions actions;
    struct plan_range mirrors; /* of plan.mirrors: those of this backendRef */
};

enum plan_sampling { SAMPLING_EVEN, SAMPLING_RANDOM, SAMPLING_HASH };
enum plan_key { KEY_NONE, KEY_HEADER, KEY_COOKIE, KEY_QUERY, KEY_CLIENT_IP, KEY_TRACE_ID };

/* The copy's Host: as live's, with "-shadow" before the port (Envoy's rule), or `host`. */
enum plan_host_kind { COPY_HOST_PRESERVE, COPY_HOST_SUFFIX, COPY_HOST_LITERAL };
/* The copy's traceparent: new parent id, unsampled; new parent id, flags kept; a new trace. */
enum plan_trace { COPY_TRACE_UNSAMPLED, COPY_TRACE_INHERIT, COPY_TRACE_NEW_ROOT };
enum plan_redaction_kind { REDACT_HEADER, REDACT_COOKIE, REDACT_QUERY };
struct plan_redaction {
    uint32_t kind; /* enum plan_redaction_kind */
    struct plan_str name;
};

/* How a mirror's answers are compared and judged: MirrorPolicy.spec.compare and spec.verdict. Ranges without a word are of plan.texts.
 * All of it is for the analyst, but for body_bytes. */
enum plan_samples { KEEP_NONE, KEEP_FIELDS, KEEP_FULL };
enum plan_array_kind { COMPARE_SET, COMPARE_KEYED };
struct plan_array_rule {
    struct plan_str path;
    uint32_t kind;       /* enum plan_array_kind */
    struct plan_str key; /* of COMPARE_KEYED */
};
struct plan_comparison {
    uint32_t samples; /* enum plan_samples */
    uint32_t reserved;
    uint64_t body_bytes;
    struct plan_range headers; /* only these; none: all but the noisy ones */
    struct plan_range ignored_headers, ignored_paths;
    struct plan_range redacted_headers, redacted_cookies, redacted_query, redacted_paths; /* of samples */
    struct plan_range arrays;                                                             /* of plan.array_rules */
    uint64_t min_pairs, min_pairs_p99;
    uint32_t max_shadow_failures, max_lost, max_different, max_new_errors, max_blind;      /* millionths */
    uint32_t finding_latency_ms, finding_latency_share, max_latency_ms, max_latency_share; /* shares in millionths */
    uint32_t reserved_too;
};

/* A control is a mirror of its own, for accounting as for connections, directly behind the one that it belongs to, whose policy it has:
 * it gets exactly what that got. */
struct plan_mirror {
    struct plan_str label; /* unique in its route */
    uint32_t route;        /* of plan.routes: the rule that names it, itself or by one of its backendRefs */
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
    uint32_t host_kind; /* enum plan_host_kind */
    struct plan_str host;
    struct plan_range edits;      /* of plan.edits: mirror-only */
    struct plan_range redactions; /* of plan.redactions */
    struct plan_str marker_header;
    uint32_t has_baggage; /* baggage member umbra.shadow=true is appended */
    uint32_t trace;       /* enum plan_trace */
    uint32_t is_control;  /* of the mirror before it */
    uint32_t comparison;  /* of plan.comparisons, or PLAN_NONE: answers are not compared */
    uint32_t reserved;    /* 0 */
};

/* After which failures of an attempt a further one is made. */
enum plan_retry {
    RETRY_CONNECT = 1, /* no connection */
    RETRY_RESET = 2,   /* it broke off before the answer's head */
    RETRY_TIMEOUT = 4, /* backend_timeout_ms */
    RETRY_STATUS = 8,  /* an answer that retry_codes or retry_grpc has */
    RETRY_ALL = 15,
};

/* One rule of a route. */
struct plan_route {
    struct plan_str label;      /* "namespace/name#rule" */
    struct plan_range backends; /* of plan.weighted; none, and no redirect: 500 */
    struct plan_range mirrors;  /* of plan.mirrors: those of the rule */
    struct plan_actions actions;
    uint32_t request_timeout_ms; /* from the request's head to the end of the answer; 0: none */
    uint32_t backend_timeout_ms; /* of one attempt, from its first byte to the end of the answer; 0: none */
    uint32_t retry_attempts;     /* further attempts; 0: none */
    uint32_t retry_backoff_ms;
    struct plan_range retry_codes; /* of plan.codes */
    uint32_t
        is_grpc; /* GRPCRoute: Umbra's own answers are trailers-only (gRPC over HTTP/2), calls are counted by method */
    uint32_t retry_on;   /* enum plan_retry, together */
    uint32_t retry_grpc; /* 1 << the grpc-status of an answer without a body */
};

/* ---- matching ----
 * A connection's socket and the request's host give the listener, the listener and the host give the virtual hosts, most specific
 * first, and a virtual host's paths are a tree by path element. What hangs at a node is grouped by what it looks at besides, so that a
 * group costs one look-up however many values there are. All look-ups are hash tables in the plan. */

/* Where a condition looks. A header of several fields is their values joined with ","; a parameter is the first of its name, decoded. The
 * others have no name: the method; "http" or "https" as the client came; Host or :authority as sent, with its port; the listener's port in
 * decimals; the address of the connection's peer. CONDITION_ORIGIN is of CORS alone, and of no match. */
enum plan_condition_kind {
    CONDITION_HEADER,
    CONDITION_QUERY,
    CONDITION_METHOD,
    CONDITION_SCHEME,
    CONDITION_AUTHORITY,
    CONDITION_PORT,
    CONDITION_PEER,
    CONDITION_ORIGIN
};
/* What it wants there: the value, a match of the whole by a regular expression, a beginning, anything. Of CONDITION_PEER it is TEST_EXACT,
 * and means that the address is in the set. */
enum plan_test { TEST_EXACT, TEST_REGEX, TEST_PREFIX, TEST_PRESENT };
struct plan_condition {
    uint16_t kind;        /* enum plan_condition_kind */
    uint8_t test;         /* enum plan_test */
    uint8_t is_negated;   /* met when it is not so, also where there is no such header or parameter */
    struct plan_str name; /* of headers and parameters */
    struct plan_str value;
    uint32_t index; /* TEST_REGEX: of plan.regexes; CONDITION_PEER: of plan.peer_sets; else PLAN_NONE */
};

/* In place of a range's count: `first` is an index of plan.matches, and there is no more to look at. */
#define PLAN_SOLE UINT32_MAX

/* One match of a rule. They stand in order: of two that apply, the first wins. First come those by the Gateway API's precedence, then those
 * in written order. */
struct plan_match {
    uint32_t route;         /* of plan.routes */
    uint32_t regex;         /* of the path, or PLAN_NONE */
    struct plan_str method; /* empty: all */
    struct plan_range conditions;
    struct plan_str
        prefix; /* of a prefix match, without a slash at its end ("" for "/"); in written order the string that
                               matched at the path's front (PATH_MATCH_STRING); else empty */
};

/* Matches at one node that look at the same things: the method or not, and the same names of exact headers and parameters. */
struct plan_group {
    uint32_t has_method;
    uint32_t best;             /* the first of its matches: groups are sorted by it */
    struct plan_range keys;    /* of plan.conditions: kind and name of the exact ones */
    struct plan_range matches; /* of plan.candidates, when it has neither method nor keys; else plan.buckets has them */
};

/* What most probably comes after a look-up: the best match there, its rule, and that rule's first backendRef. Nobody follows it but the
 * cache, which is asked for all at once: with thousands of rules memory answers late, but many questions in the time of one. */
struct plan_ahead {
    uint32_t match, route, weighted;
};

/* plan.buckets: an open-addressing table by (group, hash of the values), linear probing. */
struct plan_bucket {
    uint64_t hash;             /* plan_bucket_hash */
    uint32_t group;            /* PLAN_NONE: a free slot */
    uint32_t condition;        /* ahead as well: the best match's first */
    struct plan_range matches; /* of plan.candidates, the best first; or, with PLAN_SOLE, one match */
    struct plan_ahead ahead;
};

/* plan.names: an open-addressing table by (parent, bytes), linear probing, for hosts, path elements and tails alike. */
struct plan_name {
    uint32_t hash;       /* of parent and bytes: plan_name_hash */
    uint32_t parent;     /* PLAN_PARENT(…) */
    struct plan_str key; /* a host in lower case, ".example.com" for "*.example.com"; a path element; the
                            beginning of one, which may be empty (PARENT_TAIL) */
    uint32_t value;      /* index of a listener or node; PLAN_NONE: a free slot */
    struct plan_ahead ahead;
};
/* Parents of different kinds have different numbers. */
enum plan_parent { PARENT_SOCKET, PARENT_LISTENER, PARENT_NODE, PARENT_TAIL };
#define PLAN_PARENT(kind, index) ((uint32_t)(kind) << 30 | (uint32_t)(index))
#define PLAN_MAX_INDEX ((1u << 30) - 1)

/* Where a path of a virtual host leads; ranges of plan.groups or, with PLAN_SOLE, one match. */
struct plan_node {
    uint32_t parent;            /* PLAN_NONE: the virtual host's root */
    struct plan_range exact;    /* of paths that end here */
    struct plan_range regexes;  /* of paths that come by or end here */
    struct plan_range prefixes; /* likewise */
    uint32_t has_children : 1;  /* names lead on from here */
    uint32_t branch : 31;       /* of plan.branches plus one; 0: none */
};

/* What few nodes have: roots of virtual hosts with matches in written order, and nodes with tails. A virtual host's matches in written order
 * have a tree of their own, below a root of their own, and so have those of them that look at the path without case, in lower case.
 * A path that goes on behind a node with something that begins with a tail is matched by what hangs at the tail's node. */
struct plan_branch {
    uint32_t node;           /* whose it is */
    uint32_t ordered;        /* the root of those in written order, or PLAN_NONE */
    uint32_t folded;         /* the root of those in written order without case, or PLAN_NONE */
    uint32_t path_len;       /* bytes of the path down to this node */
    struct plan_range tails; /* of plan.lengths: of its tails, the shortest first, each once */
};

/* Whose requests go where: of a socket to listeners, of a listener to roots among plan.nodes. */
struct plan_hosts {
    uint32_t has_names;     /* some are in plan.names */
    uint32_t has_wildcards; /* some of these begin with a dot */
    uint32_t any;           /* for all other hosts, or PLAN_NONE */
};

struct plan_listener {
    struct plan_str label; /* "namespace/gateway/listener" */
    struct plan_str hostname;
    uint32_t socket;
    uint32_t port; /* the Gateway's, for redirects */
    struct plan_range
        certificates; /* of plan.texts: labels of identities (plan/credentials.h), in order; only if its socket has TLS */
    struct plan_hosts hosts;
};

struct plan_socket {
    struct address address;
    uint32_t is_tls;             /* all of its listeners have certificates */
    uint32_t takes_proxy_header; /* each connection begins with a PROXY protocol header, version 1 or 2 */
    struct plan_hosts hosts;
};

struct plan_regex {
    struct plan_str pattern; /* matched against the whole subject */
    uint32_t is_search;      /* or found in it, with its groups: of REWRITE_REGEX */
};

struct plan {
    uint64_t magic;
    uint32_t version;
    uint32_t size;     /* of the whole block */
    uint64_t checksum; /* XXH3-64 of the bytes after this field */
    uint64_t generation;
    struct plan_array sockets, listeners, nodes, branches, groups, matches, conditions, regexes;
    struct plan_array names, buckets; /* hash tables: a power of two of slots, at most half of them taken */
    struct plan_array candidates;     /* uint32_t: indices of matches */
    struct plan_array lengths;        /* uint32_t: of tails */
    struct plan_array peer_sets;      /* struct plan_str: names; their addresses are in the endpoints object */
    struct plan_array routes, weighted, backends, mirrors, cidrs;
    struct plan_array edits, rewrites, redirects, cors, answers, redactions, tls, sans, comparisons, array_rules;
    struct plan_array codes;           /* uint32_t: status codes */
    struct plan_array texts;           /* struct plan_str */
    struct plan_array trusted_proxies; /* struct cidr */
    struct plan_array strings;         /* bytes */
};

/* Elements; the index must be below the array's count (plan_check has seen to all indices stored in the plan). */
static inline const void *plan_at(const struct plan *plan, struct plan_array array, size_t index, size_t size)
{
    return (const char *)plan + array.off + index * size;
}

#define PLAN_AT(plan, array, type, i) ((const type *)plan_at(plan, (plan)->array, i, sizeof(type)))
#define PLAN_SOCKET(plan, i) PLAN_AT(plan, sockets, struct plan_socket, i)
#define PLAN_LISTENER(plan, i) PLAN_AT(plan, listeners, struct plan_listener, i)
#define PLAN_NODE(plan, i) PLAN_AT(plan, nodes, struct plan_node, i)
#define PLAN_BRANCH(plan, i) PLAN_AT(plan, branches, struct plan_branch, i)
#define PLAN_GROUP(plan, i) PLAN_AT(plan, groups, struct plan_group, i)
#define PLAN_MATCH(plan, i) PLAN_AT(plan, matches, struct plan_match, i)
#define PLAN_CONDITION(plan, i) PLAN_AT(plan, conditions, struct plan_condition, i)
#define PLAN_REGEX(plan, i) PLAN_AT(plan, regexes, struct plan_regex, i)
#define PLAN_NAME(plan, i) PLAN_AT(plan, names, struct plan_name, i)
#define PLAN_BUCKET(plan, i) PLAN_AT(plan, buckets, struct plan_bucket, i)
#define PLAN_CANDIDATE(plan, i) (*PLAN_AT(plan, candidates, uint32_t, i))
#define PLAN_LENGTH(plan, i) (*PLAN_AT(plan, lengths, uint32_t, i))
#define PLAN_PEER_SET(plan, i) (*PLAN_AT(plan, peer_sets, struct plan_str, i))
#define PLAN_ROUTE(plan, i) PLAN_AT(plan, routes, struct plan_route, i)
#define PLAN_WEIGHTED(plan, i) PLAN_AT(plan, weighted, struct plan_weighted, i)
#define PLAN_BACKEND(plan, i) PLAN_AT(plan, backends, struct plan_backend, i)
#define PLAN_MIRROR(plan, i) PLAN_AT(plan, mirrors, struct plan_mirror, i)
#define PLAN_CIDR(plan, i) PLAN_AT(plan, cidrs, struct cidr, i)
#define PLAN_EDIT(plan, i) PLAN_AT(plan, edits, struct plan_edit, i)
#define PLAN_REWRITE(plan, i) PLAN_AT(plan, rewrites, struct plan_rewrite, i)
#define PLAN_REDIRECT(plan, i) PLAN_AT(plan, redirects, struct plan_redirect, i)
#define PLAN_CORS(plan, i) PLAN_AT(plan, cors, struct plan_cors, i)
#define PLAN_ANSWER(plan, i) PLAN_AT(plan, answers, struct plan_answer, i)
#define PLAN_REDACTION(plan, i) PLAN_AT(plan, redactions, struct plan_redaction, i)
#define PLAN_TLS(plan, i) PLAN_AT(plan, tls, struct plan_tls, i)
#define PLAN_SAN(plan, i) PLAN_AT(plan, sans, struct plan_san, i)
#define PLAN_COMPARISON(plan, i) PLAN_AT(plan, comparisons, struct plan_comparison, i)
#define PLAN_ARRAY_RULE(plan, i) PLAN_AT(plan, array_rules, struct plan_array_rule, i)
#define PLAN_CODE(plan, i) (*PLAN_AT(plan, codes, uint32_t, i))
#define PLAN_TEXT(plan, i) (*PLAN_AT(plan, texts, struct plan_str, i))
#define PLAN_TRUSTED(plan, i) PLAN_AT(plan, trusted_proxies, struct cidr, i)

static inline struct str plan_text(const struct plan *plan, struct plan_str s)
{
    return (struct str){(const char *)plan + s.off, s.len};
}
