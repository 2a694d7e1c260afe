/* SPDX-License-Identifier: Apache-2.0 */
/* From text to trees: YAML or JSON, many documents in one text. Each document is parsed by itself, so that a syntax error
 * costs that document only. Bombs are refused: see the limits. Lifetime: nodes live in the given arena. Thread: any. */
#pragma once

#include "manifest/problem.h"

#define DOCUMENT_MAX_BYTES (32u * 1024 * 1024) /* of one text: 10,000 routes need about 5 MB */
#define DOCUMENT_MAX_COUNT 100000u             /* documents of one text */
#define DOCUMENT_MAX_DEPTH 64                  /* the deepest field of all kinds is at 14 */
#define DOCUMENT_MAX_NODES 4000000u            /* of one text */
#define DOCUMENT_MAX_ALIAS_NODES 100000u       /* copied for aliases, of one document */

struct document {
    struct node *root; /* NULL: broken */
    bool is_broken;    /* a syntax error, a duplicate key or a limit; said in problems */
    /* What a broken document says of itself, else STR_NONE. Its problems have them, too. */
    struct str api_version, kind, ns, name;
    uint32_t line; /* where it begins */
};

/* Calls `on_document` for each document with a root or a defect, in order; an empty one and null have neither. `text` and
 * `source` must live as long as the arena. False when the text was refused, wholly (too large, no UTF-8, a NUL) or from
 * some document on (too many documents or nodes): resources may be missing then. */
typedef void document_fn(void *user, const struct document *document);
bool document_parse(struct str text, const struct source *source, struct arena *arena, struct problems *problems,
                    document_fn *on_document, void *user);
