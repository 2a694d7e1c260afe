/* SPDX-License-Identifier: Apache-2.0 */
/* One load of manifests: all resources of all files, decoded and checked, with every problem that was found. A reload
 * makes a new load; what is bad in it keeps its last good version, of which a copy is taken, so that no load holds another.
 * Lifetime: a reference count. Thread: the owner's. */
#pragma once

#include "base/map.h"
#include "manifest/kind.h"
#include "manifest/meta.h"

#define NO_PROBLEM SIZE_MAX

struct resource {
    const struct kind *kind;
    struct str ns; /* "default" where a namespaced kind has none; empty for cluster-wide kinds */
    struct str name;
    const void *object;      /* struct http_route, …; NULL: bad, and no good version is known */
    const struct node *node; /* as read, good or bad; NULL: it could not be read, and no good version is known */
    size_t problem;          /* index of the first problem that makes it bad, or NO_PROBLEM */
    bool is_bad;             /* this load's version is not in force */
    bool is_kept;            /* `object` is the last good version; positions in it are those of the older load */
    uint64_t created_s;      /* creationTimestamp as Unix time; 0: unknown, counts as oldest together with all such */
};

/* A file with a part that can't be attributed to a resource: what it had is kept. */
struct broken_file {
    size_t problem;   /* index of the one that says so */
    size_t kept;      /* resources that stay in force as they were */
    struct str names; /* of the first of them */
};

/* What is read of a cluster only when somebody wants it. */
struct resource_want {
    enum kind_id kind;
    struct str ns, name; /* name empty: all of the namespace; both: all */
};

struct manifests {
    unsigned refs;
    struct arena arena; /* texts, nodes, objects */
    struct problems problems;
    struct resource *resources; /* in the order they were read; what is kept of broken files follows */
    size_t resource_count, resource_capacity;
    struct map by_identity;   /* kind, namespace and name → index of the resource + 1 */
    struct map broken_files;  /* file → struct broken_file */
    struct manifests **parts; /* whose resources these have, too; references */
    size_t part_count, part_capacity;
    struct map said_kinds; /* file and kind, of which it was said that Umbra does not read them */
    bool from_server;      /* unknown fields are warnings; set before reading */
};

struct manifests *manifests_new(void);
struct manifests *manifests_ref(struct manifests *manifests);
void manifests_unref(struct manifests *manifests);

/* Reads one text with many documents and Lists. The text is copied. A second resource with the same identity is an error
 * that names the first. Kinds that Umbra does not know are a note, once per kind and file. */
void manifests_read(struct manifests *manifests, struct str file, struct str text);
/* What was read of a text by itself, in another load: its resources without reading them again, and its problems. False: it can't be shared,
 * since it has parts that belong to no resource, or a resource that is there already; read the text then. `part` stays as it is, and lives
 * as long as these do. */
bool manifests_share(struct manifests *manifests, struct manifests *part) __attribute__((warn_unused_result));
/* A file that can't be read: what it had stays. */
void manifests_read_failed(struct manifests *manifests, struct str file, const char *why);
/* Takes over the last good version of what is bad, and of what is missing from a broken file. Call once, after reading.
 * `before` may be NULL. */
void manifests_keep_last_good(struct manifests *manifests, const struct manifests *before);

/* The resource in force (its object is not NULL), or NULL. */
const struct resource *manifests_find(const struct manifests *manifests, enum kind_id kind, struct str ns,
                                      struct str name);
/* Whether there is such a resource at all, good or bad. */
bool manifests_has(const struct manifests *manifests, enum kind_id kind, struct str ns, struct str name);

/* YAML documents of all resources in force, with their defaults (`umbra print`). Secrets are comments that say so. */
void manifests_print(const struct manifests *manifests, struct strbuf *out);

/* For those who fill a load. */

/* In force or not, or NULL. */
struct resource *manifests_find_any(const struct manifests *manifests, enum kind_id kind, struct str ns,
                                    struct str name);
/* A new resource without an object, or NULL when namespace and name are longer than any valid ones. There must be none yet.
 * Strs are borrowed. Pointers to other resources end. */
struct resource *manifests_add(struct manifests *manifests, const struct kind *kind, struct str ns, struct str name);
/* Marks a file; `problem` is the index of the one that is added for it, before or after. The first mark counts. */
void manifests_add_broken_file(struct manifests *manifests, struct str file, size_t problem);
/* Decodes the node into a new object of the resource's kind. False: there was an error, and the resource has no object. */
bool manifests_decode(struct manifests *manifests, struct resource *resource, const struct node *node,
                      struct problems *problems) __attribute__((warn_unused_result));
