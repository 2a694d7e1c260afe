/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what became of the resources into their status, at an API server: whatever differs from what it says, one PUT per object with
 * the resourceVersion that was read. On a conflict the newer object comes by its watch, which calls for another update; other failures are
 * tried again after a while. The leader alone writes. Whether copies flow is written at most once a minute per policy.
 * Lifetime: control_status_new to control_status_free, which is after the writer's end. Thread: control's. */
#pragma once

#include "kube/write.h"
#include "status/status.h"

struct control_status;

#define FLOW_SECONDS 60
#define STATUS_RETRY_SECONDS 30 /* after a write that failed for another reason than a conflict */

/* An object as it was last seen, and its resourceVersion. */
struct control_status_object {
    struct str json, version;
};

struct control_status_from {
    const struct outcomes *outcomes; /* of the load in force: load.outcomes */
    uint64_t load;                   /* which load it is: with the same number come the same outcomes */
    /* False: it is gone or not known yet. Borrowed for the call. */
    bool (*find)(void *user, const struct kind *kind, struct str ns, struct str name,
                 struct control_status_object *object);
    /* How the copies of a mirror are; NULL: nobody knows. */
    enum status_flow (*flow)(void *user, struct str route, struct str mirror);
    /* Hands a write on, as kube_writer_add() does; everything in it is borrowed for the call. */
    void (*write)(void *user, const struct kube_write *write);
    void *user;
    bool is_leader;  /* false: nothing is written, and what was is forgotten */
    uint64_t now_ns; /* loop time */
    int64_t now_s;   /* Unix time */
};

/* `on_object` gets each object as an answer to a write brought it, for kube_watch_put(); may be NULL. */
struct control_status *control_status_new(void (*on_object)(void *user, const struct kind *kind, struct str json),
                                          void *user);
void control_status_free(struct control_status *status);

/* Hands on what is to be written; how many. Call after each load that came into force, when objects of it changed, when this one became the
 * leader, and every few seconds for the flow and for what failed. */
size_t control_status_update(struct control_status *status, const struct control_status_from *from);
