/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one umbra as GET /status and `umbra status` show it: read from the registry, the plan and the rates, one
 * consistent copy per route and per mirror. status_json.c and status_text.c print the same values.
 * Lifetime: values; strs are borrowed from the registry's and the plan's mappings. Thread: one; reads atomics only. */
#pragma once

#include "admin/analyst_figures.h"
#include "admin/rates.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "manifest/problem.h"
#include "plan/endpoints.h"
#include "plan/layout.h"
#include "registry/registry.h"

/* Problems in one page; their number beyond is said. */
#define STATUS_MAX_PROBLEMS 1000

struct status_listener {
    struct str gateway, name; /* "namespace/name" of its Gateway, and its own */
    struct address address;   /* family ADDRESS_NONE: nothing is accepted */
    uint32_t routes;
};

/* What control knows besides the plan. Borrowed. */
struct status_config {
    const struct problems *problems; /* NULL: none are known */
    const struct status_listener *listeners;
    size_t listener_count;
    uint64_t loads;        /* how often the rules were read, changed or not */
    bool is_sandboxed;     /* the processes are kept to the system calls that they need */
    const char *not_ready; /* why no request can come, though a gateway serves; NULL: nothing is in the way */
};

/* What a status is made of. */
struct status_source {
    struct registry *registry;
    const struct plan *plan;           /* the plan that control gave last; NULL: not known */
    const struct endpoints *endpoints; /* NULL: not known */
    struct status_config config;
    const struct rates *rates;             /* NULL: all rates are 0 */
    const struct analyst_figures *analyst; /* NULL: nothing is known of one */
    uint64_t started_wall_ns, now_wall_ns;
    uint64_t now_ns; /* monotonic, as breaker_until_ns */
    bool is_draining;
    struct str only_route, only_mirror; /* labels; ptr NULL: all */
};

struct status_totals {
    bool is_ready, is_draining, is_off, is_shedding;
    uint64_t generation, errors, uptime_ns;
    unsigned gateways, workers;
    double cpus;                  /* all gateways; negative: not known yet */
    int64_t client, live, shadow; /* connections */
    uint64_t budget_used, budget_limit;
};

struct status_route {
    size_t index;
    struct str route, backend; /* backend is empty: Umbra's own answers */
    struct registry_route *entry;
    uint64_t requests, server_errors, in_flight;
    double p50_ms, p99_ms; /* negative: nothing measured */
    struct rate_route rate;
};

struct status_mirror {
    size_t index;
    struct str route, mirror;
    struct registry_mirror *entry;
    const struct plan_mirror *rule; /* NULL: not in the plan, or no plan is known */
    bool is_removed;                /* the plan is known and does not name it */
    struct str control_of;          /* the mirror whose control it is; empty: it is a shadow's own */
    bool is_off, is_without_endpoint;
    uint64_t matched, sampled_out, filtered[FILTERED_COUNT], dropped[DROPPED_COUNT], sent, completed, server_errors,
        failed[FAILED_COUNT];
    uint64_t filtered_sum, dropped_sum, failed_sum, queued, in_flight;
    uint64_t bytes_sent, bytes_received, held_bytes;
    int64_t connections;
    enum breaker_state breaker;
    uint64_t probe_in_ns; /* when the breaker is open */
    uint32_t failures_in_a_row;
    uint64_t last_sent_wall_ns, last_failure_wall_ns; /* 0: never */
    enum failed last_failure;
    int last_errno;
    double p50_ms, p99_ms;
    struct rate_mirror rate;
};

/* Legs that no judgement saw: not recorded, or lost on their way into one. */
uint64_t status_records_lost(const struct status_source *source);
struct status_totals status_totals(const struct status_source *source);

/* One walk over what `source` shows, in the registry's order. The cursor is status_open to status_close. */
struct status_walk {
    const struct status_source *source;
    struct map rules; /* "route\0mirror" → struct plan_mirror */
    size_t next_route, next_mirror;
    size_t removed; /* mirrors seen that no rule names any more */
};
void status_open(struct status_walk *walk, const struct status_source *source);
bool status_next_route(struct status_walk *walk, struct status_route *route);
bool status_next_mirror(struct status_walk *walk, struct status_mirror *mirror);
void status_close(struct status_walk *walk);

/* How far the two sides of an equation are apart; 0 whenever nothing is moving. */
int64_t status_matched_gap(const struct status_mirror *mirror);
int64_t status_sent_gap(const struct status_mirror *mirror);

/* The quantile in milliseconds, linear within its bucket; negative when nothing was measured. */
double status_quantile_ms(struct registry_duration *duration, double quantile);

/* One JSON object, with a newline. */
void status_json(const struct status_source *source, struct strbuf *page);
/* Tables of at most 100 columns. */
void status_text(const struct status_source *source, struct strbuf *page);
