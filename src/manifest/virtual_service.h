/* SPDX-License-Identifier: Apache-2.0 */
/* VirtualService (networking.istio.io): which requests for which hosts go where, and who gets copies.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/istio_parts.h"

struct istio_match {
    const struct node *node;
    struct str name;
    struct string_match *uri, *scheme, *method, *authority;    /* NULL: any */
    struct schema_list headers, without_headers, query_params; /* struct string_match by name */
    struct schema_int ignore_uri_case, port;
    struct schema_list source_labels; /* struct schema_pair */
    struct str source_namespace;
    struct schema_list gateways; /* struct str; none: those of the VirtualService */
};

struct istio_weighted {
    const struct node *node;
    struct istio_destination *destination;
    struct schema_int weight;
    struct istio_headers *headers;
};

enum istio_derive_port { DERIVE_DEFAULT_PORT, DERIVE_REQUEST_PORT };
struct istio_redirect {
    const struct node *node;
    struct str uri, prefix_rewrite, authority, scheme;
    struct schema_int port, derive_port; /* enum istio_derive_port */
    struct schema_int code;              /* default 301 */
};
#define ISTIO_BODY_MAX (256 * 1024)
struct istio_body {
    const struct node *node;
    struct str string, bytes; /* bytes: base64 */
};
struct istio_direct_response {
    const struct node *node;
    struct schema_int status;
    struct istio_body *body;
};
struct istio_regex_rewrite {
    const struct node *node;
    struct str match, rewrite;
};
struct istio_rewrite {
    const struct node *node;
    struct str uri, authority;
    struct istio_regex_rewrite *regex;
};
struct istio_retries {
    const struct node *node;
    struct schema_int attempts, per_try_timeout, backoff; /* times in ms */
    struct str retry_on;
};
struct istio_mirror {
    const struct node *node;
    struct istio_destination *destination;
    struct istio_share *percentage;
};
struct istio_cors {
    const struct node *node;
    struct schema_list allow_origins;                                /* struct string_match */
    struct schema_list allow_origin;                                 /* struct str; deprecated */
    struct schema_list allow_methods, allow_headers, expose_headers; /* struct str */
    struct schema_int max_age;                                       /* ms */
    struct schema_int allow_credentials;
    struct str unmatched_preflights;
};

struct istio_route {
    const struct node *node;
    struct str name;
    struct schema_list matches; /* struct istio_match; none: all requests */
    struct schema_list routes;  /* struct istio_weighted */
    struct istio_redirect *redirect;
    struct istio_direct_response *direct_response;
    struct istio_rewrite *rewrite;
    struct schema_int timeout; /* ms */
    struct istio_retries *retries;
    struct istio_headers *headers;
    struct istio_destination *mirror;
    struct schema_list mirrors;                           /* struct istio_mirror */
    struct istio_share *mirror_percentage;                /* of `mirror` */
    struct schema_int mirror_percent, mirror_percent_old; /* the same, deprecated; whole numbers */
    struct istio_cors *cors;
    struct istio_delegate *delegate; /* its requests can't be routed */
};
struct istio_delegate {
    const struct node *node;
    struct str name, ns;
};

struct virtual_service_spec {
    const struct node *node;
    struct schema_list hosts;    /* struct str */
    struct schema_list gateways; /* struct str; none: "mesh" */
    struct schema_list http;     /* struct istio_route */
    struct schema_list export_to;
};
struct virtual_service {
    struct object_head head;
    struct virtual_service_spec *spec;
};

extern const struct schema virtual_service_schema;
extern const struct schema istio_match_schema, istio_route_schema;
