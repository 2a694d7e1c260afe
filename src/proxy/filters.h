/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of one exchange: its rule's, and after them those of the backendRef that was chosen. Of rewrite, redirect, answer and
 * CORS there is one each: the backendRef's where it has one, since it says more about fewer requests; it replaces the rule's as a whole for each of
 * host and path. Lifetime: the exchange's, whose rules they point into. Thread: the worker's. */
#pragma once

#include "route/cors.h"
#include "route/redirect.h"

struct filters {
    const struct plan *plan;
    const struct plan_actions *actions[2]; /* the rule's, the backendRef's; NULL: nothing to do for that one */
    struct cors_rule cors;                 /* without CORS settings: none */
    const struct field *cors_fields;       /* for the answer */
    uint16_t cors_count;
    bool has_answer; /* something is done to the answer */
};

/* `weighted`: NULL when no backendRef was chosen. */
void filters_init(struct filters *filters, const struct plan *plan, struct regex_use use,
                  const struct plan_route *route, const struct plan_weighted *weighted);
/* Fields that filters_edit_request may add; head_copy's `spare` must have room for so many. */
size_t filters_room(const struct filters *filters);
/* Makes what the answer will say of CORS, from the request as the client sent it. */
void filters_note_origin(struct filters *filters, const struct head *request, struct arena *arena);

/* ---- what Umbra answers itself ---- */

/* A preflight that the rule's CORS answers. */
bool filters_is_preflight(const struct filters *filters, const struct head *request);
/* NULL: none. */
const struct plan_redirect *filters_redirect(const struct filters *filters);
const struct plan_answer *filters_answer(const struct filters *filters);

/* ---- what passes ---- */

/* False when the path could not be rewritten within limits. */
bool filters_edit_request(const struct filters *filters, const struct rewrite_path *path, struct head *request,
                          struct arena *arena) __attribute__((warn_unused_result));
/* The head's fields move into the arena when something is done to them. */
void filters_edit_answer(const struct filters *filters, struct head *answer, struct arena *arena);
