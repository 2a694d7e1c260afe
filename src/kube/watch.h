/* SPDX-License-Identifier: Apache-2.0 */
/* One collection of objects of an API server, kept in step with it: listed in pages, then watched from there, again and again
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). Resumes after a cut from the last
 * resourceVersion, lists anew after 410 in either form, backs off with jitter, and keeps what it has while the server is away. Knows the
 * envelope of objects only (name, namespace, uid, resourceVersion); an object is its JSON without metadata.managedFields.
 * Steady state: one open request. Lifetime: kube_watch_new to kube_watch_free. Thread: the loop's. */
#pragma once

#include "base/str.h"
#include "kube/client.h"

struct kube_watch;
struct manifests;

/* Objects of one collection, and their bytes; more are left out, and said (KUBE_WATCH_TOO_MANY). */
#define KUBE_WATCH_MAX_OBJECTS 200000u
#define KUBE_WATCH_MAX_BYTES ((size_t)1024 * 1024 * 1024)
#define KUBE_PAGE_LIMIT 500
/* Servers end watches after this; asked for with jitter. */
#define KUBE_WATCH_SECONDS 300
#define KUBE_WATCH_REFUSED_MS 10000

enum kube_watch_state {
    KUBE_WATCH_STARTING,  /* not listed yet */
    KUBE_WATCH_SYNCED,    /* in step, as far as is known */
    KUBE_WATCH_STALE,     /* was in step; the server can't be reached, or refuses for the moment */
    KUBE_WATCH_FORBIDDEN, /* 403, asked again each 30 s; what was known is gone: rights were taken away */
    KUBE_WATCH_ABSENT,    /* 404: the server does not know this kind, asked again each 30 s; empty */
    /* (Both only once it was said for KUBE_WATCH_REFUSED_MS, if something was known: a server that has just started says so of what it has
     * not looked at yet. Until then STALE.) */
    KUBE_WATCH_TOO_MANY,
};

struct kube_object {
    struct str ns, name; /* ns empty: cluster-wide */
    struct str uid, version;
    struct str
        json; /* the whole object, one line, with apiVersion and kind (lists of built-in kinds have neither: added) */
    struct manifests *read; /* what was made of it (kube_watch_keep); NULL: nothing yet */
};

struct kube_watch_ops {
    const char *name;
    /* Something is different: objects or the state. Once per turn of the loop, however much came; of a list when all of it has come, or when
     * it can't go on. */
    void (*on_change)(struct kube_watch *watch, void *user);
};

struct kube_watch_spec {
    struct str path; /* "/apis/gateway.networking.k8s.io/v1/httproutes", "/api/v1/namespaces/shop/secrets" */
    struct str api_version, kind; /* of its objects */
    struct str selector; /* "fieldSelector=metadata.name%3Dtls" or "labelSelector=…", already encoded; empty: all */
    const struct kube_watch_ops *ops;
    void *user;
    bool is_status_read; /* a new status is news */
    bool is_secret;      /* texts are wiped when they go, and never logged (all objects are treated so) */
};

/* Begins at once. Strs are copied. */
struct kube_watch *kube_watch_new(struct kube_client *client, const struct kube_watch_spec *spec);
/* Before its client. */
void kube_watch_free(struct kube_watch *watch);

enum kube_watch_state kube_watch_state(const struct kube_watch *watch);
/* Why it is not in step, for people; NULL: it is. Borrowed until the loop goes on. */
const char *kube_watch_problem(const struct kube_watch *watch);
/* When it was last known to be in step, loop time; 0: never. */
uint64_t kube_watch_synced_ns(const struct kube_watch *watch);

/* Another one when something changed that rules can be made of: the objects but for their versions, statuses and foreign annotations
 * (kube/news.h), or the state. */
uint64_t kube_watch_edition(const struct kube_watch *watch);

size_t kube_watch_count(const struct kube_watch *watch);
/* By namespace and name. Borrowed until the loop goes on. */
const struct kube_object *kube_watch_at(const struct kube_watch *watch, size_t index);
const struct kube_object *kube_watch_find(const struct kube_watch *watch, struct str ns, struct str name);
/* What was made of an object's text, from now on `read` of it: a reference that goes when the object says something else. */
void kube_watch_keep(struct kube_watch *watch, size_t index, struct manifests *read);
/* A later version that an answer to a write brought (kube/write.h): in place before the event comes. Ignored when it is not newer as far as
 * can be known (its uid differs, the object is gone, or the versions are not both decimal numbers). on_change follows. */
void kube_watch_put(struct kube_watch *watch, struct str json);
