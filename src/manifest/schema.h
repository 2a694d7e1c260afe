/* SPDX-License-Identifier: Apache-2.0 */
/* Schema tables: one table per object type gives decoding into a C struct, validation, defaults, encoding, the reference page
 * and the CRD. A field's row says its name, type, limits, default and help; what can't be said in a row (the CEL
 * rules of the Gateway API) is the schema's check function.
 * Lifetime: tables are constant; decoded objects live in the given arena. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/strbuf.h"
#include "manifest/problem.h"

enum schema_type {
    SCHEMA_STRING,   /* struct str; ptr NULL when absent */
    SCHEMA_INT,      /* struct schema_int */
    SCHEMA_BOOL,     /* struct schema_int, 0 or 1 */
    SCHEMA_ENUM,     /* struct schema_int: index into `values`, -1 when absent without a default */
    SCHEMA_DURATION, /* struct schema_int, milliseconds ("1h30m", GEP-2257) */
    SCHEMA_QUANTITY, /* struct schema_int, bytes ("1Mi") */
    SCHEMA_PERCENT,  /* struct schema_int, millionths ("0.1%" is 1000) */
    SCHEMA_OBJECT,   /* pointer to a struct of `of`; NULL when absent */
    SCHEMA_LIST,     /* struct schema_list of `item`: objects stand in it one after the other */
    SCHEMA_MAP,      /* struct schema_list of struct schema_pair: strings by string */
    SCHEMA_ANY,      /* known and accepted, not read (managedFields, status); nothing is stored */
};

struct schema_int {
    int64_t value; /* the default when not set */
    bool is_set;   /* written in the manifest */
};

struct schema_list {
    void *items; /* in written order, one after the other */
    uint32_t count;
    bool is_set;
    const struct node *node; /* NULL when not set */
};

struct schema_pair {
    struct str key, value;
};

/* A syntax that strings must have. */
struct schema_format {
    const char *name;    /* "a DNS label" */
    const char *pattern; /* the CRD's pattern, ECMA 262; NULL: none */
    const char *example; /* what a right value looks like */
    bool (*is_valid)(struct str text);
};

enum schema_flag {
    SCHEMA_REQUIRED = 1,
    SCHEMA_UNSUPPORTED = 2,  /* known, valid and not acted on: said as a warning where it is written */
    SCHEMA_EXPERIMENTAL = 4, /* of the experimental channel, acted on */
    SCHEMA_SECRET = 8,       /* never printed, logged or put into a message */
};

struct schema;
struct schema_field {
    const char *name;
    const char *help; /* one sentence; ends in a full stop */
    enum schema_type type;
    enum schema_type item;              /* of a list; strings, integers, enums or objects */
    uint16_t offset;                    /* in the owner's struct */
    uint8_t flags;                      /* enum schema_flag */
    int64_t min, max;                   /* an integer's range; a string's length; a list's length; both 0: no limit */
    const char *fallback;               /* default as written in a manifest, scalars only; NULL: none */
    const char *const *values;          /* of an enum, NULL-terminated */
    const struct schema_format *format; /* of a string or a list's strings */
    const struct schema *of;            /* of an object or a list's objects */
};

/* The struct of every schema begins with `const struct node *node`: where it was written. */
struct schema {
    const char *name; /* "HTTPPathMatch" */
    const char *help;
    size_t size; /* of the struct */
    const struct schema_field *fields;
    size_t field_count;
    /* Rules over several fields; adds problems and may look at any decoded field. May be NULL. */
    void (*check)(const void *object, struct problems *problems);
};

/* Reads a map into a zeroed struct of the schema. All problems of the object are added; false when there was an error
 * (then the object is not to be used). Null values count as absent. `from_server`: unknown fields are warnings. */
bool schema_decode(const struct schema *schema, const struct node *node, struct arena *arena, struct problems *problems,
                   void *object, bool from_server) __attribute__((warn_unused_result));

/* YAML of an object with its defaults, in the order of the table, each line indented by `indent` spaces. Absent fields
 * without a default are left out; secrets are written as "(secret)". */
void schema_encode(const struct schema *schema, const void *object, unsigned indent, struct strbuf *out);

/* The rows for docs/reference/rules.md: field path, type, default, help. */
void schema_document(const struct schema *schema, struct strbuf *out);
/* The openAPIV3Schema of a CRD, as YAML indented by `indent`. */
void schema_crd(const struct schema *schema, unsigned indent, struct strbuf *out);

/* The field nearest to a misspelt name, or NULL when none is near. */
const char *schema_nearest(const struct schema *schema, struct str name);

static inline const void *schema_item(const struct schema_list *list, size_t index, size_t size)
{
    return (const char *)list->items + index * size;
}
#define SCHEMA_ITEM(list, type, index) ((const type *)schema_item(&(list), index, sizeof(type)))
