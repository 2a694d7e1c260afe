/* SPDX-License-Identifier: Apache-2.0 */
/* From outcomes (compile/outcome.h) to the status of Kubernetes objects: pure functions from JSON to JSON. Only this controller's part
 * of a status is replaced: its conditions by type, its entries of `parents` and `ancestors`; what others wrote is kept.
 * lastTransitionTime stays while a condition's status does, and what would change nothing is not written.
 * The present object is foreign: what is not as the API says is replaced where it is ours and kept where it is not.
 * Lifetime: values. Thread: any. */
#pragma once

#include "base/strbuf.h"
#include "compile/outcome.h"

/* Whether the copies of a policy's mirrors flow, as the leader sees them: condition umbra.dev/CopiesFlow. */
enum status_flow {
    FLOW_UNKNOWN,      /* nobody could say: the condition stays as it is */
    FLOW_NO_TRAFFIC,   /* nothing to copy came in the last minute */
    FLOW_FLOWING,      /* True */
    FLOW_BREAKER_OPEN, /* False: the shadow fails */
    FLOW_NO_ENDPOINTS, /* False */
    FLOW_SUSPENDED,    /* False, by spec.suspend or the switch of the admin port */
};

#define CONDITION_COPIES_FLOW "umbra.dev/CopiesFlow"

struct status_now {
    struct str time;              /* RFC 3339, seconds, UTC: "2026-01-31T12:00:00Z" */
    const enum status_flow *flow; /* per mirror of the outcome; NULL: the condition is left as it is */
};

enum status_result {
    STATUS_SAME,    /* nothing to write */
    STATUS_CHANGED, /* `out` has the object to be put to …/status, with the resourceVersion that was given */
    STATUS_FOREIGN, /* what was given is no such object; nothing is written */
};

/* `present` is the object's JSON as the API server gave it. Appends to `out` only when STATUS_CHANGED. */
enum status_result status_merge(const struct outcome *outcome, struct str present, const struct status_now *now,
                                struct strbuf *out) __attribute__((warn_unused_result));
