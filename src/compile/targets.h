/* SPDX-License-Identifier: Apache-2.0 */
/* What references lead to: one rule_backend per label. Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/grants.h"

/* The labels that Backends ask for by their annotation. Before any reference is resolved. */
void targets_collect(struct compiler *compiler);

/* An index into the rules' backends; SIZE_MAX, and said (of what is left out: once), when it can't be resolved.
 * `is_mirror`: of a RequestMirror filter. */
size_t targets_resolve(struct compiler *compiler, const struct reference *reference, bool is_mirror);

/* Hands the backends to the rules. */
void targets_finish(struct compiler *compiler);
