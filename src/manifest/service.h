/* SPDX-License-Identifier: Apache-2.0 */
/* Namespace, Service, Secret, ConfigMap (v1) and EndpointSlice (discovery.k8s.io/v1), as far as Umbra reads them.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

struct namespace_object {
    struct object_head head;
};

struct service_port {
    const struct node *node;
    struct str name, protocol, app_protocol;
    struct schema_int port;
};
struct service_spec {
    const struct node *node;
    struct str type, external_name, cluster_ip;
    struct schema_list cluster_ips; /* struct str; cluster_ip is the first of them */
    struct schema_list ports;       /* struct service_port */
};
struct service {
    struct object_head head;
    struct service_spec *spec; /* may be NULL */
};

struct secret {
    struct object_head head;
    struct str type;
    struct schema_list data;        /* struct schema_pair, base64 */
    struct schema_list string_data; /* struct schema_pair */
};

struct config_map {
    struct object_head head;
    struct schema_list data;        /* struct schema_pair */
    struct schema_list binary_data; /* struct schema_pair, base64 */
};

struct endpoint_conditions {
    const struct node *node;
    struct schema_int ready, serving, terminating; /* ready: absent counts as true */
};
/* The Pod behind an endpoint. */
struct endpoint_target {
    const struct node *node;
    struct str kind, ns, name;
};
struct endpoint {
    const struct node *node;
    struct endpoint_target *target; /* NULL: not said */
    struct schema_list addresses;   /* struct str */
    struct endpoint_conditions *conditions;
};
struct endpoint_port {
    const struct node *node;
    struct str name, protocol, app_protocol;
    struct schema_int port;
};
struct endpoint_slice {
    struct object_head head;      /* the label kubernetes.io/service-name says whose */
    struct str address_type;      /* IPv4 | IPv6 | FQDN */
    struct schema_list endpoints; /* struct endpoint */
    struct schema_list ports;     /* struct endpoint_port */
};

extern const struct schema namespace_schema, service_schema, secret_schema, config_map_schema, endpoint_slice_schema;
