/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what became of the resources into their status, at an API server: whatever differs from what it says, one PUT per object with
 * the resourceVersion that was read. On a conflict the newer object comes by its watch, which calls for another update. The leader
 * alone writes. Whether copies flow changes at most once a minute per policy.
 * Lifetime: control_status_new to control_status_free. Thread: control's. */
#pragma once

#include "base/str.h"
#include "status/status.h"

struct control_status;
struct kube_writer;

#define FLOW_SECONDS 60

struct control_status_from {
    const struct outcomes *outcomes; /* of the load in force */
    /* The object's JSON as it was last seen, or STR_NONE: it is gone or not known yet. Borrowed for the call. */
    struct str (*find)(void *user, const struct kind *kind, struct str ns, struct str name);
    /* How the copies of a mirror are; NULL: nobody knows. */
    enum status_flow (*flow)(void *user, struct str route, struct str mirror);
    void *user;
    struct kube_writer *writer;
    bool is_leader;
    uint64_t now_ns; /* loop time */
    int64_t now_s;   /* Unix time */
};

struct control_status *control_status_new(void);
void control_status_free(struct control_status *status);

/* Adds what is to be written to the writer; how many. Call after each load that came into force, when objects of it changed, when this
 * one became the leader, and every few seconds for the flow. */
size_t control_status_update(struct control_status *status, const struct control_status_from *from);
