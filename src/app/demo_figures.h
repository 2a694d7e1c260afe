/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo shows of its gateway, read from GET /status of the admin port: one mirror's accounting.
 * Lifetime: values. Thread: any; pure functions. */
#pragma once

#include "base/err.h"
#include "registry/registry.h"

struct demo_figures {
    uint64_t matched, sampled_out, filtered, dropped, queued; /* matched = the others + sent */
    uint64_t sent, completed, failed, in_flight;              /* sent = the others */
    uint64_t filtered_by[FILTERED_COUNT], dropped_by[DROPPED_COUNT], failed_by[FAILED_COUNT];
    bool is_matched_equal, is_sent_equal; /* the equations, as the gateway says */
    enum breaker_state breaker;
    uint64_t probe_ms; /* until the next probe, when it is open */
    uint64_t connections;
    uint64_t budget_used, budget_limit;
    bool is_off;
};

/* Of the mirror with this label. */
bool demo_figures_parse(struct str json, struct str label, struct demo_figures *figures, struct err *err)
    __attribute__((warn_unused_result));
/* The equations computed from the figures themselves. */
bool demo_figures_hold(const struct demo_figures *figures);
