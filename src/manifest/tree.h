/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the nodes of one document after the other from what a reader (YAML or JSON) meets. Keeps the limits of document.h,
 * refuses duplicate keys, copies what aliases name and merges what `<<` names.
 * Lifetime: tree_deinit; nodes live in the arena. Thread: the owner's. */
#pragma once

#include "base/map.h"
#include "manifest/document.h"
#include "manifest/part.h"

enum scalar_tag { TAG_NONE, TAG_STRING, TAG_INT, TAG_FLOAT, TAG_BOOL, TAG_NULL };

struct scalar {
    struct str text; /* lives as long as the arena */
    struct str anchor;
    struct place at;
    enum scalar_tag tag;
    bool is_plain; /* not quoted: may be a number, a boolean or null */
};

/* A map or list that is not closed yet. */
struct frame {
    struct node *node;
    struct node *merge; /* the value of `<<` */
    struct str key;     /* waits for its value */
    struct place key_at;
    bool has_key, is_merge_key;
    bool has_index;
    struct map index; /* members by key, once there are many */
};

struct tree {
    struct arena *arena;
    const struct source *source;
    struct problems *problems;
    struct node *root; /* of this document; NULL: nothing yet */
    bool is_broken;    /* this document */
    bool is_full;      /* the text has reached a limit: nothing more of it is read */
    uint32_t failures; /* of this document */
    uint32_t depth;
    uint32_t nodes;       /* of the text */
    uint32_t alias_nodes; /* of this document */
    struct map anchors;   /* of this document */
    struct frame frames[DOCUMENT_MAX_DEPTH];
};

void tree_init(struct tree *tree, struct arena *arena, const struct source *source, struct problems *problems);
void tree_deinit(struct tree *tree);
/* Begins a document; what was built of the last one stays in the arena. */
void tree_begin(struct tree *tree);

/* What the reader met, in its order. False: it can't go on with this document; the problem has been added. */
bool tree_open(struct tree *tree, enum node_kind kind, struct place at, struct str anchor)
    __attribute__((warn_unused_result));
bool tree_close(struct tree *tree) __attribute__((warn_unused_result));
bool tree_scalar(struct tree *tree, const struct scalar *scalar) __attribute__((warn_unused_result));
bool tree_alias(struct tree *tree, struct str anchor, struct place at) __attribute__((warn_unused_result));

/* Adds an error and marks the document as broken. Returns false. */
bool tree_fail(struct tree *tree, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The innermost map or list that is open, or NULL; with NODE_NULL of either kind. */
const struct node *tree_find_open(const struct tree *tree, enum node_kind kind);
/* How many columns the innermost map or list is indented by; 0 at the root. */
unsigned tree_indent(const struct tree *tree);
/* At most 60 bytes of a foreign text, for messages. */
struct str tree_clip(struct str text);
