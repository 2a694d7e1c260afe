/* SPDX-License-Identifier: Apache-2.0 */
/* What requests are matched by: hosts, the trees of paths, and groups of matches with their tables. Internal to src/plan.
 * Lifetime: a call. Thread: the owner's. */
#pragma once

#include "plan/build.h"
#include "plan/draft.h"

/* Writes everything between listeners and routes; sockets and listeners are in the draft already. False when a rule can't be. */
bool match_index_write(struct draft *draft, const struct rule_set *rules, struct err *err)
    __attribute__((warn_unused_result));
