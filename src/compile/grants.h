/* SPDX-License-Identifier: Apache-2.0 */
/* ReferenceGrants: what resources of one namespace may refer to in another.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* The resource that a reference means, with all defaults filled in. */
struct reference {
    const struct node *node;
    enum kind_id from_kind; /* of what has the reference, as in the next one */
    struct str from_ns;
    struct str group, kind, ns, name;
    bool has_port;
    uint16_t port;
    bool is_grpc; /* calls of a GRPCRoute go there, which need HTTP/2 */
    /* Of a VirtualService (istio_destinations.h). */
    struct str host, subset;              /* as written; host: STR_NONE for all others */
    const struct schema_list *pod_labels; /* only the Pods that have these; NULL: all */
};
struct reference reference_make(const struct object_ref *ref, const struct resource *from);

void grants_collect(struct compiler *compiler);

/* True within a namespace and where a grant says so. */
bool grants_allow(struct compiler *compiler, const struct reference *reference);
