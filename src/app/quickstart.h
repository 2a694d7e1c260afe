/* SPDX-License-Identifier: Apache-2.0 */
/* From the settings of a run to the quick start's rules. Lifetime: in the caller's arena; strs borrow from the settings.
 * Thread: control's. */
#pragma once

#include "app/settings.h"
#include "base/arena.h"
#include "plan/build.h"

struct rule_set quickstart_rules(const struct settings *settings, uint64_t generation, struct arena *arena);
