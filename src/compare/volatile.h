/* SPDX-License-Identifier: Apache-2.0 */
/* Values that change with every answer. Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "base/str.h"

/* True when both values look like ids, times, tokens or counters of one form. */
bool volatile_pair(struct str live, struct str other);
