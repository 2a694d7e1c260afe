/* SPDX-License-Identifier: Apache-2.0 */
/* How a listener of the protocol HTTPS ends TLS: its certificates, and what it must not be served without.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* Fills the row's certificates. False, and said: the listener can't be served as it is written. */
bool listener_tls_compile(struct compiler *compiler, const struct listener_site *site, struct rule_listener *row);

/* Options of a listener or a BackendTLSPolicy: those of others are said to have no effect. False, and said, when there is one that could
 * mean something here and is not known. `effect` ends the sentence. */
bool tls_options_check(struct compiler *compiler, const struct schema_list *options, const char *effect);
