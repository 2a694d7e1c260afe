/* SPDX-License-Identifier: Apache-2.0 */
/* DestinationRule (networking.istio.io): the subsets of a host and how it is spoken to.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/istio_parts.h"

enum istio_client_mode { CLIENT_DISABLE, CLIENT_SIMPLE, CLIENT_MUTUAL, CLIENT_ISTIO_MUTUAL };
struct istio_client_tls {
    const struct node *node;
    struct schema_int mode; /* enum istio_client_mode */
    struct str credential_name, sni;
    struct str client_certificate, private_key, ca_certificates; /* files where Istio's proxy is */
    struct schema_list subject_alt_names;                        /* struct str */
    struct schema_int insecure_skip_verify;
};
struct istio_load_balancer {
    const struct node *node;
    struct str simple;
};
/* Of a port where it is an item of portLevelSettings, else without a port. */
struct istio_traffic_policy {
    const struct node *node;
    struct istio_port *port;
    struct istio_client_tls *tls;
    struct istio_load_balancer *load_balancer;
    struct schema_list port_settings; /* struct istio_traffic_policy */
};
struct istio_subset {
    const struct node *node;
    struct str name;
    struct schema_list labels; /* struct schema_pair */
    struct istio_traffic_policy *policy;
};
struct istio_workloads {
    const struct node *node;
    struct schema_list labels; /* struct schema_pair */
};
struct destination_rule_spec {
    const struct node *node;
    struct str host;
    struct istio_traffic_policy *policy;
    struct schema_list subsets; /* struct istio_subset */
    struct istio_workloads *workloads;
    struct schema_list export_to;
};
struct destination_rule {
    struct object_head head;
    struct destination_rule_spec *spec;
};

extern const struct schema destination_rule_schema;
