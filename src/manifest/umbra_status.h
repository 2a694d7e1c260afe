/* SPDX-License-Identifier: Apache-2.0 */
/* What people see of Umbra's own kinds in a cluster, for their CRDs: the schema of `status`, which src/status writes, and what kubectl
 * shows at a glance. Nothing here is decoded.
 * Sources: metav1.Condition (API conventions, "Typical status properties"), PolicyAncestorStatus of GEP-713.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "manifest/schema.h"

/* A column of `kubectl get`. */
struct kind_column {
    const char *name, *type; /* "string", "integer", "boolean", "date" */
    const char *path;        /* of JSON; of several values kubectl may show the first alone */
    const char *help;
    bool is_wide; /* with -o wide only */
};

struct kind_view {
    const char *short_name; /* of the kind, for kubectl */
    const struct kind_column *columns;
    size_t column_count;
};

extern const struct schema mirror_policy_status_schema, backend_status_schema;
extern const struct kind_view mirror_policy_view, backend_view;
