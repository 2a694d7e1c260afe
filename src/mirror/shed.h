/* SPDX-License-Identifier: Apache-2.0 */
/* Sheds copies before live latency suffers: while copies flow, the worker looks every SHED_INTERVAL_MS at how long its thread waited for
 * a CPU (run-queue wait of /proc/thread-self/schedstat, which a cgroup's throttling shows up in as well). Above a quarter of the time for three looks in a row,
 * copies are shed; below a twentieth for ten looks, they go again. Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "io/timer.h"
#include "registry/registry.h"

#define SHED_INTERVAL_MS 100

/* The judgement alone, a pure function of what was measured. */
struct shed_judge {
    bool is_shedding;
    int streak; /* looks in a row that speak against the present state */
};
/* A look: of `elapsed_ns` the thread waited `waited_ns` for a CPU. True when is_shedding changed. */
bool shed_judge_look(struct shed_judge *judge, uint64_t waited_ns, uint64_t elapsed_ns);

struct shed {
    struct loop *loop;
    struct timer timer;
    struct registry_gateway *gateway;
    int fd; /* schedstat, opened at start; -1: off */
    struct shed_judge judge;
    bool had_copies; /* since the last look: the timer runs only while there are some */
    uint64_t waited_ns, looked_at_ns;
};

/* Opens the file: call before privileges are dropped, in the worker's own thread. */
void shed_init(struct shed *shed, struct loop *loop, struct registry_gateway *gateway, bool is_on);
void shed_deinit(struct shed *shed);
/* True when the copy that is about to be made should be shed. */
bool shed_now(struct shed *shed);
