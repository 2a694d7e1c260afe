/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of MirrorPolicy that change how copies are made: one row each. A further field is a row here.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "compile/compiler.h"

/* What the policies of one mirror come to. */
struct policy_outcome {
    struct arena *arena;
    struct rule_mirror *mirror;
    const struct schema_list *redacted[REDACT_QUERY + 1]; /* by enum plan_redaction_kind; NULL: none */
    bool keeps_credentials;
};

struct policy_field {
    const char *name; /* as the manifest has it, below spec */
    /* Whether the policy says anything; if so and `outcome` is not NULL, puts it there. */
    bool (*apply)(const struct mirror_policy_spec *spec, struct policy_outcome *outcome);
};

extern const struct policy_field policy_fields[];
extern const size_t policy_field_count; /* at most 32 */

/* Puts the redactions together once all fields are applied, `credentials` among them when they must not leave. */
void policy_outcome_finish(struct policy_outcome *outcome, bool drops_credentials);
