/* SPDX-License-Identifier: Apache-2.0 */
/* The matches of all rules in the order of the Gateway API's precedence, those in written order behind them, with what tells them apart. Internal to src/plan.
 * Lifetime: ranking_deinit; borrows from the rules. Thread: the owner's. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "plan/build.h"
#include "plan/draft.h"

/* A condition whose name counts: of those with one name the first, by precedence. */
struct ranked_condition {
    const struct rule_condition *rule;
    struct str name; /* of headers: in lower case */
};

struct ranked {
    const struct rule_match *rule;
    struct str path; /* of a prefix without the slash at its end */
    uint32_t route;
    bool is_in_written_order;
    uint32_t order;                            /* among all matches as the rules have them */
    const struct ranked_condition *conditions; /* by kind and name */
    uint32_t condition_count, header_count;
    uint32_t signature; /* equal for those that look at the same things: method, names of exact conditions */
    uint64_t values;    /* hash of what they must be */
};

struct ranking {
    struct ranked *list; /* the best first; index i is plan.matches[i] */
    uint32_t count;
    uint32_t *places; /* per order: index in list */
    uint32_t *firsts; /* per route: the order of its first match */
    struct arena arena;
    struct map signatures; /* their number plus one */
};

bool ranking_init(struct ranking *ranking, const struct rule_set *rules, struct err *err)
    __attribute__((warn_unused_result));
void ranking_deinit(struct ranking *ranking);
/* Writes plan.matches, conditions and regexes. */
void ranking_write(const struct ranking *ranking, struct draft *draft);
/* The keys of its group: what it looks at exactly. */
struct plan_range ranking_write_keys(const struct ranked *match, struct draft *draft);
