/* SPDX-License-Identifier: Apache-2.0 */
/* The Secret with the key that all replicas sign copies with: watched by all, made by the one that holds the Lease when there is none.
 * Replicas do not see another key in it at the same moment. So copies signed with it are known at once, and it signs only after MARKER_SPREAD_MS,
 * when all have seen it; the one before is known as long as copies made with it count. Lifetime: marker_secret_new to marker_secret_free. Thread: the loop's. */
#pragma once

#include "base/str.h"

struct kube_client;
struct loop;
struct marker_secret;

#define MARKER_SECRET_KEY "key" /* of data */
#define MARKER_SECRET_BYTES 32
#define MARKER_SECRET_LEAST 16 /* bytes of a key that people made */
#define MARKER_HASH_BYTES 32
#define MARKER_SPREAD_MS 10000
#define MARKER_KEEP_MS 310000 /* no marker counts for longer than 300 s */

/* Hashed, as --marker-key-file is. */
struct marker_keys {
    bool has_own, has_other;
    unsigned char own[MARKER_HASH_BYTES];   /* signs, and is known by */
    unsigned char other[MARKER_HASH_BYTES]; /* is known by */
};

struct marker_secret_options {
    struct loop *loop;
    struct kube_client *client;    /* borrowed */
    struct str ns, name;           /* copied */
    struct marker_keys in_force;   /* of the process before this one: go on with these until the Secret is read */
    void (*on_change)(void *user); /* the keys are others */
    void *user;
};

struct marker_secret *marker_secret_new(const struct marker_secret_options *options);
void marker_secret_free(struct marker_secret *secret);
/* Whether this replica is the one that makes it. */
void marker_secret_lead(struct marker_secret *secret, bool is_leader);
/* Borrowed until on_change. */
const struct marker_keys *marker_secret_keys(const struct marker_secret *secret);
/* Why there is none, a sentence; NULL when there is one. Borrowed until the loop goes on. */
const char *marker_secret_problem(const struct marker_secret *secret);
