/* SPDX-License-Identifier: Apache-2.0 */
/* limits.requestsPerSecond: the generic cell rate algorithm (ITU-T I.371) with a burst of a tenth of a second, on one atomic in the
 * registry, exact across workers. Thread: any. */
#pragma once

#include "registry/registry.h"

/* True when one more copy may go; `per_second` 0 means no cap. */
bool rate_allows(struct registry_mirror *mirror, uint64_t per_second, uint64_t now_ns);
