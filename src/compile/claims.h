/* SPDX-License-Identifier: Apache-2.0 */
/* Which routes have which hosts of a listener, since HTTPRoutes and GRPCRoutes may not share any (Gateway API: of two whose hostnames
 * intersect on a listener the older one is accepted). Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* A route of the other kind that has the host, a part of it, or a wildcard over it on this listener; or NULL. Hosts are those of
 * struct rule_binding. */
const struct aged *claims_find_rival(struct compiler *compiler, size_t listener, const struct aged *route,
                                     struct str host);
void claims_add(struct compiler *compiler, size_t listener, const struct aged *route, struct str host);
