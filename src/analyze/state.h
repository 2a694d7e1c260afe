/* SPDX-License-Identifier: Apache-2.0 */
/* All that the analyst holds, for the files that put it together (analyze.c, metrics.c). Lifetime: analyze_new to analyze_free. Thread: the analyst's. */
#pragma once

#include "analyze/analyze.h"
#include "analyze/findings.h"
#include "analyze/observe.h"
#include "analyze/pages.h"
#include "analyze/pairs.h"
#include "analyze/samples.h"
#include "analyze/services.h"
#include "analyze/verdicts.h"

struct analyze {
    struct store *store;
    struct room legs_room, tallies_room;
    struct pairs pairs;
    struct groups groups;
    struct deliveries deliveries;
    struct observer *observer;
    struct samples samples;
    struct services services;
    struct loads loads;
    struct events events;
    struct findings findings;
    struct verdicts verdicts;
    struct pages pages;
    uint64_t now_ns, wall_ns;
    uint64_t last_record_ns, save_at_ns, save_pause_ns, second_at_ns, look_at_ns, tidy_at_ns;
    uint64_t saved_ns, saved_spent_ns,
        save_cost_ns;                 /* the last save: when, by both clocks, and the CPU time that it took */
    bool has_new;                     /* records came since the last save */
    uint64_t records, records_before; /* the last tick */
};
