/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check_parts.h"
#include "plan/flat.h"

/* As MirrorPolicy's schema has them. */
#define MAX_BODY_BYTES (64u * 1024 * 1024)
#define MAX_PAIRS 1000000000u
#define MAX_SHARE 1000000u         /* all of them, in millionths */
#define MAX_ADDED_SHARE 100000000u /* a hundred times as much */
#define MAX_ADDED_MS (60u * 60 * 1000)

static bool has_lists(const struct plan *plan, const struct plan_comparison *comparison)
{
    const struct plan_range lists[] = {
        comparison->headers,          comparison->ignored_headers,  comparison->ignored_paths,
        comparison->redacted_headers, comparison->redacted_cookies, comparison->redacted_query,
        comparison->redacted_paths,
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (!flat_has_range(plan->texts, lists[i]))
            return false;
    }
    return flat_has_range(plan->array_rules, comparison->arrays);
}

static bool has_thresholds(const struct plan_comparison *comparison)
{
    const uint32_t shares[] = {comparison->max_shadow_failures, comparison->max_lost, comparison->max_different,
                               comparison->max_new_errors, comparison->max_blind};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (shares[i] > MAX_SHARE)
            return false;
    }
    return comparison->min_pairs >= 1 && comparison->min_pairs <= MAX_PAIRS && comparison->min_pairs_p99 >= 1 &&
           comparison->min_pairs_p99 <= MAX_PAIRS && comparison->finding_latency_ms <= MAX_ADDED_MS &&
           comparison->max_latency_ms <= MAX_ADDED_MS && comparison->finding_latency_share <= MAX_ADDED_SHARE &&
           comparison->max_latency_share <= MAX_ADDED_SHARE;
}

bool check_comparisons(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->comparisons.count; i++) {
        const struct plan_comparison *comparison = PLAN_COMPARISON(plan, i);
        if (comparison->samples > KEEP_FULL)
            return err_set(err, "plan: comparison %u keeps samples of the unknown kind %u", i, comparison->samples);
        if (comparison->body_bytes > MAX_BODY_BYTES)
            return err_set(err, "plan: comparison %u captures %llu bytes", i,
                           (unsigned long long)comparison->body_bytes);
        if (!has_lists(plan, comparison))
            return err_set(err, "plan: a list of comparison %u is out of range", i);
        if (!has_thresholds(comparison))
            return err_set(err, "plan: a threshold of comparison %u is out of range", i);
    }
    for (uint32_t i = 0; i < plan->array_rules.count; i++) {
        const struct plan_array_rule *rule = PLAN_ARRAY_RULE(plan, i);
        if (rule->kind > COMPARE_KEYED || !flat_has_text(plan->strings, rule->path) ||
            !flat_has_text(plan->strings, rule->key) || rule->path.len == 0)
            return err_set(err, "plan: rule for arrays %u is none", i);
        if (rule->kind == COMPARE_KEYED && rule->key.len == 0)
            return err_set(err, "plan: rule for arrays %u has no key", i);
    }
    return true;
}

static bool is_control(const struct plan *plan, uint32_t index)
{
    return index < plan->mirrors.count && PLAN_MIRROR(plan, index)->is_control;
}

/* A list that is cut between a mirror and its control would have one without the other. */
static bool is_whole(const struct plan *plan, struct plan_range mirrors)
{
    return mirrors.count == 0 || (!is_control(plan, mirrors.first) && !is_control(plan, mirrors.first + mirrors.count));
}

static bool check_control(const struct plan *plan, uint32_t i, struct err *err)
{
    const struct plan_mirror *control = PLAN_MIRROR(plan, i);
    if (control->is_control > 1)
        return err_set(err, "plan: mirror %u is neither a control nor none", i);
    if (!control->is_control)
        return true;
    if (i == 0 || is_control(plan, i - 1))
        return err_set(err, "plan: there is no mirror before the control %u", i);
    const struct plan_mirror *shadow = PLAN_MIRROR(plan, i - 1);
    if (control->route != shadow->route || control->comparison != shadow->comparison)
        return err_set(err, "plan: the control %u and its mirror do not agree", i);
    return true;
}

bool check_controls(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        if (!check_control(plan, i, err))
            return false;
    }
    for (uint32_t i = 0; i < plan->routes.count; i++) {
        if (!is_whole(plan, PLAN_ROUTE(plan, i)->mirrors))
            return err_set(err, "plan: the mirrors of route %u begin or end between a mirror and its control", i);
    }
    for (uint32_t i = 0; i < plan->weighted.count; i++) {
        if (!is_whole(plan, PLAN_WEIGHTED(plan, i)->mirrors))
            return err_set(err, "plan: the mirrors of weight %u begin or end between a mirror and its control", i);
    }
    return true;
}
