/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check_parts.h"
#include "plan/flat.h"

/* Ranges that nothing may share: their lengths add up to no more than the array has. So the work for a request is bounded by
 * the size of the plan, whatever it says. */
struct share {
    struct plan_array array;
    uint64_t taken;
};

static bool take(struct share *share, struct plan_range range)
{
    share->taken += range.count;
    return flat_has_range(share->array, range) && share->taken <= share->array.count;
}

/* The same, or one match. */
static bool take_or_sole(const struct plan *plan, struct share *share, struct plan_range range)
{
    return range.count == PLAN_SOLE ? range.first < plan->matches.count : take(share, range);
}

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

static bool is_root(const struct plan *plan, uint32_t node)
{
    return node < plan->nodes.count && PLAN_NODE(plan, node)->parent == PLAN_NONE;
}

/* ---- names ---- */

static bool check_name(const struct plan *plan, uint32_t i, struct err *err)
{
    const struct plan_name *name = PLAN_NAME(plan, i);
    uint32_t parent = name->parent & PLAN_MAX_INDEX;
    bool is_right = flat_has_text(plan->strings, name->key);
    switch (name->parent >> 30) {
    case PARENT_SOCKET:
        is_right = is_right && parent < plan->sockets.count && name->value < plan->listeners.count;
        break;
    case PARENT_LISTENER: is_right = is_right && parent < plan->listeners.count && is_root(plan, name->value); break;
    case PARENT_NODE:
    case PARENT_TAIL:
        /* A way down is the way up: whoever follows parents meets the nodes that it came by. */
        is_right = is_right && name->value < plan->nodes.count && PLAN_NODE(plan, name->value)->parent == parent;
        break;
    }
    return is_right || err_set(err, "plan: name %u is none", i);
}

static bool check_names(const struct plan *plan, struct err *err)
{
    uint32_t free_slots = 0;
    if (!is_power_of_two(plan->names.count))
        return err_set(err, "plan: a table of %u names is none", plan->names.count);
    for (uint32_t i = 0; i < plan->names.count; i++) {
        bool is_free = PLAN_NAME(plan, i)->value == PLAN_NONE;
        free_slots += is_free;
        if (!is_free && !check_name(plan, i, err))
            return false;
    }
    return plan->names.count == 0 || free_slots > 0 || err_set(err, "plan: the table of names is full");
}

/* ---- hosts and paths ---- */

static bool check_hosts(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        uint32_t any = PLAN_SOCKET(plan, i)->hosts.any;
        if (any != PLAN_NONE && any >= plan->listeners.count)
            return err_set(err, "plan: socket %u has listener %u of %u", i, any, plan->listeners.count);
    }
    for (uint32_t i = 0; i < plan->listeners.count; i++) {
        uint32_t any = PLAN_LISTENER(plan, i)->hosts.any;
        if (any != PLAN_NONE && !is_root(plan, any))
            return err_set(err, "plan: node %u, which listener %u begins at, is no root", any, i);
    }
    return true;
}

static bool check_branches(const struct plan *plan, struct err *err)
{
    struct share lengths = {.array = plan->lengths};
    for (uint32_t i = 0; i < plan->branches.count; i++) {
        const struct plan_branch *branch = PLAN_BRANCH(plan, i);
        if (!take(&lengths, branch->tails))
            return err_set(err, "plan: the tails of branch %u are out of range", i);
        if ((branch->ordered != PLAN_NONE && !is_root(plan, branch->ordered)) ||
            (branch->folded != PLAN_NONE && !is_root(plan, branch->folded)))
            return err_set(err, "plan: branch %u leads to a node that is no root", i);
    }
    return true;
}

static bool has_branch(const struct plan *plan, uint32_t node)
{
    uint32_t branch = PLAN_NODE(plan, node)->branch;
    return branch == 0 || (branch <= plan->branches.count && PLAN_BRANCH(plan, branch - 1)->node == node);
}

static bool check_nodes(const struct plan *plan, struct err *err)
{
    struct share groups = {.array = plan->groups};
    for (uint32_t i = 0; i < plan->nodes.count; i++) {
        const struct plan_node *node = PLAN_NODE(plan, i);
        if (node->parent != PLAN_NONE && node->parent >= i)
            return err_set(err, "plan: node %u is below node %u", i, node->parent);
        if (!take_or_sole(plan, &groups, node->exact) || !take_or_sole(plan, &groups, node->regexes) ||
            !take_or_sole(plan, &groups, node->prefixes))
            return err_set(err, "plan: the groups of node %u are out of range", i);
        if (!has_branch(plan, i))
            return err_set(err, "plan: the branch of node %u is not its own", i);
    }
    return true;
}

