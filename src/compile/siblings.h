/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways that another Umbra serves: those of this controller whose GatewayClass is another one than --class. Both have the same
 * controllerName, so that statuses don't tell their entries apart: each leaves those that lead to a Gateway of the other's as they are,
 * else the two would take away what the other wrote, for ever. Where GatewayClasses may not be read, each Gateway of another class may be
 * such a one. Lifetime and thread: the compiler's. */
#pragma once

#include "compile/outcomes.h"

/* Whether a Gateway names a class that is served here; by its text, so that one that can't be read has an owner too. */
bool siblings_is_own(const struct compiler *compiler, const struct resource *gateway);
/* Whether a parentRef of a route leads to a Gateway of another Umbra. */
bool siblings_have_parent(const struct compiler *compiler, const struct resource *route);
/* What the outcome of a resource has as `others`; the list is all Gateways that another Umbra serves. */
const struct outcome_ref *siblings_list(struct compiler *compiler, size_t *count);
