/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of MirrorPolicy that change how copies are made, and how their answers are compared and judged: one row each. A further
 * field is a row here.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "compile/compiler.h"

struct policy; /* policies.h */

/* What the policies of one mirror come to. */
struct policy_outcome {
    struct arena *arena;
    struct rule_mirror *mirror;
    const struct schema_list *redacted[REDACT_QUERY + 1]; /* by enum plan_redaction_kind; NULL: none */
    bool keeps_credentials;
    const struct rule_comparison *plain; /* of a mirror without a policy */
    struct rule_comparison *comparison;  /* its own; NULL: nothing was said of it */
    struct policy *policy;               /* whose field is being applied */
    struct policy *control;              /* the one that names the control; NULL: none */
};

/* Whether the policy says anything; if so and `outcome` is not NULL, puts it there. */
typedef bool policy_apply(const struct mirror_policy_spec *spec, struct policy_outcome *outcome);

struct policy_field {
    const char *name; /* as the manifest has it, below spec */
    policy_apply *apply;
};

extern const struct policy_field policy_fields[];
extern const size_t policy_field_count; /* at most 64 */

/* The redactions of copies once all fields are applied, credentials among them when they must not leave; into `mirror`. */
void policy_outcome_redact(const struct policy_outcome *outcome, bool drops_credentials, struct rule_mirror *mirror);
