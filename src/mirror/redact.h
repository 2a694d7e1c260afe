/* SPDX-License-Identifier: Apache-2.0 */
/* What a shadow is not to see: fields, cookies and query parameters by name. What stays keeps its bytes and order; fields that frame or
 * route a message can't be taken out. Names of parameters are compared as a backend decodes them, so that "%74oken" is "token",
 * and end at '&' or ';'.
 * Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "plan/layout.h"

/* Of a head, or of trailers, which can carry the same. */
void redact_fields(const struct plan *plan, struct plan_range redactions, struct field *fields, uint16_t *count);
/* A Cookie field of which nothing is left goes. */
void redact_cookies(const struct plan *plan, struct plan_range redactions, struct head *head, struct arena *arena);
/* A query of which nothing is left goes with its '?'. */
void redact_query(const struct plan *plan, struct plan_range redactions, struct head *head, struct arena *arena);
