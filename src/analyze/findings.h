/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to see: groups are judged when their tallies have changed, not with every pair; a finding that was never there before, and a
 * verdict that becomes another, is an event. First seen goes beyond restarts, through the store.
 * Lifetime: findings_init to findings_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/events.h"
#include "analyze/groups.h"
#include "analyze/load.h"

/* Findings whose beginning is kept in memory; more are looked up in the store. */
#define FINDINGS_KNOWN 16384
/* A group is judged at most so often, but when somebody asks. */
#define FINDINGS_PAUSE_NS 1000000000ull
/* Of one tick or question, for judging. */
#define FINDINGS_BUDGET_NS 200000000ull

struct findings {
    struct store *store;
    struct groups *groups;
    struct events *events;
    struct loads *loads;
    struct map known; /* id → uint64_t, first seen (CLOCK_REALTIME) */
};

void findings_init(struct findings *findings, struct store *store, struct groups *groups, struct events *events,
                   struct loads *loads);
void findings_deinit(struct findings *findings);
/* Judges some of what has changed. */
void findings_tick(struct findings *findings, uint64_t now_ns, uint64_t wall_ns);
/* The group's verdict as of now; borrowed until it is judged again. */
const struct verdict *findings_verdict(struct findings *findings, struct group *group, uint64_t now_ns,
                                       uint64_t wall_ns);
/* A load finding came into being or goes on: first_ns is set. */
void findings_note(struct findings *findings, struct finding *finding, uint64_t wall_ns);

struct finding_filter {
    int kind;                 /* -1: all */
    struct str route, mirror; /* empty: all */
    uint64_t since_ns;
    size_t limit;
    struct str after; /* cursor of the page before; empty: the first page */
};
/* A cursor as `next` gives it. */
bool finding_cursor_is_valid(struct str text);
/* {"findings": […], "next": "…"}; `next` only when there are more. */
void findings_write(struct findings *findings, const struct finding_filter *filter, struct strbuf *out);
/* One with its samples; false: there is none. */
bool findings_write_one(struct findings *findings, struct str id, struct strbuf *out);
