/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the copies of each mirror flow, as this process's registry and plan say: for the status of policies.
 * Lifetime: flows_init to flows_deinit. Thread: control's. */
#pragma once

#include "admin/status.h"
#include "status/status.h"

/* Copies within this time are flowing. */
#define FLOW_TRAFFIC_SECONDS 60

struct flows {
    struct map by_mirror; /* "route\0mirror" → enum status_flow + 1, as a pointer's value */
};

/* As it is now. */
void flows_init(struct flows *flows, const struct status_source *source);
void flows_deinit(struct flows *flows);
/* FLOW_UNKNOWN: there is no such mirror. */
enum status_flow flows_find(const struct flows *flows, struct str route, struct str mirror);
