/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of MirrorPolicy that say how answers are compared and judged: the functions of their rows in policy_fields.c.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "compile/policy_fields.h"

policy_apply apply_samples, apply_body_bytes, apply_control, apply_compared_headers, apply_ignored_headers,
    apply_ignored_paths, apply_arrays;
policy_apply apply_sample_headers, apply_sample_cookies, apply_sample_query, apply_sample_paths;
policy_apply apply_min_pairs, apply_min_pairs_p99, apply_max_shadow_failures, apply_max_lost, apply_max_different,
    apply_max_new_errors, apply_max_blind;
policy_apply apply_finding_latency_added, apply_finding_latency_share, apply_max_latency_added, apply_max_latency_share;

/* What the mirror's policies come to, once all fields are applied: samples lose what copies do not get as well. */
void comparison_finish(struct policy_outcome *outcome);
