/* SPDX-License-Identifier: Apache-2.0 */
/* How backends do, per route, role and endpoint: rate, errors, durations and what is in flight, over the last minute, and what that was before.
 * Durations are first byte sent to last byte received. In flight is the average: rate times duration (Little 1961), so that it needs no more than the legs.
 * Bounded: SERVICES_MOST; then a service that has been idle for the whole window goes, and if there is none the newcomer is counted and left out.
 * Lifetime: services_init to services_deinit. Thread: the analyst's. */
#pragma once

#include "base/list.h"
#include "base/strbuf.h"
#include "exchange/record.h"

#define SERVICES_MOST 4096
#define SERVICE_SLOTS 6
#define SERVICE_SLOT_NS (10 * 1000000000ull)
/* Log-linear: buckets per doubling, from 1 us to 67 s. */
#define SERVICE_STEPS 8
#define SERVICE_BUCKETS (26 * SERVICE_STEPS)

struct service_slot {
    uint64_t number; /* of the slot of time; 0: never used */
    uint64_t count, errors, sum_ns;
    uint32_t *buckets; /* NULL: nothing was counted */
};

/* What it was in the slots that have left the window; moves on by a thirtieth with each (5 minutes). */
struct service_past {
    unsigned slots; /* of them, those with enough requests */
    double p50_ms, p95_ms, errors, rate;
    double least_ms;  /* smallest mean duration of a slot */
    double best_rate; /* largest rate of a slot whose mean duration was no more than half above the least */
};

struct service {
    struct list by_use;
    struct str route, backend, endpoint, mirror; /* owned; mirror: empty for live */
    enum record_leg role;
    uint64_t hash;
    struct service *next; /* of its bucket */
    struct service_slot slots[SERVICE_SLOTS + 1];
    struct service_past past;
};

/* Over the window, or a part of it. */
struct service_figures {
    uint64_t count, errors;
    double seconds, rate, error_share, mean_ms, p50_ms, p95_ms, p99_ms, in_flight;
};

struct services {
    struct service **buckets;
    size_t count;
    struct list by_use; /* the one that was used longest ago first */
    uint64_t begin_ns, now_ns;
    uint64_t refused;
};

struct service_leg {
    struct str route, backend, endpoint, mirror;
    enum record_leg role;
    uint64_t duration_ns;
    bool is_error;
};

void services_init(struct services *services, uint64_t now_ns);
void services_deinit(struct services *services);
void services_add(struct services *services, const struct service_leg *leg);
void services_tick(struct services *services, uint64_t now_ns);
/* Of the last `slots` slots, the one that is under way included. */
void service_look(const struct services *services, const struct service *service, unsigned slots,
                  struct service_figures *figures);
/* One JSON object. */
void service_json(const struct services *services, const struct service *service, struct strbuf *out);
