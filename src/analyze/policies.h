/* SPDX-License-Identifier: Apache-2.0 */
/* How the answers of mirrors are compared and judged: what plan_comparison says, made ready for use. Mirrors with the same rules share
 * one. Lifetime: policies_new to policies_free; nothing of the plan is borrowed. Thread: the analyst's. */
#pragma once

#include "compare/content.h"
#include "judge/tally.h"
#include "plan/layout.h"

struct policy {
    struct compare_rules *rules;
    struct redaction *redaction;
    struct thresholds thresholds;
    enum plan_samples samples;
    uint64_t rules_hash; /* of what is compared and how: pairs under other rules can't be added up */
};

struct policies {
    struct policy *list; /* by index of plan.comparisons */
    size_t count;
};

void policies_init(struct policies *policies, const struct plan *plan);
void policies_deinit(struct policies *policies);

/* The defaults, where there is no plan. */
void policy_init(struct policy *policy, enum plan_samples samples);
void policy_deinit(struct policy *policy);
