/* SPDX-License-Identifier: Apache-2.0 */
/* GatewayClass, Gateway, ReferenceGrant (gateway.networking.k8s.io/v1, v1beta1).
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

struct gateway_class_spec {
    const struct node *node;
    struct str controller_name;
    struct str description;
    struct object_ref *parameters; /* not acted on */
};

struct gateway_class {
    struct object_head head;
    struct gateway_class_spec *spec;
};

enum listener_from { FROM_ALL, FROM_SELECTOR, FROM_SAME };
struct route_namespaces {
    const struct node *node;
    struct schema_int from; /* enum listener_from; default Same */
    struct label_selector *selector;
};

struct allowed_routes {
    const struct node *node;
    struct route_namespaces *namespaces; /* never NULL */
    struct schema_list kinds;            /* struct object_ref: group and kind */
};

enum listener_tls_mode { TLS_TERMINATE, TLS_PASSTHROUGH };
struct listener_tls {
    const struct node *node;
    struct schema_int mode;              /* enum listener_tls_mode */
    struct schema_list certificate_refs; /* struct object_ref */
    struct schema_list options;          /* struct schema_pair */
};

struct gateway_listener {
    const struct node *node;
    struct str name, hostname, protocol; /* hostname absent: all */
    struct schema_int port;
    struct allowed_routes *allowed_routes; /* never NULL */
    struct listener_tls *tls;
};

struct gateway_address {
    const struct node *node;
    struct str type, value;
};

struct gateway_infrastructure;
struct gateway_listener_sets;
struct gateway_tls;
struct gateway_spec {
    const struct node *node;
    struct str class_name;
    struct schema_list listeners; /* struct gateway_listener */
    struct schema_list addresses; /* struct gateway_address */
    /* Valid, and not acted on. */
    struct gateway_infrastructure *infrastructure;
    struct gateway_listener_sets *allowed_listeners;
    struct gateway_tls *tls;
    struct str default_scope;
};

struct gateway {
    struct object_head head;
    struct gateway_spec *spec;
};

struct reference_from {
    const struct node *node;
    struct str group, kind, ns;
};
struct reference_to {
    const struct node *node;
    struct str group, kind, name; /* name absent: all */
};
struct reference_grant_spec {
    const struct node *node;
    struct schema_list from; /* struct reference_from */
    struct schema_list to;   /* struct reference_to */
};
struct reference_grant {
    struct object_head head;
    struct reference_grant_spec *spec;
};

extern const struct schema gateway_class_schema, gateway_schema, reference_grant_schema;
