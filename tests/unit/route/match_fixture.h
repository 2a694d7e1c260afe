/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and requests written as text, for the tests of matching.
 * Lifetime: match_fixture_init to match_fixture_deinit. Thread: one. */
#pragma once

#include "base/arena.h"
#include "plan/build.h"
#include "route/match.h"

#define FIXTURE_LISTENERS 16
#define FIXTURE_ROUTES 256
#define FIXTURE_FIELDS 8
#define FIXTURE_PEER_SETS 8

struct match_fixture {
    struct arena arena;
    struct address sockets[2];
    struct rule_listener listeners[FIXTURE_LISTENERS];
    struct rule_route routes[FIXTURE_ROUTES];
    struct rule_set rules;
    const struct plan *plan;
    struct regexes *regexes;
    struct route_scratch scratch;
    struct address peer; /* of every request */
    const struct endpoints *endpoints;
    struct endpoint_peers peer_sets[FIXTURE_PEER_SETS];
};

/* Two sockets and nothing else. */
void match_fixture_init(struct match_fixture *fixture);
void match_fixture_deinit(struct match_fixture *fixture);
/* Its index. */
size_t match_fixture_add_listener(struct match_fixture *fixture, size_t socket, const char *hostname);
/* A route with one match: "[then[N]] KIND PATH [METHOD] [CONDITION]…" where KIND is exact, prefix (whose PATH may be "prefix~regex", the
 * longer regex being the heavier), regex or string, or "i" and one of these without case, and a condition is "name=value", "name~regex",
 * "name^prefix" or "name+" (present) for a header, with '?' in front for a parameter, with '@' for what has no name ("@method",
 * "@scheme", "@authority", "@port", "@peer"), and with '!' in front of all that when it is negated. "then" is for those in written order, N
 * their order. Returns its index. */
size_t match_fixture_add_route(struct match_fixture *fixture, size_t listener, const char *host, const char *match);
void match_fixture_build(struct match_fixture *fixture);
/* Sets of peers, after the plan was built: "name=1.2.3.4,::1 …". */
void match_fixture_set_peers(struct match_fixture *fixture, const char *sets);

struct fixture_request {
    struct head head;
    struct field fields[FIXTURE_FIELDS];
    char text[1024];
};
/* "METHOD HOST PATH[?QUERY] [name=value]…"; HOST "-" is none. */
void fixture_request_init(struct fixture_request *request, const char *text);
struct route_match match_fixture_match(struct match_fixture *fixture, uint32_t socket, const char *request);
