/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of atomics: one shared memory (a memfd that the supervisor makes and hands to every child, and to a
 * successor under --replace) with everything that must be exact across workers, reloads and restarts: counters, the
 * Even sequence, limits in use, breakers, the mirror budget. Entries are keyed by identity and are never removed, so they
 * outlive plans. Nobody waits on it: all accesses are relaxed atomics; only adding an entry takes a (robust, process-shared) lock,
 * never on the live path. The gateway counts, control reads and sets the kill switches.
 * Lifetime: mapped until registry_close. Thread: any, any process that holds the descriptor. */
#pragma once

#include "base/err.h"
#include "base/histogram.h"
#include "base/str.h"

#include <stdatomic.h>

typedef _Atomic uint64_t counter;

/* Gateways that can be alive at once: the one that serves, those that drain after --replace, a restarted one. */
#define REGISTRY_GATEWAYS 8
#define REGISTRY_WORKERS 256
/* Route × backend series and route × mirror series; what comes after shares one entry labelled "other". */
#define REGISTRY_ROUTES 32768
#define REGISTRY_MIRRORS 32768
/* Status codes 100 to 599, then "other". */
#define REGISTRY_CODES 501

/* What is counted of calls (gRPC): by their path, "/service/method", so many for each route × backend and for all together; what comes after
 * or is longer is one method "other". By status 0 to 16, then "other", then "none". */
#define REGISTRY_METHODS 64
#define REGISTRY_CALLS 16384
#define REGISTRY_METHOD_MAX 128
#define REGISTRY_GRPC_STATUSES 19

/* X-macros give enum and label from one line each, in the order of the gates (mirror/gates.h). */
/* clang-format off */
#define FILTERED_REASONS(X) \
    X(OFF, "off") \
    X(LOOP, "loop") \
    X(UPGRADE, "upgrade") \
    X(METHOD, "method") \
    X(SOURCE, "source")
#define DROPPED_REASONS(X) \
    X(NO_ENDPOINT, "no_endpoint") \
    X(BREAKER, "breaker") \
    X(RATE, "rate") \
    X(SHED, "shed") \
    X(INFLIGHT, "inflight") \
    X(BUDGET, "budget") \
    X(QUEUE_TIMEOUT, "queue_timeout") \
    X(CLIENT_ABORT, "client_abort") \
    X(REMOVED, "removed") \
    X(SHUTDOWN, "shutdown")
#define FAILED_REASONS(X) \
    X(CONNECT, "connect") \
    X(TIMEOUT, "timeout") \
    X(RESET, "reset") \
    X(LAG, "lag") \
    X(CLIENT_ABORT, "client_abort") \
    X(PROTOCOL, "protocol") \
    X(TLS, "tls")
/* clang-format on */

/* Why a leg has no record. */
#define RECORD_DROPS(X) \
    X(RING, "ring")     /* the analyst did not keep pace */ \
    X(BUDGET, "budget") /* the mirror budget was short */ \
    X(RETRY, "retry")   /* live was asked more than once and had begun to answer */

#define X(name, label) FILTERED_##name,
enum filtered { FILTERED_REASONS(X) FILTERED_COUNT };
#undef X
#define X(name, label) DROPPED_##name,
enum dropped { DROPPED_REASONS(X) DROPPED_COUNT };
#undef X
#define X(name, label) FAILED_##name,
enum failed { FAILED_REASONS(X) FAILED_COUNT };
#undef X

#define X(name, label) RECORD_DROPPED_##name,
enum record_drop { RECORD_DROPS(X) RECORD_DROP_COUNT };
#undef X

const char *record_drop_name(enum record_drop reason);
const char *filtered_name(enum filtered reason);
const char *dropped_name(enum dropped reason);
const char *failed_name(enum failed reason);

struct registry_duration {
    counter sum_ns;
    counter bucket[HISTOGRAM_BUCKETS]; /* not cumulative */
};

