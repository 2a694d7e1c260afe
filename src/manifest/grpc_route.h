/* SPDX-License-Identifier: Apache-2.0 */
/* GRPCRoute (gateway.networking.k8s.io/v1), standard channel. It is read into the structs of an HTTPRoute (manifest/http_route.h), whose
 * matches then have `rpc` and headers only; what an HTTPRoute has besides stays absent. Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "base/strbuf.h"
#include "manifest/http_route.h"

struct grpc_method_match {
    const struct node *node;
    struct schema_int type;     /* enum value_match_type */
    struct str service, method; /* empty: all; one of them is not */
};

extern const struct schema grpc_route_schema;

/* The regular expression that the path of a call must match as a whole, "/service/method", for a match that is not two exact names. */
void grpc_path_pattern(const struct grpc_method_match *match, struct strbuf *out);
