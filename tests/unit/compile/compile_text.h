/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests in, rule tables and problems out as text: what tests of the compiler compare.
 * Lifetime: texts live until compile_text_free. Thread: any. */
#pragma once

#include "compile/compile.h"

/* A Gateway "edge" in namespace default with an HTTP listener "http" at port 80 for all hosts. */
#define EDGE \
    "apiVersion: gateway.networking.k8s.io/v1\n" \
    "kind: Gateway\n" \
    "metadata: {name: edge}\n" \
    "spec: {gatewayClassName: umbra, listeners: [{name: http, protocol: HTTP, port: 80}]}\n" \
    "---\n"

/* The beginning of a route of "edge"; its rules follow. */
#define ROUTE(name) \
    "apiVersion: gateway.networking.k8s.io/v1\n" \
    "kind: HTTPRoute\n" \
    "metadata: {name: " name "}\n" \
    "spec:\n" \
    "  parentRefs: [{name: edge}]\n"

#define GATEWAY_OBJECT(kind, meta, spec) \
    "apiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\nmetadata: {" meta "}\nspec: {" spec "}\n---\n"
#define POLICY(meta, spec) \
    "---\napiVersion: umbra.dev/v1alpha1\nkind: MirrorPolicy\nmetadata: {" meta "}\nspec: {" spec "}\n"
#define BACKEND(meta, spec) \
    "---\napiVersion: umbra.dev/v1alpha1\nkind: Backend\nmetadata: {" meta "}\nspec: {" spec "}\n"
#define GRANT(meta, spec) \
    "---\napiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {" meta "}\nspec: {" spec "}" \
    "\n"

struct compile_text {
    struct manifests *manifests;
    struct compiled *compiled;
    struct strbuf text;
};

/* Fails the test when reading finds an error. `options` may be NULL. */
struct compile_text compile_yaml(const char *yaml, const struct compile_options *options);
void compile_text_free(struct compile_text *result);

/* Problems of compiling, one a line: "error Reason Kind/name: field: text". Positions are left out. */
const char *said(struct compile_text *result);
/* "label socket host", one listener a line. */
const char *listeners_text(struct compile_text *result);
/* "label: listener host, …", one rule a line. */
const char *bindings_text(struct compile_text *result);
/* "label = host:port …", one backend a line. */
const char *backends_text(struct compile_text *result);
/* "label: match … -> backend*weight …" with all that the rule does, one rule a line. */
const char *routes_text(struct compile_text *result);
/* "route -> mirror: …" with what is not the default, one mirror a line. */
const char *mirrors_text(struct compile_text *result);
/* "mirror: …" with what of its comparison is not the default, one mirror a line. */
const char *comparisons_text(struct compile_text *result);
/* "label revision", one backend a line. */
const char *revisions_text(struct compile_text *result);

typedef const char *render_fn(struct compile_text *result);
/* Compiles, renders and compares. */
void assert_compiles_to(const char *yaml, const struct compile_options *options, render_fn *render, const char *want);

/* One row of a table of cases. */
struct compile_case {
    const char *yaml;
    const char *want;
};
#define ASSERT_CASES(cases, render) \
    do { \
        for (size_t case_index = 0; case_index < sizeof(cases) / sizeof((cases)[0]); case_index++) \
            assert_compiles_to((cases)[case_index].yaml, NULL, render, (cases)[case_index].want); \
    } while (0)
