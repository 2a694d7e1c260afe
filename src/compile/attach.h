/* SPDX-License-Identifier: Apache-2.0 */
/* Which listeners a route is attached to, and for which of their hosts.
 * Lifetime: attachment_deinit; its arrays are reused from route to route. Thread: control's. */
#pragma once

#include "compile/compiler.h"

struct attachment {
    size_t serial;                 /* of the route, from 1 */
    struct rule_binding *bindings; /* without duplicates */
    size_t binding_count, binding_capacity;
    struct listener_site **sites; /* served listeners that it is attached to */
    size_t site_count, site_capacity;
};

void attachment_deinit(struct attachment *attachment);

/* Whether the listener takes routes of the namespace. */
bool attach_takes_namespace(struct compiler *compiler, const struct listener_site *site, struct str ns);

/* Attaches a route to the listeners that its parentRefs name and that take it; older routes come first. What does not attach is said. */
void attach_route(struct compiler *compiler, const struct aged *route, struct attachment *attachment);
