/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves a failing shadow alone: after BREAKER_FAILURES failures in a row (no connection, timeouts, resets, broken protocol, 503, 429), or
 * at once when it asks for that with Retry-After, no copy goes for a while
 * that doubles from 1 s to 30 s, then one copy probes; its success closes the breaker. Other answers, 5xx included, are what mirroring is
 * there to find, and count as success. State is in the registry, shared by all workers. Thread: any. */
#pragma once

#include "registry/registry.h"

#define BREAKER_FAILURES 5
#define BREAKER_FIRST_MS 1000
#define BREAKER_MAX_MS 30000

/* True when a copy may go now; a true while the breaker is open makes that copy the probe. */
bool breaker_allows(struct registry_mirror *mirror, uint64_t now_ns);
void breaker_success(struct registry_mirror *mirror);
/* `retry_after_ms` is what the shadow asked for, 0: nothing. `draw` is random, for jitter. */
void breaker_failure(struct registry_mirror *mirror, uint64_t now_ns, uint64_t retry_after_ms, uint64_t draw);
