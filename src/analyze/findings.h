/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to see, in verdicts and of load. A finding that was never there before is an event; first seen goes beyond restarts, through the
 * store.
 * Lifetime: findings_init to findings_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/events.h"
#include "analyze/groups.h"
#include "analyze/load.h"

/* Findings whose beginning is kept in memory; more are looked up in the store. */
#define FINDINGS_KNOWN 32768
/* New ones are written in one transaction, of at most so many. */
#define FINDINGS_UNSAVED 128

struct findings {
    struct store *store;
    struct groups *groups;
    struct events *events;
    struct loads *loads;
    struct map known; /* id → uint64_t, first seen (CLOCK_REALTIME) */
    unsigned unsaved; /* given to the store, and not committed yet */
};

void findings_init(struct findings *findings, struct store *store, struct groups *groups, struct events *events,
                   struct loads *loads);
void findings_deinit(struct findings *findings);
/* A finding came into being or goes on: first_ns is set. What is new is in the store after findings_save. */
void findings_note(struct findings *findings, struct finding *finding, uint64_t wall_ns);
void findings_save(struct findings *findings);

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
