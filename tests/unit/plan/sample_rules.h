/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that use every part of a plan, for the tests of this folder. Lifetime: static. Thread: one. */
#pragma once

#include "plan/build.h"

/* Two sockets with a listener each, two routes (one that looks at everything, one for every path), three backends, four mirrors (one with sources, one by hash, one of a backendRef and its control),
 * one trusted network, and one of each kind of action. Tests may change the parts before they build. */
struct sample_rules {
    struct rule_set rules;
    struct address sockets[2];
    struct rule_listener listeners[2];
    struct rule_binding bindings[2];
    struct rule_match first_matches[3], second_match;
    struct rule_condition conditions[2];
    struct rule_route routes[2];
    struct rule_backend backends[3];
    struct rule_mirror mirrors[4];
    struct rule_weighted weighted[4];
    struct rule_edit edits[3];
    struct rule_rewrite rewrite;
    struct rule_redirect redirect;
    struct rule_cors cors;
    struct rule_redaction redactions[1];
    struct rule_comparison comparisons[2];
    struct rule_array arrays[2];
    struct str compared[6];
    struct str origins[2];
    struct str certificates[2];
    struct rule_san sans[2];
    struct rule_tls tls;
    uint32_t codes[2];
    struct cidr sources[2];
    struct cidr trusted[1];
};

void sample_rules_init(struct sample_rules *sample);
