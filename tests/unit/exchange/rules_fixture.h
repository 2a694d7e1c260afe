/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and endpoints for tests of rules. Apart from them because plan/build.h has a struct rules of its own.
 * Lifetime: what is returned goes to the rules. Thread: one. */
#pragma once

#include "plan/endpoints.h"
#include "plan/layout.h"

/* One route "shop" to the backends "live:80" and "next:80", one half each, with a mirror "shadow:80". */
const struct plan *fixture_plan(void);
/* `count` addresses of "live:80", 127.0.0.1 with ports from `port` on; the other backends have none. */
const struct endpoints *fixture_endpoints(uint16_t port, size_t count);
