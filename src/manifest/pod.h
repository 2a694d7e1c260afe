/* SPDX-License-Identifier: Apache-2.0 */
/* Pod (v1), as far as Umbra reads it: labels and addresses, to tell what a subset has and whom a request is from.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

struct pod_ip {
    const struct node *node;
    struct str ip;
};
struct pod_spec {
    const struct node *node;
    struct schema_int host_network;
};
struct pod_status {
    const struct node *node;
    struct str phase, pod_ip;
    struct schema_list pod_ips; /* struct pod_ip; pod_ip is the first of them */
};
struct pod {
    struct object_head head;
    struct pod_spec *spec;     /* may be NULL */
    struct pod_status *status; /* may be NULL */
};

extern const struct schema pod_schema;

/* Whether its addresses are its own, and now: not those of a node, or of a Pod that is over. */
bool pod_has_addresses(const struct pod *pod);
