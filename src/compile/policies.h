/* SPDX-License-Identifier: Apache-2.0 */
/* MirrorPolicies: which counts for which mirror. Field by field the most specific wins: Gateway, its listener,
 * HTTPRoute, its rule; on one level one that names the mirror; then the oldest, then the name.
 * Lifetime: the compiler's. Thread: control's. */
#pragma once

#include "compile/attach.h"
#include "compile/grants.h"

#define POLICY_NAMES_MAX 8 /* mirrors that a policy could have meant, kept for a hint */

enum policy_level { LEVEL_GATEWAY, LEVEL_LISTENER, LEVEL_ROUTE, LEVEL_RULE };

struct policy {
    const struct aged *aged;
    const struct mirror_policy_spec *spec;
    bool is_considered; /* a route in force is its target */
    bool is_used;       /* for at least one mirror */
    bool is_spread_said;
    uint64_t conflicts; /* by field: said already */
    struct str names[POLICY_NAMES_MAX];
    size_t name_count;
    /* While the policies of a route are collected. */
    size_t serial;    /* the route's */
    size_t last_site; /* the last of its listeners at which the policy was found, counted from 1 */
    size_t sites;     /* at how many of them */
    unsigned levels;  /* as bits */
    /* What its control leads to, for HTTP and for gRPC; resolved for the first mirror that needs it. */
    struct policy_control_target {
        bool is_known;
        size_t backend; /* SIZE_MAX: it can't be resolved, which is said */
    } control[2];
    uint32_t control_warnings; /* as bits: said already (mirrors.c) */
};

/* The policies that a route's or a rule's mirrors look at. */
struct policy_set {
    struct policy_entry {
        struct policy *policy;
        enum policy_level level;
    } * list;
    size_t count, capacity;
    size_t route_count; /* those of the route; what follows is the rule's */
    struct str rule;    /* the rule's label */
};
void policy_set_deinit(struct policy_set *set);

/* Finds the targets of all policies; what does not exist is said. After the listeners. */
void policies_collect(struct compiler *compiler);

/* Those of a route: of its Gateways, listeners and its own. */
void policies_for_route(struct compiler *compiler, const struct aged *route, const struct attachment *attachment,
                        struct policy_set *set);
/* And of one of its rules; `name` may be empty. */
void policies_for_rule(struct compiler *compiler, const struct aged *route, struct str name, struct policy_set *set);

/* The control that the policies of a mirror name. */
struct control_choice {
    struct policy *policy; /* NULL: none */
    const struct rule_redaction *redactions;
    size_t redaction_count; /* more than its mirror's where the control is in another namespace */
};

/* Puts what the policies say into a mirror to `shadow`. */
void policies_apply(struct compiler *compiler, const struct policy_set *set, const struct reference *shadow,
                    struct rule_mirror *mirror, struct control_choice *control);

/* The backend of a policy's control; SIZE_MAX, and said once, when it can't be resolved. */
size_t policies_resolve_control(struct compiler *compiler, struct policy *policy, bool is_grpc);

/* The same for a mirror that can't be resolved, which is said already. */
void policies_pass(const struct policy_set *set, const struct reference *shadow);

/* Says which policies name a mirror that no target has. After all routes. */
void policies_finish(struct compiler *compiler);
