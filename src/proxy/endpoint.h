/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker knows of one address of a live backend, and of one way to reach it: its connections, the requests in flight to it, and whether it had better be left
 * alone. It is ejected at once when no connection can be made (1 s, doubling to 30 s as long as none can), and for its answers after
 * ENDPOINT_FAILURES bad ones in a row (10 s, doubling to 300 s): none at all, or 502, 503, 504. When the time is over one request probes
 * it; the others leave it alone until that one was a success. A failure begins a pause twice as long. A probe that takes as long as the
 * pause did is followed by another.
 * Lifetime: upstreams', until the last lease is given back. Thread: the worker's. */
#pragma once

#include "base/log.h"
#include "exchange/backend_how.h"

#define ENDPOINT_FAILURES 5
#define ENDPOINT_UNREACHABLE_MS 1000
#define ENDPOINT_UNREACHABLE_MAX_MS 30000
#define ENDPOINT_FAILING_MS 10000
#define ENDPOINT_FAILING_MAX_MS 300000

enum endpoint_state {
    ENDPOINT_HEALTHY,
    ENDPOINT_FAILING, /* ejected for its answers */
    ENDPOINT_UNREACHABLE,
};

struct endpoint {
    struct backend_key key;
    struct client_pool *pool;
    uint32_t in_flight; /* leases */
    uint32_t failures;  /* bad answers in a row, while healthy */
    uint32_t
        era; /* ejections and returns so far: the fate of a request that began before one says nothing of what came after */
    uint32_t pause_ms;             /* of the last ejection */
    uint64_t ejected_until_ns;     /* or until then a probe is awaited */
    uint8_t state;                 /* enum endpoint_state */
    struct log_limit tls_failures; /* at most one line a second */
    bool is_unwanted;              /* no backend has it any more */
};

/* One request's share of an endpoint, from the choice to the end of the exchange, or until another is chosen. */
struct lease {
    struct endpoint *endpoint; /* NULL: none */
    uint32_t era;
    bool is_probe;
};

/* Its requests in flight, and BALANCE_AVOID once for one that fails, twice for one that can't be reached; nothing for one that is due for
 * a probe. */
uint64_t endpoint_cost(const struct endpoint *endpoint, uint64_t now_ns);

void endpoint_take(struct endpoint *endpoint, struct lease *lease, uint64_t now_ns);
/* Harmless when nothing is taken. */
void endpoint_give(struct lease *lease);

/* ---- what became of the request; true when the endpoint's state changes by it ---- */

/* A new connection was made: an endpoint that could not be reached returns. */
bool endpoint_reached(struct lease *lease);
/* No connection could be made. */
bool endpoint_unreached(struct lease *lease, uint64_t now_ns);
/* It was answered: an ejected endpoint returns. */
bool endpoint_succeeded(struct lease *lease);
/* It was not answered, or badly. `may_eject` says whether the backend can do without the endpoint; it is asked only when the endpoint
 * would be ejected anew. */
bool endpoint_failed(struct lease *lease, uint64_t now_ns, bool (*may_eject)(void *user), void *user);
