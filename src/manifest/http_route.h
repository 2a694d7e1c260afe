/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPRoute (gateway.networking.k8s.io/v1, v1beta1), standard channel and the experimental retry. A GRPCRoute is read into the same
 * structs: it differs in its matches and has fewer filters, no timeouts and no retry.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

enum path_match_type { PATH_EXACT, PATH_PREFIX, PATH_REGEX };
struct http_path_match {
    const struct node *node;
    struct schema_int type; /* enum path_match_type; default PathPrefix */
    struct str value;       /* default "/" */
};

enum value_match_type { VALUE_EXACT, VALUE_REGEX };
/* A header or a query parameter. */
struct http_value_match {
    const struct node *node;
    struct schema_int type; /* enum value_match_type */
    struct str name, value;
};

struct grpc_method_match;
struct http_route_match {
    const struct node *node;
    struct http_path_match *path;    /* never NULL; prefix "/" where none is written */
    struct schema_list headers;      /* struct http_value_match */
    struct schema_list query_params; /* struct http_value_match */
    struct str method;               /* absent: all */
    struct grpc_method_match *rpc;   /* of a GRPCRoute, which has only this and headers; NULL: all calls */
};

struct http_header {
    const struct node *node;
    struct str name, value;
};
struct http_header_filter {
    const struct node *node;
    struct schema_list set, add; /* struct http_header */
    struct schema_list remove;   /* struct str */
};

enum path_modifier_type { PATH_REPLACE_FULL, PATH_REPLACE_PREFIX };
struct http_path_modifier {
    const struct node *node;
    struct schema_int type; /* enum path_modifier_type */
    struct str full, prefix;
};
struct http_redirect {
    const struct node *node;
    struct str scheme, hostname;
    struct http_path_modifier *path;
    struct schema_int port, status; /* status: default 302 */
};
struct http_rewrite {
    const struct node *node;
    struct str hostname;
    struct http_path_modifier *path;
};

struct fraction {
    const struct node *node;
    struct schema_int numerator, denominator; /* denominator: default 100 */
};
struct http_mirror_filter {
    const struct node *node;
    struct object_ref *backend;
    struct schema_int percent;
    struct fraction *fraction;
};
struct http_cors {
    const struct node *node;
    struct schema_list allow_origins, allow_methods, allow_headers, expose_headers; /* struct str */
    struct schema_int allow_credentials;
    struct schema_int max_age; /* seconds; default 5 */
};

enum http_filter_type {
    FILTER_REQUEST_HEADERS,
    FILTER_RESPONSE_HEADERS,
    FILTER_MIRROR,
    FILTER_EXTENSION, /* those so far are a GRPCRoute's, too */
    FILTER_REDIRECT,
    FILTER_REWRITE,
    FILTER_CORS,
    FILTER_EXTERNAL_AUTH, /* refused by the check: without it requests would pass that nobody has allowed */
};
struct http_external_auth;
struct http_filter {
    const struct node *node;
    struct schema_int type; /* enum http_filter_type; the member of that type is not NULL, the others are */
    struct http_header_filter *request_headers, *response_headers;
    struct http_mirror_filter *mirror;
    struct http_redirect *redirect;
    struct http_rewrite *rewrite;
    struct http_cors *cors;
    struct object_ref *extension;
    struct http_external_auth *external_auth;
};

struct http_backend_ref {
    struct object_ref ref;
    struct schema_int weight;   /* default 1 */
    struct schema_list filters; /* struct http_filter */
};

struct http_timeouts {
    const struct node *node;
    struct schema_int request, backend_request; /* 0: none */
};
struct http_retry {
    const struct node *node;
    struct schema_list codes; /* struct schema_int */
    struct schema_int attempts;
    struct schema_int backoff;
};

struct session_persistence;
struct http_route_rule {
    const struct node *node;
    struct str name;
    struct schema_list matches;      /* struct http_route_match; prefix "/" where none is written */
    struct schema_list filters;      /* struct http_filter */
    struct schema_list backend_refs; /* struct http_backend_ref */
    struct http_timeouts *timeouts;
    struct http_retry *retry;
    struct session_persistence *session_persistence; /* not acted on */
};

struct parent_ref {
    const struct node *node;
    struct str group, kind, ns, name, section_name;
    struct schema_int port;
};

struct http_route_spec {
    const struct node *node;
    struct schema_list parent_refs; /* struct parent_ref */
    struct schema_list hostnames;   /* struct str */
    struct schema_list rules;       /* struct http_route_rule; one with the defaults where none is written */
    struct str default_gateways;    /* not acted on */
};
struct http_route {
    struct object_head head;
    struct http_route_spec *spec;
};

extern const struct schema http_route_schema;
/* Parts that others use too. */
extern const struct schema http_filter_schema;        /* of rules and backendRefs */
extern const struct schema http_header_filter_schema; /* of filters and MirrorPolicy */
extern const struct schema http_mirror_filter_schema;
extern const struct schema http_header_match_schema;
extern const struct schema http_parent_ref_schema;
extern const char *const http_methods[]; /* NULL-terminated */
