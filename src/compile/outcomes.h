/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what becomes of the resources while they are compiled, and makes outcomes of it at the end. Most comes with the problems: a table
 * says which reason of which kind counts for which condition, and the place says for which listener or target. What a problem can't say
 * is told by the calls below. Does nothing outside of a cluster.
 * Lifetime: one call of compile(). Thread: control's. */
#pragma once

#include "compile/grants.h"

#define TROUBLE_TEXTS 3 /* of one respect; more are counted */

/* What is wrong in one respect. */
struct trouble {
    const char *reason; /* the first one's; NULL: nothing is */
    struct str texts[TROUBLE_TEXTS];
    size_t count; /* all; without a reason: what is worth knowing all the same */
};
enum outcome_aspect { ASPECT_ACCEPTED, ASPECT_REFS, ASPECT_COUNT };

/* A resource as a whole, a listener, a parentRef, a targetRef. */
struct outcome_part {
    bool is_ours;   /* of a parentRef */
    bool is_served; /* of a listener */
    struct trouble troubles[ASPECT_COUNT];
};

/* Gateways by which requests come that a policy counts for. */
struct outcome_reach {
    const struct resource *gateways[OUTCOME_ANCESTORS_MAX];
    size_t count;
};

struct outcome_use {
    struct str route;
    const struct rule_mirror *mirror;
};

struct outcome_track {
    const struct resource *resource;
    struct outcome_part whole;
    struct outcome_part *parts;
    size_t part_count;
    struct outcome_use *uses; /* of a MirrorPolicy */
    size_t use_count, use_capacity;
    bool is_dead; /* of a BackendTLSPolicy: nothing can be trusted by it */
    bool is_kept; /* likewise: nothing but what was in force before */
};

void outcomes_init(struct compiler *compiler);
/* After all else. */
void outcomes_finish(struct compiler *compiler);

/* A problem at a place; called for each. `member` may be NULL. */
void outcomes_note(struct compiler *compiler, enum severity severity, const char *reason, const struct node *at,
                   const char *member, struct str text);
/* Adds what was said last, for a reason that is the condition's; NULL: it is no trouble, but worth knowing. `part` is an index, or SIZE_MAX:
 * the resource. */
void outcomes_add(struct compiler *compiler, const struct resource *resource, size_t part, enum outcome_aspect aspect,
                  const char *reason);

/* A parentRef of a route leads to a Gateway that is served here. */
void outcomes_own_parent(struct compiler *compiler, const struct resource *route, size_t parent);
bool outcomes_has_own_parent(const struct compiler *compiler, const struct resource *route);
/* Requests that come by a Gateway go to a Service or a Backend. */
void outcomes_reach(struct compiler *compiler, const struct reference *to, const struct resource *gateway);
/* By which they come there; NULL: by none. */
const struct outcome_reach *outcomes_reach_of(struct compiler *compiler, struct str kind, struct str ns,
                                              struct str name);
/* A policy counts for a mirror, which stays where it is until the end. */
void outcomes_use(struct compiler *compiler, const struct resource *policy, struct str route,
                  const struct rule_mirror *mirror);

/* For those who make outcomes. */

struct outcome_track *outcomes_track(const struct compiler *compiler, const struct resource *resource);
void outcome_add(struct outcome_conditions *conditions, const char *type, enum outcome_state state, const char *reason,
                 struct str message);
/* True with `good`, whose message is that of nothing being wrong, or False. */
void outcome_add_judged(struct compiler *compiler, struct outcome_conditions *conditions, const char *type,
                        const struct trouble *trouble, const char *good);
/* The sentences of a trouble. */
struct str outcome_sentences(struct compiler *compiler, const struct trouble *trouble);
/* Why a bad resource is bad: the reason (or `fallback`) and the sentence. */
struct trouble outcome_badness(struct compiler *compiler, const struct resource *resource, const char *fallback);

/* One kind each (outcome_gateways.c, outcome_routes.c, outcome_policies.c). False: it is not ours. */
bool outcome_of_class(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
bool outcome_of_gateway(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
bool outcome_of_route(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
bool outcome_of_tls_policy(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
bool outcome_of_mirror_policy(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
bool outcome_of_backend(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome);
/* Whether Gateways of a class are this controller's. */
bool outcome_has_class(const struct compiler *compiler, struct str name);
