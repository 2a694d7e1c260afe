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
    SCHEMA_STRING,         /* struct str; ptr NULL when absent */
    SCHEMA_NAME_OR_NUMBER, /* struct str as written: 80 or "http" (Kubernetes' IntOrString) */
    SCHEMA_INT,            /* struct schema_int */
    SCHEMA_BOOL,           /* struct schema_int, 0 or 1 */
    SCHEMA_ENUM,           /* struct schema_int: index into `values`, -1 when absent without a default */
    SCHEMA_DURATION,       /* struct schema_int, milliseconds ("1h30m", GEP-2257) */
    SCHEMA_QUANTITY,       /* struct schema_int, bytes ("1Mi") */
    SCHEMA_PERCENT,        /* struct schema_int, millionths ("0.1%" is 1000) */
    SCHEMA_SHARE,          /* the same, written as a number of percent (0.1 is 1000) */
    SCHEMA_OBJECT,         /* pointer to a struct of `of`; NULL when absent */
    SCHEMA_LIST,           /* struct schema_list of `item`: structs of objects, or what the item's type says above */
    SCHEMA_MAP, /* struct schema_list of struct schema_pair, strings by string; by `item` also integers (struct
                              schema_number_pair) and objects (structs of `of`, whose node has the key) */
    SCHEMA_ANY, /* known and accepted, not read (managedFields, status); nothing is stored. `of`: what the CRD says it is */
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
struct schema_number_pair {
    struct str key;
    struct schema_int value;
};

/* A syntax that strings must have. */
struct schema_format {
    const char *name;    /* "a DNS label" */
    const char *pattern; /* the CRD's pattern, ECMA 262; NULL: none */
    bool is_rough;       /* the pattern takes more than is valid */
    const char *openapi; /* what OpenAPI calls it, for the CRD; NULL: nothing */
    const char *example; /* what a right value looks like */
    const char *all;     /* how to say what "*" is meant for; NULL: by nothing else */
    bool (*is_valid)(struct str text);
    void (*explain)(struct str text, struct strbuf *why); /* what is wrong with a text; NULL: the example says enough */
    uint16_t min_len, max_len; /* in characters, where the row says nothing; max_len 0: no limit */
};

enum schema_flag {
    SCHEMA_REQUIRED = 1,
    SCHEMA_UNSUPPORTED = 2,  /* known and not acted on: said as a warning where it is written and not false */
    SCHEMA_EXPERIMENTAL = 4, /* of the experimental channel, acted on */
    SCHEMA_SECRET = 8,       /* never printed, logged or put into a message */
};

struct schema;
struct schema_field {
    const char *name;
    const char *help; /* one sentence; ends in a full stop */
    enum schema_type type;
    enum schema_type item; /* of a list or a map: objects or scalars */
    uint16_t offset;       /* in the owner's struct */
    uint8_t flags;         /* enum schema_flag */
    /* A number's range (durations in ms), a string's length in characters, a list's or a map's length. Both 0: no
     * limit; max 0: none upwards. */
    int64_t min, max;
    int64_t item_min, item_max; /* the same for each item of a list or value of a map */
    /* The default as written in a manifest; NULL: none. "{}" and "[{}]": an object, or a list of one, that has nothing
     * but its own defaults. Then its `node` is that of the object above it. */
    const char *fallback;
    const char *const *values; /* of an enum, NULL-terminated; a string or an integer may have some as well */
    const struct schema_format
        *format;             /* of a string, of a list's strings or of a map's values; of a duration: its own */
    const struct schema *of; /* of an object, a list's or a map's objects, in the CRD also of what is not read */
    const char *finer;       /* of an integer: what to write instead of 0.5; NULL: nothing */
    /* Of a list of objects: the field in which they must differ; of scalars: "", when they must differ themselves. */
    const char *key;
};

/* What the check function says, in CEL, for the API server. */
struct schema_rule {
    const char *rule, *message;
};

#define SCHEMA_FIELDS_MAX 64

/* The struct of every schema begins with `const struct node *node`: where it was written. No schema contains itself. One of size 0 is for the CRD
 * alone: what it describes is not read. */
struct schema {
    const char *name; /* "HTTPPathMatch" */
    const char *help;
    size_t size; /* of the struct */
    const struct schema_field *fields;
    size_t field_count; /* at most SCHEMA_FIELDS_MAX */
    /* Of a policy: where a field is absent, a wider policy may say what counts. So the API server must not write its
     * default into the object; in the CRD it stands in the description only. */
    bool is_layered;
    bool is_open; /* it has more fields, of no meaning here: they are skipped */
    /* Rules over several fields; adds problems. Called when the object and everything in it was decoded without an
     * error: what is required is there, enums are in range. May be NULL. */
    void (*check)(const void *object, struct problems *problems);
    const struct schema_rule *rules; /* the same in CEL; may be NULL */
    size_t rule_count;
};

/* Reads a map into a zeroed struct of the schema. All problems of the object are added; false when there was an error
 * (then the object is not to be used). Null values count as absent. `from_server`: unknown fields are warnings. */
bool schema_decode(const struct schema *schema, const struct node *node, struct arena *arena, struct problems *problems,
                   void *object, bool from_server) __attribute__((warn_unused_result));

/* YAML of an object with its defaults, in the order of the table, each line indented by `indent` spaces. Absent fields
 * without a default are left out; secrets are written as "(secret)". */
void schema_encode(const struct schema *schema, const void *object, unsigned indent, struct strbuf *out);

/* The rows for docs/reference/rules.md: field path, type, default, help. What all kinds have (apiVersion, kind, metadata,
 * status) is left out at the top; an object that was described already is pointed to. */
void schema_document(const struct schema *schema, struct strbuf *out);
/* The openAPIV3Schema of a CRD, as YAML indented by `indent`: a structural schema of apiextensions.k8s.io/v1. */
void schema_crd(const struct schema *schema, unsigned indent, struct strbuf *out);

/* The field that was meant by a misspelt name, or NULL when none is near. */
const char *schema_nearest(const struct schema *schema, struct str name);

static inline const void *schema_item(const struct schema_list *list, size_t index, size_t size)
{
    return (const char *)list->items + index * size;
}
#define SCHEMA_ITEM(list, type, index) ((const type *)schema_item(&(list), index, sizeof(type)))
