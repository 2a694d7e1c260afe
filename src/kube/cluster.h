/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a cluster: a watch for each kind, of all namespaces or of each that is named; kinds that a server has in an older version
 * only are read in that. Secrets, ConfigMaps and Pods are read as far as the rules want them. A kind or namespace that may not be read
 * costs what depends on it, and is said. Knows the table of kinds, not what is made of them.
 * Lifetime: cluster_new to cluster_free. Thread: the loop's. */
#pragma once

#include "kube/watch.h"
#include "manifest/manifests.h"

struct cluster;

struct cluster_options {
    struct loop *loop;
    struct kube_client *client; /* borrowed */
    const struct str *namespaces;
    size_t namespace_count;        /* 0: all of them, and what is cluster-wide */
    void (*on_change)(void *user); /* objects or what can be read of them; at most once per turn of the loop */
    void *user;
};

struct cluster *cluster_new(const struct cluster_options *options);
void cluster_free(struct cluster *cluster);

/* From now on these, and no others of such kinds. Borrowed for the call. */
void cluster_want(struct cluster *cluster, const struct resource_want *wants, size_t count);
/* Everything was read at least once, as far as it may be read. */
bool cluster_is_synced(const struct cluster *cluster);
/* Another one when rules that were made of it may be others now; statuses that somebody wrote are no such change. */
uint64_t cluster_edition(const struct cluster *cluster);
/* Why not everything is in step with the server, a sentence; NULL: it is. Borrowed until the loop goes on. */
const char *cluster_trouble(const struct cluster *cluster);

/* Adds all objects, each as a text of its own (cluster_file: "httproutes/namespace/name"), and as problems what can't be read. */
void cluster_read(const struct cluster *cluster, struct manifests *manifests);
/* What an object's text is called there. */
void cluster_file(const struct kind *kind, struct str ns, struct str name, struct strbuf *file);
/* The version of its kind in which it is read ("v1"); NULL: it is not. */
const char *cluster_version(const struct cluster *cluster, enum kind_id kind, struct str ns, struct str name);
/* The object as the server has it, or NULL. */
const struct kube_object *cluster_find(const struct cluster *cluster, enum kind_id kind, struct str ns,
                                       struct str name);
/* An answer to a write brought a newer one. */
void cluster_put(struct cluster *cluster, enum kind_id kind, struct str json);