/* One live series: route × backend. Backend is "" for answers that Umbra made itself. */
struct registry_route {
    _Alignas(64) struct registry_duration duration;
    counter code[REGISTRY_CODES]; /* requests answered, by status */
    counter in_flight[REGISTRY_GATEWAYS];
    _Atomic uint32_t methods; /* entries of calls that it has */
    counter other_methods[REGISTRY_GRPC_STATUSES];
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* One mirror: route × shadow. matched = sampled_out + filtered + dropped + sent + queued and
 * sent = completed + failed + in_flight, exact whenever nothing is moving. */
struct registry_mirror {
    /* what decides, shared by all workers and gateways */
    _Alignas(64) counter sequence;       /* requests that reached Even sampling */
    _Atomic int64_t occupied;            /* queued and sent: what limits.inFlight limits */
    _Atomic int64_t connections;         /* open or opening connections to the shadow */
    counter rate_tat_ns;                 /* theoretical arrival time of the rate limiter (GCRA), monotonic clock */
    _Atomic uint32_t is_off;             /* kill switch of this mirror */
    _Atomic uint32_t breaker;            /* enum breaker_state */
    _Atomic uint32_t breaker_failures;   /* in a row */
    _Atomic uint32_t breaker_backoff_ms; /* of the current opening */
    counter breaker_until_ns;            /* when a probe may go, monotonic */
    _Atomic int64_t held_bytes;          /* part of the budget this mirror holds now */
    /* what of connections and held_bytes is whose, so that a dead gateway's part can be given back; of occupied it is
     * queued + in_flight of that gateway */
    _Atomic int64_t gateway_connections[REGISTRY_GATEWAYS];
    _Atomic int64_t gateway_held_bytes[REGISTRY_GATEWAYS];
    /* what is counted */
    _Alignas(64) counter matched;
    counter sampled_out;
    counter filtered[FILTERED_COUNT];
    counter dropped[DROPPED_COUNT];
    counter sent;
    counter completed[REGISTRY_CODES];
    counter grpc_completed[REGISTRY_GRPC_STATUSES]; /* of those, by grpc-status, if the route is of gRPC */
    counter failed[FAILED_COUNT];
    counter bytes_sent, bytes_received;
    struct registry_duration duration;
    _Atomic int64_t queued[REGISTRY_GATEWAYS];
    _Atomic int64_t in_flight[REGISTRY_GATEWAYS];
    counter last_sent_wall_ns;
    counter last_failure_wall_ns;
    _Atomic uint32_t last_failure;       /* enum failed */
    _Atomic uint32_t last_failure_errno; /* 0: none */
};

/* Per gateway process. */
struct registry_gateway {
    _Atomic int32_t pid; /* 0: the slot is free */
    _Atomic uint32_t is_draining;
    _Atomic uint32_t is_ready; /* listeners are served with a plan */
    _Atomic uint32_t workers;
    _Atomic uint64_t plan_generation;
    _Atomic int64_t connections_client, connections_live, connections_shadow;
    _Atomic int64_t budget_used;    /* bytes of mirror state */
    _Atomic int64_t budget_records; /* of them, those of records being made */
    _Atomic uint32_t is_shedding;
    counter accepted, cpu_ns;
};

/* How TLS handshakes with clients end: result, version, whether a session was resumed. */
/* clang-format off */
#define HANDSHAKES(X) \
    X(1_2, "ok", "1.2", "no") \
    X(1_2_RESUMED, "ok", "1.2", "yes") \
    X(1_3, "ok", "1.3", "no") \
    X(1_3_RESUMED, "ok", "1.3", "yes") \
    X(FAILED, "failed", "", "no")
/* clang-format on */
#define X(name, result, version, resumed) HANDSHAKE_##name,
enum handshake { HANDSHAKES(X) HANDSHAKE_COUNT };
#undef X

#define REGISTRY_REFUSALS 32
struct registry_totals {
    counter refused[REGISTRY_REFUSALS]; /* indexed by the enum of http/http1_parse.h */
    counter handshakes[HANDSHAKE_COUNT];
    counter regex_limit; /* regular expressions that were given up */
    counter budget_limit;
    counter budget_aside; /* of it: for the rings of records, whether they are full or not */
    counter records;      /* legs that went into a ring, whole */
    counter records_dropped[RECORD_DROP_COUNT];
    counter copies_unrecorded; /* of shadows, that make no pair since their own leg or live's was dropped; each once */
    _Atomic uint32_t is_off;   /* kill switch of all mirrors */
    _Atomic uint64_t config_generation;
    _Atomic uint64_t config_errors;
};

struct registry;

/* Makes a new one and returns its descriptor in *fd (owned by the caller, as in registry_open). */
struct registry *registry_new(int *fd, struct err *err) __attribute__((warn_unused_result));
/* Maps an existing one; refuses other sizes and layout versions (a successor of another version makes its own). The
 * descriptor stays the caller's and may be closed after. */
struct registry *registry_open(int fd, struct err *err) __attribute__((warn_unused_result));
/* The same for who may only look: of a descriptor for reading only (registry_readonly). An entry that there is not is then the one "other", and
 * nothing may be written. */
struct registry *registry_open_readonly(int fd, struct err *err) __attribute__((warn_unused_result));
/* A descriptor for reading only, of which nobody can make one for writing; -1. */
int registry_readonly(int fd, struct err *err) __attribute__((warn_unused_result));
void registry_close(struct registry *registry);

/* Finds or adds. Never NULL; "other" when full. */
struct registry_route *registry_route(struct registry *registry, struct str route, struct str backend);
struct registry_mirror *registry_mirror(struct registry *registry, struct str route, struct str mirror);
struct registry_totals *registry_totals(struct registry *registry);

/* Counts a call of a route × backend. A method that was not counted yet is added when it may be, without a lock. */
void registry_count_call(struct registry *registry, struct registry_route *route, struct str method, unsigned status,
                         bool may_add);

/* Takes a free gateway slot for the process; REGISTRY_GATEWAYS when there is none. */
unsigned registry_gateway_take(struct registry *registry, int32_t pid);
struct registry_gateway *registry_gateway_get(struct registry *registry, unsigned slot);
/* A gateway ended: what it still held as queued becomes dropped{shutdown}, as in flight failed{reset}; limits in use, gauges and budget
 * are given back; the slot is free. Called by the supervisor after waitpid, so that both equations hold after a crash. */
void registry_gateway_reap(struct registry *registry, unsigned slot);

/* Iteration for pages; index from 0 until false. Labels are borrowed from the mapping. */
bool registry_route_at(struct registry *registry, size_t index, struct str *route, struct str *backend,
                       struct registry_route **entry);
bool registry_mirror_at(struct registry *registry, size_t index, struct str *route, struct str *mirror,
                        struct registry_mirror **entry);

/* The calls of all routes; index from 0 until false. An index that is not taken has no method, and its statuses are not to be read: that would take
 * memory. */
struct registry_call_name {
    struct str route, backend, method;
};
bool registry_call_at(struct registry *registry, size_t index, struct registry_call_name *name, counter **statuses);

static inline size_t registry_code_index(unsigned status)
{
    return status >= 100 && status < 600 ? status - 100 : REGISTRY_CODES - 1;
}

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t counter_get(counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void gauge_add(_Atomic int64_t *gauge, int64_t n)
{
    atomic_fetch_add_explicit(gauge, n, memory_order_relaxed);
}

/* Asks the cache for what such an answer will change: with thousands of series it is far away, and an atomic addition waits.
 * Else GCC may find that it has no effect, and leave out the call. */
static inline __attribute__((always_inline)) void registry_route_load(struct registry_route *route, unsigned status)
{
    __builtin_prefetch(&route->duration, 1);
    __builtin_prefetch(&route->code[registry_code_index(status)], 1);
}

/* connections and held_bytes change only through these two. */
static inline void registry_connections_add(struct registry_mirror *mirror, unsigned gateway, int64_t n)
{
    gauge_add(&mirror->connections, n);
    gauge_add(&mirror->gateway_connections[gateway], n);
}

static inline void registry_held_bytes_add(struct registry_mirror *mirror, unsigned gateway, int64_t n)
{
    gauge_add(&mirror->held_bytes, n);
    gauge_add(&mirror->gateway_held_bytes[gateway], n);
}

static inline void registry_duration_add(struct registry_duration *duration, uint64_t ns)
{
    counter_add(&duration->bucket[histogram_bucket(ns)], 1);
    counter_add(&duration->sum_ns, ns);
}
