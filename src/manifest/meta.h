/* SPDX-License-Identifier: Apache-2.0 */
/* What all kinds have in common: apiVersion, kind and metadata, and references from one resource to another.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/schema.h"

/* Rows of the tables: where a field is kept, and the rows of a schema. */
#define SCHEMA_AT(owner, member) .offset = offsetof(struct owner, member)
#define SCHEMA_ROWS(rows) .fields = (rows), .field_count = sizeof(rows) / sizeof((rows)[0])

#define OBJECT_NAME_MAX 253

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

extern const struct schema object_meta_schema;
/* The first rows of every kind's table. apiVersion and kind are checked before decoding. */
/* clang-format off */
#define OBJECT_HEAD_ROWS(kind_name) \
    {.name = "apiVersion", .help = "Group and version of the kind.", .type = SCHEMA_STRING, \
     SCHEMA_AT(object_head, api_version)}, \
    {.name = "kind", .help = kind_name ".", .type = SCHEMA_STRING, SCHEMA_AT(object_head, kind)}, \
    {.name = "metadata", .help = "Name, namespace and labels of the resource.", .type = SCHEMA_OBJECT, \
     SCHEMA_AT(object_head, metadata), .flags = SCHEMA_REQUIRED, .of = &object_meta_schema}
#define OBJECT_STATUS_ROW \
    {.name = "status", .help = "What controllers say about the resource; Umbra does not read it.", .type = SCHEMA_ANY}
/* Of Umbra's own kinds, which it writes: manifest/umbra_status.h. */
#define OBJECT_OWN_STATUS_ROW(schema) \
    {.name = "status", .help = "What became of it. Umbra writes this and does not read it.", .type = SCHEMA_ANY, .of = (schema)}
/* clang-format on */

/* A label's or annotation's value, or STR_NONE. */
struct str pairs_find(const struct schema_list *pairs, struct str key);

/* backendRefs, mirrors, certificateRefs, targetRefs: what a kind does not have stays absent. */
struct object_ref {
    const struct node *node;
    struct str group, kind, ns, name;
    struct schema_int port;
    struct str section_name;
};

/* References by use: defaults and required fields differ. */
extern const struct schema backend_ref_schema; /* Service of core unless said otherwise; a Service needs a port */
extern const struct schema secret_ref_schema;  /* Secret of core unless said otherwise */
extern const struct schema local_ref_schema;   /* group, kind and name are required */
extern const struct schema foreign_ref_schema; /* the same with a namespace */
/* Says so when a reference to a Service lacks its port. */
void check_service_port(struct str group, struct str kind, const struct schema_int *port, const struct node *at,
                        struct problems *problems);

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
extern const struct schema label_selector_schema;
bool label_selector_matches(const struct label_selector *selector, const struct schema_list *labels);

/* The member's node, or the owner's when it is absent: a place for a problem. */
const struct node *place_of(const struct node *owner, const char *member);

/* What keys of labels and annotations must be: "name" or "example.com/name". No row can say it of a map's keys. */
bool is_qualified_name(struct str key);
extern const struct schema_format format_label_value;
