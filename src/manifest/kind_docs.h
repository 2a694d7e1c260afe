/* SPDX-License-Identifier: Apache-2.0 */
/* What is generated of the kinds' tables: the reference page of the rules and the CRDs of Umbra's own kinds.
 * Lifetime: the buffer's. Thread: any. */
#pragma once

#include "manifest/kind.h"

/* docs/reference/rules.md. */
void kinds_reference(struct strbuf *out);
/* A CustomResourceDefinition (apiextensions.k8s.io/v1) for deploy/crd, of a kind that has one. */
void kind_crd(const struct kind *kind, struct strbuf *out);
/* Its file name: "umbra.dev_backends.yaml". */
void kind_crd_file(const struct kind *kind, struct strbuf *out);
