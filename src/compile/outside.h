/* SPDX-License-Identifier: Apache-2.0 */
/* Backends in a cluster: whoever may write one could make Umbra send requests and copies to anywhere, so they are served only where the
 * operator allows it (--allow-backends), and never to what only this machine or link can reach: loopback, link-local (the metadata
 * of clouds), Unix sockets. Names are looked at again when they are resolved (rule_host.is_guarded).
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

/* Looks at all Backends; what is refused is said there. In files all are served. */
void outside_collect(struct compiler *compiler);
/* Why requests don't go to a Backend: a reason of the Gateway API for the reference; NULL: they do. */
const char *outside_refuses(struct compiler *compiler, const struct reference *reference);
