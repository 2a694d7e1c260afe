/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule takes a request: a function of plan, socket, peer and request head. The Gateway API's precedence: the most specific
 * listener by host, the most specific host of its routes, an exact path, a regular expression (longest pattern first), the
 * longest prefix, then method, number of headers, number of parameters, age, name and place. Behind these come the host's matches in written order. The time does not depend on the number
 * of routes, but on the length of host and path and on how many different sets of headers rules look at under one path.
 * Thread: the scratch is one worker's, the rest is read-only. */
#pragma once

#include "http/head.h"
#include "plan/endpoints.h"
#include "plan/layout.h"
#include "route/regex.h"

/* What matching needs besides, one per worker. */
struct route_scratch {
    struct regex_scratch *regex;
    uint64_t
        limit_hits; /* regular expressions that were given up; they count as no match. The owner takes and clears it. */
    char path[PLAN_MAX_FOLDED + 1]; /* in lower case, for matches without case */
    char value[PLAN_MAX_VALUE]; /* of the header or parameter being looked at, where it does not stand in one piece */
};
void route_scratch_init(struct route_scratch *scratch);
void route_scratch_deinit(struct route_scratch *scratch);

struct route_request {
    uint32_t socket; /* of plan.sockets; PLAN_NONE: one that the plan does not have */
    const struct head *head;
    struct str path;                        /* the normalised one (url_normalise_path), without the query */
    const struct address *peer;             /* of the connection; NULL: in no set of peers */
    const struct endpoint_peers *peer_sets; /* per plan.peer_sets; NULL: all are empty */
};

struct route_match {
    uint32_t route;    /* index of the rule; PLAN_NONE: 404 */
    uint32_t listener; /* PLAN_NONE: the socket has none for this host (404) */
    size_t
        prefix_len; /* bytes at the front of `path` that a prefix match covers ("/a" of "/a/b", and of "/ab" where it is a string);
                     * 0: "/" (but as a string) or no prefix */
};

void route_match(const struct plan *plan, const struct regexes *regexes, struct route_scratch *scratch,
                 const struct route_request *request, struct route_match *match);

/* Chooses among weighted backends with 32 random bits: index in plan.weighted; PLAN_NONE when all weights are 0 or there are none. */
uint32_t route_pick_backend(const struct plan *plan, const struct plan_route *route, uint32_t draw);
