/* SPDX-License-Identifier: Apache-2.0 */
/* A plan made ready for use in this process: mapped, its series resolved in the registry, its backends joined with their
 * addresses. Immutable once shared. Workers swap them by pointer; an exchange pins the one it began with. Rules that differ in their
 * addresses only share what was made of the plan.
 * Lifetime: an atomic reference count. Thread: made by the gateway's main thread, read by all workers. */
#pragma once

#include "base/err.h"
#include "exchange/marker.h"
#include "plan/endpoints.h"
#include "plan/layout.h"
#include "registry/registry.h"
#include "route/regex.h"

/* Names of marker headers besides X-Umbra-Shadow that one plan may have; every request's fields are compared with them. */
#define RULES_MARKER_HEADERS 8

struct rules_addresses {
    const struct address *list;
    size_t count;
};

/* What is made of a plan alone. Lifetime: that of the last rules that share it. */
struct rules_plan;

struct rules_tls; /* exchange/rules_tls.h */

struct rules {
    _Atomic uint32_t refs;
    struct rules_plan *shared; /* what the fields down to regexes are of */
    const struct plan *plan;
    struct registry *registry;
    unsigned gateway_slot;
    struct registry_route **series;     /* per plan.weighted: route × backend */
    struct registry_route **own_series; /* per route: what Umbra answers itself (backend "") */
    struct registry_route *no_route;    /* requests that no route takes: route "", backend "" */
    struct registry_mirror **mirrors;   /* per plan.mirrors */
    const struct str *marker_headers;   /* what mirrors call the marker besides X-Umbra-Shadow */
    size_t marker_header_count;
    uint64_t *mirror_identities;       /* per plan.mirrors: hash of route and mirror label, for sampling */
    struct regexes *regexes;           /* the plan's */
    struct rules_addresses *addresses; /* per plan.backends */
    struct endpoint_peers *peer_sets;  /* per plan.peer_sets */
    const struct endpoints *endpoints; /* what addresses and peer_sets point into */
    /* What copies are signed with and known by, and what they are known by besides: the same where there is no other. Set by who made
     * the rules, before they are shared. */
    unsigned char marker_key[MARKER_KEY_BYTES], other_marker_key[MARKER_KEY_BYTES];
    struct rules_tls
        *tls; /* contexts per worker; set by who made the rules, before they are shared; NULL: no TLS anywhere */
};

/* Both mappings become the rules' own (endpoints may be NULL: no backend has an address yet). One reference. NULL when a regular
 * expression does not compile; the mappings are gone then. */
struct rules *rules_new(const struct plan *plan, const struct endpoints *endpoints, struct registry *registry,
                        unsigned gateway_slot, struct err *err) __attribute__((warn_unused_result));
/* The same rules with other addresses: nothing of the plan is looked at again but its backends' labels. Takes over the mapping, as
 * rules_new does. One reference; `rules` keeps its own. */
struct rules *rules_with_endpoints(const struct rules *rules, const struct endpoints *endpoints);
struct rules *rules_ref(struct rules *rules);
void rules_unref(struct rules *rules);
