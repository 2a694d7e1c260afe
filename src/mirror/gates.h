/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an exchange is copied by a mirror: the gates of DESIGN section 5, in their order, the first that says no counts. Thread: the worker's. */
#pragma once

#include "mirror/mirror.h"

/* Counts the mirror as matched, and the reason when a gate says no. True: copy it; the caller counts what comes of it. */
bool gates_pass(struct mirror *mirror, const struct exchange *exchange, uint32_t mirror_index);
