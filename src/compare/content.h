/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies as people may see them: decoded, and with what must not be kept taken out. For samples.
 * Lifetime: see each function. Thread: the comparer's. */
#pragma once

#include "base/strbuf.h"
#include "compare/compare.h"

/* The body decoded, as far as the limits let; borrowed until the comparer's next use. False: it can't be decoded. */
bool content_decode(struct comparer *comparer, const struct field *fields, uint16_t count, struct str body,
                    struct str *decoded) __attribute__((warn_unused_result));

/* What is taken out before a sample is kept. */
struct redaction;
struct redaction_spec {
    const struct str *headers; /* besides authorization, cookie, set-cookie, proxy-authorization, x-api-key */
    size_t header_count;
    const struct str *cookies, *query; /* names */
    size_t cookie_count, query_count;
    const struct str *paths; /* JSON paths; also names of form fields and multipart parts, by their last name */
    size_t path_count;
};
struct redaction *redaction_new(const struct redaction_spec *spec);
void redaction_free(struct redaction *redaction);
bool redaction_hides_header(const struct redaction *redaction, struct str name);
/* Append what may be kept; hidden values are "[redacted]". */
void redaction_add_value(const struct redaction *redaction, struct str header, struct str value, struct strbuf *out);
void redaction_add_target(const struct redaction *redaction, struct str target, struct strbuf *out);
/* A body that is meant to be JSON, a form or multipart and can't be read is left out whole while there are rules for it (a cut one
 * too). `is_masked`: all values become their type and length. */
void redaction_add_body(const struct redaction *redaction, struct str content_type, struct str body, bool is_cut,
                        bool is_masked, struct strbuf *out);
/* The same of one value that differs, by its field. */
void redaction_add_difference(const struct redaction *redaction, struct str field, struct str value, bool is_masked,
                              struct strbuf *out);
