/* SPDX-License-Identifier: Apache-2.0 */
/* Sheds copies before live latency suffers: while copies flow, the worker looks every SHED_INTERVAL_MS at its thread's account in
 * /proc/thread-self/schedstat: how long it ran, and how long it waited for a CPU (a cgroup's throttling is such a wait as well). It is
 * short of CPU when it waited for a quarter of the time, or hardly ever slept: then live's requests wait for each other. After three
 * such looks in a row, and with each that follows, only a quarter of the copies that went until then still goes, down to none. With
 * each look at which it had time to spare, a sixteenth of all goes again; in between, where few copies more decide, one of SHED_ALL.
 * Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "io/timer.h"
#include "registry/registry.h"

#define SHED_INTERVAL_MS 100
#define SHED_ALL 256 /* parts that a share has */

/* The judgement alone, a pure function of what was measured. */
struct shed_judge {
    unsigned shed; /* so many of SHED_ALL copies are left out */
    unsigned turn; /* spreads them evenly */
    int streak;    /* looks in a row that found it short of CPU */
};
/* A look: of `elapsed_ns` the thread ran for `ran_ns` and waited for a CPU for `waited_ns`. */
void shed_judge_look(struct shed_judge *judge, uint64_t ran_ns, uint64_t waited_ns, uint64_t elapsed_ns);
/* Whether the next copy is left out. */
bool shed_judge_next(struct shed_judge *judge);

struct shed {
    struct loop *loop;
    struct timer timer;
    struct registry_gateway *gateway;
    int fd; /* schedstat, opened at start; -1: off */
    struct shed_judge judge;
    bool had_copies; /* since the last look: the timer runs only while there are some */
    uint64_t ran_ns, waited_ns, looked_at_ns;
};

/* Opens the file: call before privileges are dropped, in the worker's own thread. */
void shed_init(struct shed *shed, struct loop *loop, struct registry_gateway *gateway, bool is_on);
void shed_deinit(struct shed *shed);
/* True when the copy that is about to be made should be shed. */
bool shed_now(struct shed *shed);
