/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON paths that manifests may have: a subset of RFC 9535. `$` is the whole body; then any number of `.name`,
 * `['any name']`, `[n]`, `[*]`, `.*` and `..name`. A name behind a dot is letters, digits and `_`, no digit first
 * (2.5.1.1), or digits alone: the number of a field in a gRPC message, `$[*].3.1`. In quotes a backslash stands before a
 * quote or another backslash (2.3.1). No filters, slices, lists and negative indices: what a rule means must be plain from
 * looking at it. What passes here, compare/path.h understands.
 * Lifetime: none. Thread: any. */
#pragma once

#include "base/strbuf.h"

#define JSON_PATH_MAX 1024

/* What is wrong, in words without the path itself, and at which character, from 1; NULL: nothing. */
const char *json_path_fault(struct str path, size_t *character);
