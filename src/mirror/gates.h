/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an exchange is copied by a mirror: the gates in the order of the reasons in registry/registry.h, the first that says no counts. Thread: the worker's. */
#pragma once

#include "mirror/mirror.h"

/* Counts the mirror as matched, and the reason when a gate says no. True: copy it; the caller counts what comes of it. */
bool gates_pass(struct mirror *mirror, const struct exchange *exchange, uint32_t mirror_index);
