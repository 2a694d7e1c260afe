/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions of a VirtualService's route as matches of the rule tables. Lifetime: the compiler's arena. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* `match` may be NULL: all requests. */
void istio_match_compile(struct compiler *compiler, const struct istio_match *match, struct rule_match *out);

/* Whether a match takes every request of its hosts, as far as the request itself is concerned. Istio puts such routes behind all others of
 * a host, and none of the same VirtualService can come after one. */
bool istio_match_is_all(const struct istio_match *match);
/* Whether it looks at where a request comes from or comes in by. */
bool istio_match_is_narrow(const struct istio_match *match);

/* Whether a request that does more than read may match. */
bool istio_match_takes_writes(const struct istio_match *match);
