/* SPDX-License-Identifier: Apache-2.0 */
/* What a text that is no YAML says of itself, so that the last good version of the resource can stay.
 * Lifetime: the text's. Thread: any. */
#pragma once

#include "base/str.h"

struct identity {
    struct str api_version, kind, ns, name; /* STR_NONE: not found */
};

/* Looks at the lines of a document in block style: `apiVersion:`, `kind:`, and below `metadata:` or in its braces `name:` and
 * `namespace:`. Sets what is STR_NONE. */
void identity_scan(struct str text, struct identity *identity);
