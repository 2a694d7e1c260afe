/* SPDX-License-Identifier: Apache-2.0 */
/* BackendTLSPolicy (gateway.networking.k8s.io/v1, v1alpha3; GEP-1897): which backends are spoken to over TLS, whom they are trusted by
 * and which names their certificates must have.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

enum alt_name_type { ALT_NAME_HOSTNAME, ALT_NAME_URI };
struct subject_alt_name {
    const struct node *node;
    struct schema_int type; /* enum alt_name_type */
    struct str hostname, uri;
};

struct backend_validation {
    const struct node *node;
    struct schema_list ca_refs; /* struct object_ref */
    struct str well_known;      /* in place of ca_refs; empty: absent */
    struct str hostname;
    struct schema_list alt_names; /* struct subject_alt_name */
};

struct backend_tls_policy_spec {
    const struct node *node;
    struct schema_list target_refs; /* struct object_ref */
    struct backend_validation *validation;
    struct schema_list options; /* struct schema_pair */
};
struct backend_tls_policy {
    struct object_head head;
    struct backend_tls_policy_spec *spec;
};

extern const struct schema backend_tls_policy_schema;
