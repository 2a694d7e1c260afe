/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests in, outcomes out as text, one line each part:
 *   "Gateway default/edge: Accepted !Programmed(Invalid)"
 *   "Gateway default/edge http 2 HTTPRoute,GRPCRoute: Accepted Programmed ResolvedRefs"
 *   "HTTPRoute default/r > edge/http: Accepted !ResolvedRefs(BackendNotFound)"
 * True conditions are their type, with the reason where it is another; false ones begin with "!", unknown ones with "?". Conflicted is shown
 * when it is true. Lifetime: values. Thread: any. */
#pragma once

#include "compile_text.h"

#define CLASS(name) \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: " name "}\n" \
    "spec: {controllerName: umbra.dev/gateway-controller}\n---\n"
#define GATEWAY(meta, listeners) GATEWAY_OBJECT("Gateway", meta, "gatewayClassName: umbra, listeners: [" listeners "]")
#define SERVICE(meta) \
    "apiVersion: v1\nkind: Service\nmetadata: {" meta \
    "}\nspec: {ports: [{name: web, port: 80}, {name: tls, port: 443}]}\n" \
    "---\n"
/* A class, the Gateway "edge" with the listener "http" at port 80, and the Service "shop". */
#define WORLD CLASS("umbra") EDGE SERVICE("name: shop")
#define HTTP_ROUTE(meta, spec) GATEWAY_OBJECT("HTTPRoute", meta, spec)
#define TO_SHOP "rules: [{backendRefs: [{name: shop, port: 80}]}]"

/* Those of one kind. `before` is what was in force, or NULL; `options` of a cluster, or NULL. Fails when it is not `want`. */
struct outcome_case {
    const char *yaml;
    const char *want;
};
void assert_outcomes(const char *kind, const char *before, const char *yaml, const struct compile_options *options,
                     const char *want);
#define ASSERT_OUTCOMES(kind, cases) \
    do { \
        for (size_t case_index = 0; case_index < sizeof(cases) / sizeof((cases)[0]); case_index++) \
            assert_outcomes(kind, NULL, (cases)[case_index].yaml, NULL, (cases)[case_index].want); \
    } while (0)

/* The message of a condition: of the first part whose line begins with `part`. Fails when it does not have `want` in it. */
void assert_message(const char *kind, const char *yaml, const struct compile_options *options, const char *part,
                    const char *type, const char *want);
