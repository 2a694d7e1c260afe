/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst's work: records go in; tallies, findings, services and samples come out. Knows no processes, rings or sockets, so that
 * tests feed it records. Bounded in memory (struct analyze_options); what it gives up for want of memory it counts.
 * Lifetime: analyze_new to analyze_free. Thread: one. */
#pragma once

#include "base/strbuf.h"
#include "judge/verdict.h"
#include "plan/endpoints.h"
#include "plan/layout.h"
#include "registry/registry.h"
#include "store/store.h"

struct analyze;

struct analyze_options {
    struct store *store;       /* borrowed */
    struct registry *registry; /* read-only mapping; for what was attempted and lost; NULL: not known */
    size_t memory_bytes;       /* for legs that wait for their partners, groups and samples */
    uint64_t pair_deadline_ms; /* a leg without its partner after this is alone: 60 s beyond the mirror's timeout */
    uint64_t
        run_begin_ns; /* CLOCK_REALTIME: what came before counts only for revisions that somebody has named (compile/revisions.h) */
    bool is_full_by_default; /* samples Full when the policy says nothing (files and flags) */
};
struct analyze *analyze_new(const struct analyze_options *options);
void analyze_free(struct analyze *analyze);
/* Before the first rules. `is_first`: the registry counts since this run began, and nobody has looked at it before; else what it has counted until
 * now is not judged. `lost_legs`: of those that an analyst before this one took, and did not save. */
void analyze_begin(struct analyze *analyze, bool is_first, uint64_t lost_legs);
/* The rules in force: policies, revisions, backends. Copied as far as needed. */
void analyze_set_plan(struct analyze *analyze, const struct plan *plan);

/* How many addresses the plan's backends have. */
void analyze_set_endpoints(struct analyze *analyze, const struct plan *plan, const struct endpoints *endpoints);

enum analyze_result { ANALYZE_OK, ANALYZE_DAMAGED, ANALYZE_NO_MEMORY };
/* One part of a leg, of one worker's ring. */
enum analyze_result analyze_record(struct analyze *analyze, unsigned worker, struct str record);
/* Deadlines, slots to the store, findings, services; at least ten times a second. True: all that came in so far is in the store (or there is none). */
bool analyze_tick(struct analyze *analyze, uint64_t now_ns, uint64_t wall_ns);

/* GET /api/verdict, /api/findings, /api/findings/ID, /api/services, /api/tallies (docs/reference/api.md). */
struct analyze_answer {
    uint16_t status;
    const char *content_type;
    struct strbuf body;
};
/* `path` and `query` as they came, without "?". 404 and 400 with a sentence. */
void analyze_ask(struct analyze *analyze, struct str path, struct str query, uint64_t wall_ns,
                 struct analyze_answer *answer);
/* umbra_verdict, umbra_pairs_total, umbra_latency_delta_seconds and the analyst's own counters. */
void analyze_metrics(struct analyze *analyze, struct strbuf *out);
/* Server-sent events (WHATWG HTML 9.2) after the one with number *last, which is moved on: "id: N\nevent: finding\ndata: {…}\n\n". New findings, and
 * verdicts that change. False: nothing new. The last 256 are kept. */
bool analyze_events(struct analyze *analyze, uint64_t *last, struct strbuf *out);
/* analyze_ask's paths and parameters, for the table of the admin API. */
struct analyze_route {
    const char *path, *parameters, *help;
};
extern const struct analyze_route analyze_routes[];
extern const size_t analyze_route_count;
