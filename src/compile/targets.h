/* SPDX-License-Identifier: Apache-2.0 */
/* What references lead to: one rule_backend per label. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

/* The labels that Backends ask for by their annotation. Before any reference is resolved. */
void targets_collect(struct compiler *compiler);

enum target_use { TARGET_LIVE, TARGET_SHADOW, TARGET_CONTROL };
/* An index into the rules' backends; SIZE_MAX, and said (of what is left out: once), when it can't be resolved. */
size_t targets_resolve(struct compiler *compiler, const struct reference *reference, enum target_use use);

/* Hands the backends to the rules. */
void targets_finish(struct compiler *compiler);
