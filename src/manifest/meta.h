/* SPDX-License-Identifier: Apache-2.0 */
/* What all kinds have in common: apiVersion, kind and metadata, and references from one resource to another.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/schema.h"

struct object_meta {
    const struct node *node;
    struct str name;
    struct str ns;                  /* as written; struct resource has the effective one */
    struct schema_list labels;      /* struct schema_pair */
    struct schema_list annotations; /* struct schema_pair */
    struct str creation_timestamp;  /* RFC 3339; from a cluster */
    struct schema_int generation;
};

/* What every kind's struct begins with. */
struct object_head {
    const struct node *node;
    struct str api_version, kind;
    struct object_meta *metadata; /* never NULL after decoding without error */
};

/* A label's or annotation's value, or STR_NONE. */
struct str pairs_find(const struct schema_list *pairs, struct str key);

/* backendRefs, mirrors, certificateRefs, targetRefs: what a kind does not have stays absent. */
struct object_ref {
    const struct node *node;
    struct str group, kind, ns, name;
    struct schema_int port;
    struct str section_name;
};

struct label_selector {
    const struct node *node;
    struct schema_list match_labels;      /* struct schema_pair */
    struct schema_list match_expressions; /* struct label_requirement */
};

enum label_operator { LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_DOES_NOT_EXIST };
struct label_requirement {
    const struct node *node;
    struct str key;
    struct schema_int operator; /* enum label_operator */
    struct schema_list values;  /* struct str */
};
bool label_selector_matches(const struct label_selector *selector, const struct schema_list *labels);
