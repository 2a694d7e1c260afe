/* SPDX-License-Identifier: Apache-2.0 */
/* The Secret with the key that all replicas sign copies with: watched by all, made by the one that holds the Lease when there is none.
 * Another key in it counts as soon as it is seen. Lifetime: marker_secret_new to marker_secret_free. Thread: the loop's. */
#pragma once

#include "base/str.h"

struct kube_client;
struct loop;
struct marker_secret;

#define MARKER_SECRET_KEY "key" /* of data */
#define MARKER_SECRET_BYTES 32
#define MARKER_SECRET_LEAST 16 /* bytes of a key that people made */

struct marker_secret_options {
    struct loop *loop;
    struct kube_client *client;    /* borrowed */
    struct str ns, name;           /* copied */
    void (*on_change)(void *user); /* there is a key, or another one */
    void *user;
};

struct marker_secret *marker_secret_new(const struct marker_secret_options *options);
void marker_secret_free(struct marker_secret *secret);
/* Whether this replica is the one that makes it. */
void marker_secret_lead(struct marker_secret *secret, bool is_leader);
/* Hashed to `size` bytes, as --marker-key-file is; false when there is none yet. */
bool marker_secret_key(const struct marker_secret *secret, unsigned char *key, size_t size);
/* Why there is none, a sentence; NULL when there is one. Borrowed until the loop goes on. */
const char *marker_secret_problem(const struct marker_secret *secret);
