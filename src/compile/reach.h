/* SPDX-License-Identifier: Apache-2.0 */
/* Matches that can never be reached, since an earlier rule has the very same one.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* Says which matches of a rule are taken by one that came before; rules come in the order of precedence. */
void reach_check(struct compiler *compiler, const struct http_route_rule *rule, const struct rule_route *route);
