/* SPDX-License-Identifier: Apache-2.0 */
/* ReferenceGrants: what routes, Gateways and Backends of one namespace may refer to in another.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* The resource that a reference means, with all defaults filled in. */
struct reference {
    const struct node *node;
    const struct kind *from_kind;
    struct str from_ns;
    struct str group, kind, ns, name;
    bool has_port;
    uint16_t port;
};
struct reference reference_make(const struct object_ref *ref, const struct resource *from);

void grants_collect(struct compiler *compiler);

/* True within a namespace and where a grant says so. */
bool grants_allow(struct compiler *compiler, const struct reference *reference);
