/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a Gateway that are read only to be checked: nothing acts on them yet.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/gateway.h"

struct gateway_infrastructure {
    const struct node *node;
    struct schema_list labels, annotations; /* struct schema_pair */
    struct object_ref *parameters;
};

/* Of frontends: how client certificates are checked. */
struct client_validation {
    const struct node *node;
    struct schema_list ca_refs; /* struct object_ref */
    struct str mode;
};
struct frontend_tls_config {
    const struct node *node;
    struct client_validation *validation;
};
struct frontend_tls_port {
    const struct node *node;
    struct schema_int port;
    struct frontend_tls_config *tls;
};
struct frontend_tls {
    const struct node *node;
    struct frontend_tls_config *fallback;
    struct schema_list per_port; /* struct frontend_tls_port */
};
struct backend_client_tls {
    const struct node *node;
    struct object_ref *client_certificate;
};
struct gateway_tls {
    const struct node *node;
    struct backend_client_tls *backend;
    struct frontend_tls *frontend;
};

struct listener_set_namespaces {
    const struct node *node;
    struct str from;
    struct label_selector *selector;
};
struct gateway_listener_sets {
    const struct node *node;
    struct listener_set_namespaces *namespaces;
};

extern const struct schema infrastructure_schema, listener_sets_schema, gateway_tls_schema;
