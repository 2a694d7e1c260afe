/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker is to load ahead (struct plan_ahead). Internal to src/plan; needs the draft's routes, matches and, for names, groups.
 * Thread: the owner's. */
#pragma once

#include "plan/draft.h"

struct plan_ahead ahead_of_match(const struct draft *draft, uint32_t match);
/* Of the best match at that node, one of its exact paths if there are any. */
struct plan_ahead ahead_of_node(const struct draft *draft, uint32_t node);
