/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of each mirror: a group per route and mirror, with the tally of its present pair of revisions. The plan says which mirrors
 * there are; without one (tests, journals) they are made as they come. When a revision or the rules of comparing change, the group starts
 * anew: what was counted stays in the store.
 * A route with several live backends has all of their revisions, joined by "+".
 * Lifetime: group_set_init to group_set_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/delivery.h"
#include "analyze/policies.h"
#include "analyze/room.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "compare/endpoint.h"
#include "judge/verdict.h"
#include "store/store.h"

/* Mirrors that no plan names; what comes after is counted and left out. */
#define GROUPS_UNPLANNED 1024
/* What a tally is taken to need, on average over many mirrors. */
#define GROUP_TALLY_BYTES (40u * 1024)
/* Revisions that a group had, and whose late pairs are left out. */
#define GROUP_RETIRED 8
#define GROUP_LABEL_MAX 1024

struct route_state {
    struct str label;
    struct endpoint_tree *endpoints; /* NULL: not yet */
    struct list groups;
};

struct group {
    struct list of_route;
    struct list unsaved; /* of groups.unsaved: it has news for the store */
    struct list changed; /* of groups.changed or groups.due: its verdict is older than its tally */
    struct route_state *route;
    struct str mirror;
    const struct policy *policy;
    bool is_planned, has_control;
    bool is_known; /* its revisions are */
    struct str live_revision, shadow_revision;
    struct str *live_revisions; /* those that live_revision joins */
    size_t live_revision_count;
    uint64_t retired[GROUP_RETIRED]; /* hashes of the revisions that it had */
    size_t retired_count;
    uint64_t rules_hash;
    uint64_t since_ns;   /* CLOCK_REALTIME at which it was started anew; 0: never, so that what the store has goes on */
    uint64_t saved_ns;   /* CLOCK_REALTIME up to which its news are in the store */
    struct tally *tally; /* NULL: nothing was counted yet */
    struct delivery delivery;
    /* What was judged last, analyze/findings.h; verdict.memory NULL: nothing yet. */
    struct verdict verdict;
    bool has_verdict;
    uint64_t judged_ns;
    uint64_t changed_ns;    /* the clock of deadlines; when it changed first since it was judged */
    uint64_t fresh, due_at; /* what came since it was judged, and how much makes it due (analyze/verdicts.h) */
};

struct groups_counts {
    uint64_t pairs, other_revision, no_group, no_memory, renamed;
};

struct groups {
    struct store *store;
    struct room *room;
    struct map by_label; /* route NUL mirror → struct group */
    struct map routes;   /* label → struct route_state */
    struct list unsaved;
    struct list changed, due; /* to be judged some time, and soon; each in the order in which they came */
    struct policies policies;
    struct policy default_policy;
    bool has_plan;
    bool is_store_behind; /* what the store was given is not all written yet */
    uint64_t now_ns, wall_ns, run_begin_ns;
    struct groups_counts counts;
};

void group_set_init(struct groups *groups, struct store *store, struct room *room, enum plan_samples samples);
void group_set_deinit(struct groups *groups);
/* What is to be saved has been. */
void group_set_set_plan(struct groups *groups, const struct plan *plan);

struct group *group_set_find(const struct groups *groups, struct str route, struct str mirror);
/* The group of such a pair, or NULL when it is to be left out (counted). */
struct group *group_set_get(struct groups *groups, struct str route, struct str mirror, struct str live_revision,
                            struct str shadow_revision);
/* Never NULL: made and filled with what the store has of its revisions. */
struct tally *group_tally(struct groups *groups, struct group *group);
/* There is room for its tally. */
bool group_has_room(struct groups *groups, const struct group *group);
/* Something was counted, among it so many pairs, failures and losses. */
void group_changed(struct groups *groups, struct group *group, uint64_t fresh);
/* Its verdict is that of its tally; it is due again after so many. */
void group_judged(struct group *group, uint64_t due_after);
struct tally_key group_key(const struct group *group);

/* NULL: a route without mirrors. */
struct route_state *group_set_route(struct groups *groups, struct str label);
/* The endpoint of such a request; what was renamed by it is renamed in all tallies. Borrowed. */
struct str group_set_endpoint(struct groups *groups, struct route_state *route, struct str method, struct str target,
                              bool is_call);
