/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to an API server, one after the other per object and a few at a time, so that a thousand statuses don't flood it: newest wins
 * when an object is written again before its turn. A conflict (409) is handed back: the writer reads the newer object from its watch and
 * decides anew. Lifetime: kube_writer_new to kube_writer_free; writes under way are then forgotten. Thread: the loop's. */
#pragma once

#include "kube/client.h"

struct kube_writer;

#define KUBE_WRITES_AT_ONCE 8
#define KUBE_WRITES_PER_SECOND 50 /* after a burst of 100 */
/* More that wait are refused: their on_written says so before kube_writer_add returns. */
#define KUBE_WRITES_WAITING 50000

struct kube_write_result {
    int status;          /* HTTP's; 0: no answer */
    struct str reason;   /* "Conflict", "NotFound", "AlreadyExists", … */
    struct str body;     /* the object as it is now, or a Status */
    const char *problem; /* NULL: done */
};

typedef void kube_written_fn(void *user, struct str target, const struct kube_write_result *result);

struct kube_write {
    const char *method; /* "PUT", "POST", "PATCH" */
    struct str
        target; /* path and query; also what names the object among the writes that wait, unless the method is POST */
    struct str content_type;
    struct str body;
    kube_written_fn *
        on_written; /* NULL: nobody asks. Failures that may pass (no answer, 429, 5xx) are tried again with backoff first,
                                    `tries` times in all, unless a newer one waits */
    void *user;
    unsigned tries;
};

struct kube_writer *kube_writer_new(struct kube_client *client);
/* Before its client; not from on_written. */
void kube_writer_free(struct kube_writer *writer);
/* Strs are copied. One that waits for the same target is replaced without a callback. */
void kube_writer_add(struct kube_writer *writer, const struct kube_write *write);
/* Forgets what waits and what is under way: somebody else is the leader now. */
void kube_writer_clear(struct kube_writer *writer);
bool kube_writer_is_idle(const struct kube_writer *writer);
