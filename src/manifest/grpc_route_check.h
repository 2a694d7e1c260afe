/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of GRPCRoute that concern several fields, beside those that it shares with HTTPRoute (manifest/http_route_check.h). Called by
 * schema_decode. Lifetime: the manifests'. Thread: any. */
#pragma once

#include "manifest/grpc_route.h"

void check_grpc_method_match(const void *match, struct problems *problems);
void check_grpc_rule(const void *rule, struct problems *problems);
