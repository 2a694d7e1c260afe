/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures of services say to a person: slow beside its peers or its own past, errors rising, saturation (what is in flight grows
 * and the rate does not), and how many replicas would carry what comes. Never on little data: each has a least number of requests and seconds, stated in
 * load.c. Lifetime: loads_init to loads_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/services.h"
#include "base/arena.h"
#include "judge/verdict.h"

/* Findings of load at a time; the weightiest stay. */
#define LOADS_MOST 64

struct loads {
    struct arena texts;
    struct finding list[LOADS_MOST];
    size_t count;
};

void loads_init(struct loads *loads);
void loads_deinit(struct loads *loads);
/* Looks anew; every few seconds. */
void loads_look(struct loads *loads, const struct services *services, uint64_t wall_ns);
