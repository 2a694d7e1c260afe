/* SPDX-License-Identifier: Apache-2.0 */
/* Classes, Gateways and their listeners: which are served, and on which sockets.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* Fills compiled.listeners, the sockets and listeners of the rules, and what routes are attached by. */
void listeners_collect(struct compiler *compiler);

/* Serves a listener that is not among them, or says why not. `claims`: those of all listeners, what ports and hosts are taken. */
void listeners_serve(struct compiler *compiler, struct map *claims, struct listener_site *site);

/* Whether a literal IP or "localhost" with a port is one of the sockets, as far as that can be told. */
bool listeners_are_at(const struct compiler *compiler, struct str host, uint16_t port);
