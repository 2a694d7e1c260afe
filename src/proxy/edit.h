/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway must change in heads that pass it (RFC 9110 7.6): hop-by-hop fields go, forwarding fields come, markers that are not
 * ours go. Everything else keeps its bytes, order and case. Thread: any; pure functions. */
#pragma once

#include "base/arena.h"
#include "exchange/exchange.h"

/* Fields that edit_request may add; head_copy's `spare`. */
#define EDIT_SPARE 5

/* Removes hop-by-hop fields and those that Connection names. */
void edit_strip_hop_by_hop(struct head *head);

struct edit_context {
    const struct plan *plan; /* its trusted proxies */
    const struct peer *peer;
    const unsigned char *marker_key;
    uint64_t unix_s;
    const struct str *marker_headers; /* names that mirrors give the marker besides X-Umbra-Shadow */
    size_t marker_header_count;
    const unsigned char *other_marker_key; /* makes markers valid too; NULL: none */
};

/* What edit_request found out. */
struct edit_result {
    struct address client;  /* the peer, or the last address in X-Forwarded-For that no trusted proxy has */
    bool is_copy;           /* a valid marker */
    bool had_forged_marker; /* a marker or baggage member was removed */
};

/* Makes the client's head (copied into the arena with EDIT_SPARE) the one that live gets: absolute-form becomes origin-form with its
 * authority as Host. */
void edit_request(struct head *head, struct arena *arena, const struct edit_context *context,
                  struct edit_result *result);
