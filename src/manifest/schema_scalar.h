/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a schema that is no object, list or map: from its node, to YAML, and what is said when it is wrong.
 * Lifetime: the rows'. Thread: any. */
#pragma once

#include "manifest/schema.h"

/* What a value may be: a field itself, an item of a list, a value of a map. */
struct schema_scalar {
    enum schema_type type;
    int64_t min, max; /* see schema_field */
    const char *const *values;
    const struct schema_format *format; /* of numbers with units, too */
    const char *finer;                  /* see schema_field */
    bool is_required, is_secret;
};

struct schema_scalar schema_scalar_of_field(const struct schema_field *field);
struct schema_scalar schema_scalar_of_items(const struct schema_field *field);

/* Kept as struct str; else as struct schema_int. */
bool schema_scalar_is_text(const struct schema_scalar *scalar);
size_t schema_scalar_size(const struct schema_scalar *scalar);

/* Reads a node into a struct str or struct schema_int. A problem is added when it is wrong, and nothing stored. */
void schema_scalar_decode(const struct schema_scalar *scalar, const struct node *node, struct problems *problems,
                          void *to);
/* Stores what an absent value is: the default, else nothing (an enum: -1). */
void schema_scalar_set_absent(const struct schema_scalar *scalar, const char *fallback, void *to);

/* YAML of what is stored there. */
void schema_scalar_encode(const struct schema_scalar *scalar, const void *from, struct strbuf *out);
/* A number as it is written in a manifest. */
void schema_scalar_format(const struct schema_scalar *scalar, int64_t value, struct strbuf *out);
