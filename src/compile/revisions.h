/* SPDX-License-Identifier: Apache-2.0 */
/* Which revision of a backend runs: what its Backend or Service says by an annotation, else a hash of how it is defined, so that a verdict
 * starts anew when it becomes something else. A hash begins with "~": it says what was defined and not what runs there, so that it is worth
 * nothing beyond the run. Independent of the order of documents.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/compiler.h"

#define REVISION_ANNOTATION "umbra.dev/revision"
#define REVISION_MAX 63 /* as a Kubernetes label value, so that a commit's hash or an image's tag fits */

/* Reads the annotations of all Backends and Services; what does not count is said. */
void revisions_collect(struct compiler *compiler);

/* The revision of a backend that stands for a Backend or Service; its label, protocol, TLS and hosts are set. */
struct str revision_of(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name,
                       const struct rule_backend *backend);
