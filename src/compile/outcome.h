/* SPDX-License-Identifier: Apache-2.0 */
/* What became of each resource of a cluster, in the words of the Gateway API: conditions with the spec's types and reasons
 * (https://gateway-api.sigs.k8s.io/reference/spec/, GEP-1364; policies: GEP-713), per parentRef of a route, per listener of a
 * Gateway, per ancestor of a policy. Beside the problems (manifest/problem.h), from which most messages come. Has what concerns
 * this controller only: parents that are others' are left out. Knows nothing of JSON, of time and of what a status says already:
 * that is status/status.h. Made when compile_options.is_cluster.
 * Lifetime: struct compiled's; names are borrowed from its manifests. Thread: control's. */
#pragma once

#include "manifest/manifests.h"

enum outcome_state { OUTCOME_FALSE, OUTCOME_TRUE, OUTCOME_UNKNOWN };

#define OUTCOME_MESSAGE_MAX 1000 /* bytes; the API allows 32768, and nobody reads them */

struct outcome_condition {
    const char *type, *reason;
    enum outcome_state state;
    struct str message; /* may be empty */
};

#define OUTCOME_CONDITIONS_MAX 6 /* the API allows 8 of everybody */

struct outcome_conditions {
    struct outcome_condition list[OUTCOME_CONDITIONS_MAX]; /* each type once */
    size_t count;
};

/* A parentRef or ancestorRef; what is not written there is STR_NONE, or 0. */
struct outcome_ref {
    struct str group, kind, ns, name, section_name;
    uint16_t port;
};

#define OUTCOME_ANCESTORS_MAX 16 /* of a policy, by GEP-713; routes have at most 32 parents */

/* Of a route: one of its parentRefs. Of a policy: an ancestor. */
struct outcome_branch {
    struct outcome_ref ref;
    struct outcome_conditions conditions;
};

struct outcome_listener {
    struct str name;
    uint32_t attached_routes;
    uint32_t kinds; /* that it takes and Umbra serves: 1 << enum kind_id */
    struct outcome_conditions conditions;
};

struct outcome_address {
    bool is_hostname; /* else an IP address */
    struct str value;
};

/* A mirror of a policy, by the labels of plan and metrics. */
struct outcome_mirror {
    struct str route, mirror;
    bool is_suspended;
    bool has_hosts; /* there are endpoints, or names that may lead to some */
};

struct outcome {
    /* A GatewayClass, Gateway, HTTPRoute, GRPCRoute, BackendTLSPolicy, MirrorPolicy or Backend, good or bad. */
    const struct resource *resource;
    int64_t generation;                   /* of the version that was judged; 0: it says none */
    struct outcome_conditions conditions; /* of GatewayClass, Gateway and Backend; of the others none */
    const struct outcome_branch *branches;
    size_t branch_count;
    /* Where entries of this controller lead that another Umbra writes, see compile/siblings.h: group, kind, namespace and name. */
    const struct outcome_ref *others;
    size_t other_count;
    const struct outcome_listener *listeners; /* of a Gateway */
    size_t listener_count;
    const struct outcome_address *addresses; /* likewise */
    size_t address_count;
    const struct outcome_mirror *mirrors; /* of a MirrorPolicy: those that it counts for */
    size_t mirror_count;
    bool has_features; /* of a GatewayClass that is accepted: those of compile/gateway_features.h */
};

/* Those of one load. Without one a resource is not this controller's, and its status is left alone, but for entries of this
 * controller that are out of date: a route that no longer names a Gateway of ours has an outcome without branches. */
struct outcomes {
    const struct outcome *list;
    size_t count;
    uint64_t edition; /* another one when those of one load changed: its sockets were bound, or could not be */
};

/* NULL when it has none of the type. */
const struct outcome_condition *outcome_find(const struct outcome_conditions *conditions, const char *type);
/* Of all that a status is made of; the same for what says the same. */
uint64_t outcome_hash(const struct outcome *outcome);
