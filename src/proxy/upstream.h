/* SPDX-License-Identifier: Apache-2.0 */
/* The live backends' endpoints of one worker: one record per address, protocol and TLS context, shared by all backends that have it, and
 * surviving changes of rules as long as one of them does. Which of a backend's endpoints a request goes to: least request of two (route/balance.h), without
 * those that are ejected, unless all are.
 * For its answers an endpoint is ejected only if after that at most half of the backend's endpoints, rounded up, are ejected for whatever
 * reason, and at least one is not. Those that can't be reached are ejected in any case: another costs nothing but a further attempt.
 * Lifetime: the worker's. Thread: the worker's. */
#pragma once

#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "exchange/rules.h"
#include "proxy/endpoint.h"

/* Longest wait for one connection to a live backend; after it the next endpoint is tried. */
#define UPSTREAM_CONNECT_MS 3000
/* Endpoints tried besides the first when no connection can be made (nothing was sent). */
#define UPSTREAM_FAILOVERS 2

struct upstreams {
    struct codec *codec;
    unsigned worker;      /* whose TLS contexts of the rules are used */
    struct map endpoints; /* struct backend_key → struct endpoint */
    struct registry_gateway *gauges;
    struct random *random;
    struct log_limit ejections; /* at most one line a second */
};

/* `random` stays the caller's. */
void upstreams_init(struct upstreams *upstreams, struct codec *codec, struct registry_gateway *gauges,
                    struct random *random);
/* No lease may be left. */
void upstreams_deinit(struct upstreams *upstreams);
/* Lets go of endpoints that no backend of the rules has, at once or with their last request. */
void upstreams_keep_only(struct upstreams *upstreams, const struct rules *rules);

/* The endpoint that one request of a backend is at, and those it was at before. Zeroed, then upstream_init; part of the exchange, which
 * pins the rules. */
struct upstream {
    struct upstreams *upstreams;
    const struct rules_addresses *addresses; /* the backend's, at least one */
    struct client_how how;
    struct lease lease;
    uint32_t tried[UPSTREAM_FAILOVERS + 1]; /* indexes of addresses, the present one last */
    uint8_t tried_count;
};

void upstream_init(struct upstream *upstream, struct upstreams *upstreams, const struct rules *rules, uint32_t backend);
/* Takes an endpoint, another than those tried as long as there is one, and gives the present one back. */
void upstream_choose(struct upstream *upstream);
/* The present endpoint is the first one tried: what is to be sent now has nothing to do with the attempts so far. */
void upstream_forget_tried(struct upstream *upstream);
/* Whether a further endpoint is to be tried after one that can't be reached. */
bool upstream_may_fail_over(const struct upstream *upstream);
/* The request is over. Harmless when nothing was chosen. */
void upstream_give(struct upstream *upstream);

/* ---- what became of the request at the present endpoint ---- */

void upstream_reached(struct upstream *upstream);
/* `error` is the attempt's: EPROTO, when TLS failed, has a line in the log. */
void upstream_unreached(struct upstream *upstream, int error);
/* The final answer's status. */
void upstream_answered(struct upstream *upstream, uint16_t status);
/* No answer came, and it is not the client's fault. */
void upstream_failed(struct upstream *upstream);
