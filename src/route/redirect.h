/* SPDX-License-Identifier: Apache-2.0 */
/* Where a RequestRedirect leads, by the Gateway API's rules: what the rule does not say is the request's, but for the port, which is the
 * scheme's own when the rule names a scheme, else the listener's (or what enum plan_redirect_port says); a scheme's own port is not
 * written. Always absolute. Host and path
 * come from a head that was parsed and so hold no byte that could end a field; what comes of the plan is escaped or left out.
 * Thread: any; pure functions. */
#pragma once

#include "route/rewrite.h"

struct redirect_from {
    const struct head *request; /* authority, path and query as sent */
    struct rewrite_path path;
    bool is_tls;
    uint32_t listener_port;
};

struct str redirect_location(const struct plan *plan, const struct plan_redirect *redirect,
                             const struct redirect_from *from, struct arena *arena);

/* The rule's, or 302 when it is none of a redirect. */
uint16_t redirect_status(const struct plan_redirect *redirect);
