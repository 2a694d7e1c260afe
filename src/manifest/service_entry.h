/* SPDX-License-Identifier: Apache-2.0 */
/* ServiceEntry (networking.istio.io): hosts that no Service of the cluster has.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/istio_parts.h"

struct service_entry_port {
    const struct node *node;
    struct schema_int number, target_port;
    struct str name, protocol;
};
struct service_entry_endpoint {
    const struct node *node;
    struct str address;        /* an IP address, a name for resolution DNS, unix:///path */
    struct schema_list ports;  /* struct schema_number_pair, by the names of the entry's ports */
    struct schema_list labels; /* struct schema_pair */
};
enum istio_resolution {
    RESOLUTION_NONE,
    RESOLUTION_STATIC,
    RESOLUTION_DNS,
    RESOLUTION_DNS_ROUND_ROBIN,
    RESOLUTION_DYNAMIC_DNS
};
struct service_entry_spec {
    const struct node *node;
    struct schema_list hosts;     /* struct str */
    struct schema_list ports;     /* struct service_entry_port */
    struct schema_int resolution; /* enum istio_resolution */
    struct schema_list endpoints; /* struct service_entry_endpoint */
    struct schema_list subject_alt_names;
    struct schema_list export_to;
};
struct service_entry {
    struct object_head head;
    struct service_entry_spec *spec;
};

extern const struct schema service_entry_schema;
