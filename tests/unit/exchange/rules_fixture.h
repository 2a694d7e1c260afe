/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and endpoints for tests of rules.
 * Lifetime: what is returned goes to the rules. Thread: one. */
#pragma once

#include "plan/endpoints.h"
#include "plan/layout.h"

/* One route "shop" to the backends "live:80" and "next:80", one half each, and one that can't be resolved; with a mirror "shadow:80",
 * and "shadow:80~2" at the second backendRef, whose marker header is X-Copy-Of. */
const struct plan *fixture_plan(void);
/* The same, taking paths by this regular expression. */
const struct plan *fixture_plan_with_regex(struct str pattern);
/* `count` addresses of "live:80", 127.0.0.1 with ports from `port` on; the other backends have none. */
const struct endpoints *fixture_endpoints(uint16_t port, size_t count);
