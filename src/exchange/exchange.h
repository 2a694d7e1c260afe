/* SPDX-License-Identifier: Apache-2.0 */
/* One live request as taps see it while it passes. Made and owned by a source (the proxy); taps keep what they need in
 * `tap_state` and never hold the exchange after on_over. Lifetime: the source's. Thread: one worker. */
#pragma once

#include "exchange/marker.h"
#include "exchange/rules.h"
#include "http/head.h"
#include "http/stream.h"

struct tap;

struct exchange {
    struct rules
        *rules; /* pinned until the answer's head has passed and the request has ended (or is a tunnel), then NULL */
    uint32_t route;                       /* index in the plan */
    struct plan_range mirrors_of_backend; /* of plan.mirrors: those of the backendRef that was chosen */
    const struct head *request;           /* as live got it: route filters and forwarding headers applied */
    struct address client;                /* the client that counts: the peer, or what trusted proxies say */
    struct request_id id;
    uint32_t backend; /* of plan.backends: who answers */
    /* Of live, on the clock of the loop; 0: not yet. What lies between begin and sent is Umbra's own and the wait for a connection. */
    uint64_t begin_ns, sent_ns;
    bool is_fresh;         /* live's connection was made for this request */
    uint16_t status;       /* that the client gets */
    bool is_own_answer;    /* Umbra's, in place of live's */
    bool is_client_gone;   /* or broke the protocol, before the exchange was over */
    uint64_t answer_bytes; /* of the answer's body, as far as it has come from live */
    bool is_copy;          /* carries a valid marker: some gateway's shadow request */
    bool is_upgrade;       /* CONNECT or Upgrade */
    void *tap_state;       /* of the exchange's tap */
};
