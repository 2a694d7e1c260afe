/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a redaction share; of this folder only. Lifetime: a redaction's. Thread: any; nothing in it changes. */
#pragma once

#include "base/arena.h"
#include "compare/content.h"
#include "compare/path.h"

#define HIDDEN STR("[redacted]")
#define UNREADABLE STR("[left out: could not be read]")

struct redaction {
    struct arena arena;
    const struct str *headers; /* the policy's, besides those that are always hidden */
    size_t header_count;
    const struct str *query;
    size_t query_count;
    const struct str *names; /* last names of the paths */
    size_t name_count;
    struct path_set *paths; /* never NULL */
    bool hides_all;         /* a path has no name: forms are hidden whole */
    bool hides_document;    /* a path is `$` */
};

/* A parameter of a query or a field of a form, still percent-encoded. False in `is_readable`: its escapes are none. */
bool redaction_hides_parameter(const struct redaction *redaction, struct str encoded, bool in_form, bool *is_readable);
/* A field of a form, unescaped: `card[number]` has the names `card` and `number`. */
bool redaction_hides_form_name(const struct redaction *redaction, struct str name);

/* redaction_json.c: false when the body is no JSON, or beyond the limits; nothing is added then. */
bool redaction_add_json(const struct redaction *redaction, struct str body, bool is_masked, struct strbuf *out)
    __attribute__((warn_unused_result));
/* redaction_multipart.c: false as above. `depth` multiparts are around this one. */
bool redaction_add_multipart(const struct redaction *redaction, struct str content_type, struct str body,
                             unsigned depth, struct strbuf *out) __attribute__((warn_unused_result));
/* redaction_body.c: a part of a multipart body, or all of it. */
void redaction_add_part(const struct redaction *redaction, struct str content_type, struct str body, unsigned depth,
                        struct strbuf *out);
/* Takes away what was added since `before`. */
void redaction_take_back(struct strbuf *out, size_t before);
/* Of what a value is masked to: "string(12)" of JSON text, "text(12)" of all else. */
void redaction_add_mask(struct str value, struct strbuf *out);
