/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an exchange is copied by a mirror: the gates in the order of the reasons in registry/registry.h, the first that says no counts. Thread: the worker's. */
#pragma once

#include "mirror/mirror.h"

/* Counts the mirror as matched, and the reason when a gate says no. True: copy it; the caller counts what comes of it. */
bool gates_pass(struct mirror *mirror, const struct exchange *exchange, uint32_t mirror_index);
/* The same for a control, which is asked for a request whose shadow got its copy, and for no other: those count as matched. Method, source,
 * sampling, rate and shedding have said yes for both and are not asked again, so that a control gets exactly what its shadow gets. What is
 * its own can still say no: its switch (off), its endpoints (no_endpoint), its breaker, its room in flight, and the budget; then the pair
 * has no control. */
bool gates_pass_control(struct mirror *mirror, const struct exchange *exchange, uint32_t mirror_index);
