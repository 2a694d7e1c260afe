/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin requests by the Gateway API's HTTPCORSFilter and the Fetch standard. Umbra answers preflights itself and adds fields to the
 * answers of all other requests; a browser enforces them. "*" is written as it stands when the rule allows no credentials, else the
 * request's own words are. An origin is compared without case, a missing port is its scheme's own; a host that begins with "*." takes any
 * number of labels, at least one.
 * Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "http/head.h"
#include "plan/layout.h"
#include "route/regex.h"

/* Fields that one answer gets. */
#define CORS_MAX_FIELDS 7

/* OPTIONS with Origin and Access-Control-Request-Method. */
bool cors_is_preflight(const struct head *request);

/* A rule, and what its regular expressions need. */
struct cors_rule {
    const struct plan *plan;
    const struct plan_cors *cors;
    struct regex_use use;
};

/* Writes the fields for the answer to this request (the client's, before any edit) and returns how many. Values live as long as plan,
 * request and arena. */
uint16_t cors_make_fields(const struct cors_rule *rule, const struct head *request, struct arena *arena,
                          struct field *fields);

/* True for fields that only the rule writes: live's own go. */
bool cors_owns(struct str name);
/* True when the answer says already that it depends on Origin, or on everything. */
bool cors_has_vary(const struct head *answer);

/* `origin` is an Origin field's value. */
bool cors_allows(const struct cors_rule *rule, struct str origin);
/* An allowed one, where the request has an Origin. */
bool cors_allows_request(const struct cors_rule *rule, const struct head *request);
