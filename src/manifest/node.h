/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a document, with the place where it stands. Documents are trees: an alias is a copy of what its anchor
 * names. Scalars are resolved as Kubernetes does (YAML 1.1 booleans, decimal, octal and hexadecimal integers).
 * Lifetime: the arena of the manifests that the document belongs to. Thread: any, read-only after parsing. */
#pragma once

#include "base/strbuf.h"

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STRING, NODE_MAP, NODE_LIST };

/* Where a document came from. */
struct source {
    struct str file; /* as given on the command line or found in a directory; "-" is stdin */
};

struct node {
    const struct source *source;
    struct node *parent;           /* NULL: the root */
    struct node *next;             /* sibling */
    struct node *first, *last;     /* of a map or list, in written order */
    struct str key;                /* in a map */
    struct str text;               /* of a scalar: its contents; of null, bool and numbers as written */
    int64_t integer;               /* NODE_INT; NODE_BOOL: 0 or 1 */
    double real;                   /* NODE_FLOAT */
    uint32_t line, column;         /* of the value, from 1; column counts characters */
    uint32_t key_line, key_column; /* of the key, in a map; else as line and column */
    uint32_t index;                /* among its siblings, from 0 */
    uint32_t count;                /* members of a map or list */
    uint8_t kind;                  /* enum node_kind */
};

/* "a string", "an integer", "a list", … for messages. */
const char *node_kind_name(enum node_kind kind);
/* The member of a map; NULL when there is none or `node` is NULL or no map. */
const struct node *node_find(const struct node *node, struct str key);
/* The text of a string member, or STR_NONE. */
struct str node_text(const struct node *node, struct str key);
/* The node of the resource that a node belongs to: the root, or the item of a List's items. */
const struct node *node_resource(const struct node *node);
/* The path from the resource's root to the node: spec.rules[0].name, metadata.annotations["umbra.dev/label"]. */
void node_path(struct strbuf *out, const struct node *node);
