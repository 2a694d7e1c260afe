/* SPDX-License-Identifier: Apache-2.0 */
/* What every path that a regular expression matches begins with. Internal to src/plan. Thread: any. */
#pragma once

#include "base/arena.h"

/* The whole elements of literal text at the front of a pattern that is matched against a whole path: "/api" of
 * "/api/v[0-9]+/.*", "/a.b" of "/a\.b/(x|y)". Empty when there are none, or when it would take a parser to tell. */
struct str literal_elements(struct str pattern, struct arena *arena);
