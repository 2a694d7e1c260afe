/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of HTTPRoute's experimental channel that are read only to be checked: nothing acts on them yet.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/http_route.h"

struct session_cookie {
    const struct node *node;
    struct str name, path, lifetime;
};
/* Of releases up to 1.6, which call it cookieConfig. */
struct session_cookie_config {
    const struct node *node;
    struct str lifetime;
};
struct session_header {
    const struct node *node;
    struct str name;
};
struct session_persistence {
    const struct node *node;
    struct schema_int absolute_timeout, idle_timeout;
    struct str type, name;
    struct session_cookie *cookie;
    struct session_header *header;
    struct session_cookie_config *cookie_config;
};

struct auth_grpc {
    const struct node *node;
    struct schema_list allowed_headers; /* struct str */
};
struct auth_http {
    const struct node *node;
    struct str path;
    struct schema_list allowed_headers, allowed_response_headers; /* struct str */
};
struct auth_body {
    const struct node *node;
    struct schema_int max_size;
};
struct http_external_auth {
    const struct node *node;
    struct str protocol;
    struct object_ref *backend;
    struct auth_grpc *grpc;
    struct auth_http *http;
    struct auth_body *body;
};

extern const struct schema session_persistence_schema, http_external_auth_schema;
