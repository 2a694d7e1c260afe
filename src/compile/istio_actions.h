/* SPDX-License-Identifier: Apache-2.0 */
/* What a VirtualService's route does to requests and answers, and when it asks again, as the rule tables have it.
 * Lifetime: the compiler's arena. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* All but `derivePort`, which needs the listener: `is_tls` tells whether that speaks TLS. */
void istio_actions_compile(struct compiler *compiler, const struct istio_route *route, bool is_tls,
                           struct rule_actions *out);
/* The edits of one destination. */
void istio_destination_actions(struct compiler *compiler, const struct istio_headers *headers,
                               struct rule_actions *out);
/* Timeouts and retries. */
void istio_times_compile(struct compiler *compiler, const struct istio_route *route, struct rule_route *row);