/* ---- groups ---- */

static bool check_groups(const struct plan *plan, struct share *candidates, struct share *conditions, struct err *err)
{
    for (uint32_t i = 0; i < plan->groups.count; i++) {
        const struct plan_group *group = PLAN_GROUP(plan, i);
        if (group->has_method > 1)
            return err_set(err, "plan: group %u has neither methods nor none", i);
        if (!take(conditions, group->keys))
            return err_set(err, "plan: the keys of group %u are out of range", i);
        if (!take(candidates, group->matches))
            return err_set(err, "plan: the matches of group %u are out of range", i);
    }
    return true;
}

static bool check_buckets(const struct plan *plan, struct share *candidates, struct err *err)
{
    uint32_t free_slots = 0;
    if (!is_power_of_two(plan->buckets.count))
        return err_set(err, "plan: a table of %u buckets is none", plan->buckets.count);
    for (uint32_t i = 0; i < plan->buckets.count; i++) {
        const struct plan_bucket *bucket = PLAN_BUCKET(plan, i);
        free_slots += bucket->group == PLAN_NONE;
        if (bucket->group == PLAN_NONE)
            continue;
        if (bucket->group >= plan->groups.count || !take_or_sole(plan, candidates, bucket->matches))
            return err_set(err, "plan: bucket %u is none", i);
    }
    return plan->buckets.count == 0 || free_slots > 0 || err_set(err, "plan: the table of buckets is full");
}

/* ---- matches ---- */

static bool is_whole_regex(const struct plan *plan, uint32_t regex)
{
    return regex < plan->regexes.count && !PLAN_REGEX(plan, regex)->is_search;
}

static bool check_matches(const struct plan *plan, struct share *conditions, struct err *err)
{
    for (uint32_t i = 0; i < plan->matches.count; i++) {
        const struct plan_match *match = PLAN_MATCH(plan, i);
        if (match->route >= plan->routes.count)
            return err_set(err, "plan: match %u is of route %u of %u", i, match->route, plan->routes.count);
        if (match->regex != PLAN_NONE && !is_whole_regex(plan, match->regex))
            return err_set(err, "plan: match %u has regular expression %u of %u", i, match->regex, plan->regexes.count);
        if (!flat_has_text(plan->strings, match->method) || !flat_has_text(plan->strings, match->prefix))
            return err_set(err, "plan: a text of match %u is outside the strings", i);
        if (!take(conditions, match->conditions))
            return err_set(err, "plan: the conditions of match %u are out of range", i);
    }
    for (uint32_t i = 0; i < plan->candidates.count; i++) {
        if (PLAN_CANDIDATE(plan, i) >= plan->matches.count)
            return err_set(err, "plan: candidate %u is match %u of %u", i, PLAN_CANDIDATE(plan, i),
                           plan->matches.count);
    }
    return true;
}

static bool has_test(const struct plan *plan, const struct plan_condition *condition)
{
    if (condition->kind > CONDITION_ORIGIN || condition->test > TEST_PRESENT)
        return false;
    if (condition->kind == CONDITION_PEER)
        return condition->test == TEST_EXACT && condition->index < plan->peer_sets.count;
    return condition->test != TEST_REGEX || is_whole_regex(plan, condition->index);
}

static bool check_conditions(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->conditions.count; i++) {
        const struct plan_condition *condition = PLAN_CONDITION(plan, i);
        if (!has_test(plan, condition) || condition->is_negated > 1 || !flat_has_text(plan->strings, condition->name) ||
            !flat_has_text(plan->strings, condition->value))
            return err_set(err, "plan: condition %u is none", i);
    }
    for (uint32_t i = 0; i < plan->regexes.count; i++) {
        if (!flat_has_text(plan->strings, PLAN_REGEX(plan, i)->pattern) || PLAN_REGEX(plan, i)->is_search > 1)
            return err_set(err, "plan: regular expression %u is none", i);
    }
    for (uint32_t i = 0; i < plan->peer_sets.count; i++) {
        if (!flat_has_text(plan->strings, PLAN_PEER_SET(plan, i)))
            return err_set(err, "plan: the name of peer set %u is outside the strings", i);
    }
    return true;
}

bool check_matching(const struct plan *plan, struct err *err)
{
    struct share candidates = {.array = plan->candidates}, conditions = {.array = plan->conditions};
    return check_nodes(plan, err) && check_branches(plan, err) && check_hosts(plan, err) && check_names(plan, err) &&
           check_groups(plan, &candidates, &conditions, err) && check_buckets(plan, &candidates, err) &&
           check_matches(plan, &conditions, err) && check_conditions(plan, err);
}
