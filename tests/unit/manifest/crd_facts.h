/* SPDX-License-Identifier: Apache-2.0 */
/* What the Gateway API's CRDs (v1.6.1, standard channel; v1 and v1beta1 say the same) demand of each field, to hold our tables
 * to it. The filters of backendRefs are those of rules and stand here once. Lifetime: constant. Thread: any. */
#pragma once

#include <stdint.h>

enum crd_type { CRD_STRING, CRD_INTEGER, CRD_BOOLEAN, CRD_OBJECT, CRD_LIST, CRD_MAP };
enum crd_flag { CRD_REQUIRED = 1, CRD_PATTERN = 2, CRD_UNIQUE = 4 };

struct crd_fact {
    const char *path; /* "[]" is an item, "{}" a value of a map; NULL ends the list */
    enum crd_type type;
    int64_t min, max; /* of a number, else of a length; 0: none */
    unsigned flags;
    const char *fallback, *values; /* values: with "|" between */
};

extern const struct crd_fact backend_tls_policy_facts[];
extern const struct crd_fact gateway_class_facts[], gateway_facts[], http_route_facts[], grpc_route_facts[],
    reference_grant_facts[];
