/* SPDX-License-Identifier: Apache-2.0 */
/* One load of manifests: all resources of all files, decoded and checked, with every problem that was found. A reload
 * makes a new load; what is bad in it keeps its last good version from the load before, which lives on for that long.
 * Lifetime: a reference count. Thread: the owner's. */
#pragma once

#include "base/map.h"
#include "manifest/kind.h"
#include "manifest/meta.h"

struct resource {
    const struct kind *kind;
    struct str ns; /* "default" where a namespaced kind has none; empty for cluster-wide kinds */
    struct str name;
    const void *object;      /* struct http_route, …; NULL: bad, and no good version is known */
    const struct node *node; /* of this load's version, good or bad */
    struct manifests *load;  /* whose memory `object` is in: this load or an older one (a reference is held) */
    bool is_bad;             /* this load's version is not in force */
    bool is_kept;            /* `object` is the last good version */
    uint64_t created_s;      /* creationTimestamp as Unix time; 0: unknown, counts as oldest together with all such */
};

struct manifests {
    unsigned refs;
    struct arena arena; /* texts, nodes, objects */
    struct problems problems;
    struct resource *resources; /* in the order they were read */
    size_t resource_count, resource_capacity;
    struct map by_identity;  /* "group/Kind/ns/name" → struct resource index + 1 */
    struct map broken_files; /* files with a part that can't be attributed to a resource: what they had is kept */
    bool from_server;
};

struct manifests *manifests_new(void);
struct manifests *manifests_ref(struct manifests *manifests);
void manifests_unref(struct manifests *manifests);

/* Reads one text with many documents and Lists. The text is copied. A second resource with the same identity is an error
 * that names the first. Kinds that Umbra does not know are a note, once per kind. */
void manifests_read(struct manifests *manifests, struct str file, struct str text);
/* A file that can't be read: what it had stays. */
void manifests_read_failed(struct manifests *manifests, struct str file, const char *why);
/* Takes over the last good version of what is bad, and of what is missing from a broken file. Call once, after reading. */
void manifests_keep_last_good(struct manifests *manifests, struct manifests *before);

/* The resource in force (its object is not NULL), or NULL. */
const struct resource *manifests_find(const struct manifests *manifests, enum kind_id kind, struct str ns,
                                      struct str name);
/* Whether there is such a resource at all, good or bad. */
bool manifests_has(const struct manifests *manifests, enum kind_id kind, struct str ns, struct str name);

/* YAML documents of all resources in force, with their defaults (`umbra print`). */
void manifests_print(const struct manifests *manifests, struct strbuf *out);
