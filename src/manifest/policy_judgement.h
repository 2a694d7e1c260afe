/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of MirrorPolicy that say how answers are compared and judged: spec.compare and spec.verdict.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "manifest/umbra_kinds.h"

extern const struct schema policy_compare_schema, policy_verdict_schema;
