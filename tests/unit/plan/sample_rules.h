/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that use every part of a plan, for the tests of this folder. Lifetime: static. Thread: one. */
#pragma once

#include "plan/build.h"

/* Two listeners, two routes, three backends, two mirrors (one with sources, one by hash), one trusted network. Tests may
 * change the parts before they build. */
struct sample_rules {
    struct rules rules;
    struct rule_listener listeners[2];
    struct rule_route routes[2];
    struct rule_backend backends[3];
    struct rule_mirror mirrors[2];
    struct plan_weighted weighted[3];
    struct cidr sources[2];
    struct cidr trusted[1];
};

void sample_rules_init(struct sample_rules *sample);
