/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures of services and mirrors say to a person: slow beside its peers or its own past, errors rising, more requests than it can
 * answer and how many more replicas would carry them, copies that could not be sent. Never on little data: the least numbers stand in load.c.
 * A finding stays for a while after it was seen last. Lifetime: loads_init to loads_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/groups.h"
#include "analyze/services.h"
#include "base/map.h"
#include "judge/verdict.h"
#include "plan/endpoints.h"

/* At a time; what comes after is left out until one goes. */
#define LOADS_MOST 64
#define LOAD_STAYS_NS (300 * 1000000000ull)

struct loads {
    struct finding list[LOADS_MOST]; /* texts are owned */
    size_t count;
    struct map
        replicas; /* label of a backend → how many addresses it has, as a pointer's number; absent: not known, or none */
};

void loads_init(struct loads *loads);
void loads_deinit(struct loads *loads);
/* What stands for replicas: the addresses of the plan's backends. */
void loads_set_endpoints(struct loads *loads, const struct plan *plan, const struct endpoints *endpoints);
/* Looks anew; every few seconds. */
void loads_look(struct loads *loads, const struct services *services, struct groups *groups, uint64_t wall_ns);
