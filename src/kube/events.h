/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings on objects, as `kubectl describe` shows them: Events (events.k8s.io/v1) for what is wrong with a version of an object. An
 * event's name is made of what it says, so that no replica and no later run says it twice. Knows problems, not where they come from.
 * Lifetime: kube_events_new to kube_events_free. Thread: the loop's. */
#pragma once

#include "kube/write.h"
#include "manifest/kind.h"

struct kube_events;

#define EVENTS_PER_OBJECT 10 /* of one version; the rest is in status, log and `umbra status` */
#define EVENTS_KNOWN 10000 /* said ones that are remembered; then all are forgotten, and the server knows their names */

struct kube_event {
    const struct kind *kind;
    const char *version;      /* of the kind's: as the object is read */
    struct str ns, name, uid; /* ns empty: cluster-wide; its events are in namespace default */
    int64_t generation;
    const char *reason; /* "UnsupportedValue" */
    struct str note;    /* cut at 1 KiB, the API's limit */
};

/* `instance`: which replica speaks. Both borrowed. */
struct kube_events *kube_events_new(struct kube_writer *writer, const char *instance);
void kube_events_free(struct kube_events *events);
/* Once for each; `event` is borrowed for the call. */
void kube_events_add(struct kube_events *events, const struct kube_event *event);
