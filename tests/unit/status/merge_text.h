/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and a present status in, the status that is written out. JSON of tests is written with ' in place of ".
 * Lifetime: values. Thread: any. */
#pragma once

#include "status/status.h"

#define NOW "2026-02-01T00:00:00Z"
#define OLD "2026-01-01T00:00:00Z"

/* Parts of JSON. */
#define CONDITION(type, state, reason, generation, time) \
    "{'type': '" type "', 'status': '" state "', 'reason': '" reason \
    "', 'message': '', 'observedGeneration': " generation ", 'lastTransitionTime': '" time "'}"
#define ENTRY(ref, conditions) \
    "{'parentRef': {" ref "}, 'controllerName': 'umbra.dev/gateway-controller', 'conditions': [" conditions "]}"

struct merge_case {
    const char *manifests; /* YAML, for --class umbra; the status is that of the last resource */
    const char *present;   /* its status as it is; NULL: it has none */
    const char *want;      /* its status as it is written, or NULL: nothing is written */
    const enum status_flow *flow;
};
/* Fails unless it comes to that, and unless a second merge has nothing to write. Messages are left out of the comparison. */
void assert_merges(const struct merge_case *test);

/* The result of merging into a whole object of any text. */
enum status_result merge_into(const char *manifests, const char *present);
