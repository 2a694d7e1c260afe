/* SPDX-License-Identifier: Apache-2.0 */
/* ReferenceGrants: what HTTPRoutes of one namespace may refer to in another.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* The resource that a reference means, with all defaults filled in. */
struct reference {
    const struct node *node;
    struct str from_ns; /* the route's */
    struct str group, kind, ns, name;
    bool has_port;
    uint16_t port;
};
/* Of a resource in `from_ns`. */
struct reference reference_make(const struct object_ref *ref, struct str from_ns);

void grants_collect(struct compiler *compiler);

/* True within a namespace and where a grant says so. */
bool grants_allow(struct compiler *compiler, const struct reference *reference);
