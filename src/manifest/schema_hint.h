/* SPDX-License-Identifier: Apache-2.0 */
/* How to mend a field that an object does not have: by another name, in another place, or what there is.
 * Lifetime: the caller's memory. Thread: any. */
#pragma once

#include "manifest/schema.h"

/* An object that is being read, and those that it is in. */
struct schema_level {
    const struct schema *schema;
    const struct node *node;
    const struct schema_level *above;
    bool is_secret;
};

/* The row of that name, or NULL. */
const struct schema_field *schema_field_find(const struct schema *schema, struct str name);
/* "; SampleRule has name, matches, …" */
void schema_add_fields(const struct schema *schema, struct strbuf *out);
/* Appends a hint about an unknown name. Returns the field of this object that was meant, or NULL when it was none. */
const char *schema_add_hint(const struct schema_level *level, struct str name, struct strbuf *out);
