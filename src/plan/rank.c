/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/rank.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "plan/hash.h"

#include <stdlib.h>

/* ---- conditions ---- */

static int compare_names(const struct ranked_condition *a, const struct ranked_condition *b)
{
    if (a->rule->kind != b->rule->kind)
        return a->rule->kind < b->rule->kind ? -1 : 1;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = len > 0 ? memcmp(a->name.ptr, b->name.ptr, len) : 0;
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

/* By name, then as the rule has them. */
static int by_name(const void *a, const void *b)
{
    const struct ranked_condition *left = a, *right = b;
    int order = compare_names(left, right);
    return order != 0 ? order : (left->rule > right->rule) - (left->rule < right->rule);
}

static void set_conditions(struct ranked *match, struct arena *arena)
{
    const struct rule_match *rule = match->rule;
    struct ranked_condition *list = arena_alloc(arena, rule->condition_count * sizeof(*list));
    for (size_t i = 0; i < rule->condition_count; i++) {
        const struct rule_condition *condition = &rule->conditions[i];
        bool is_header = condition->kind == CONDITION_HEADER;
        list[i] = (struct ranked_condition){condition,
                                            is_header ? draft_lower_case(arena, condition->name) : condition->name};
    }
    qsort(list, rule->condition_count, sizeof(*list), by_name);
    uint32_t count = 0;
    for (size_t i = 0; i < rule->condition_count; i++) {
        if (!match->is_in_written_order && count > 0 && compare_names(&list[count - 1], &list[i]) == 0)
            continue;
        match->header_count += list[i].rule->kind == CONDITION_HEADER;
        list[count++] = list[i];
    }
    match->conditions = list;
    match->condition_count = count;
}

/* ---- what it looks at ---- */

/* A number for the text, the same for the same text. */
static uint32_t number_of(struct map *numbers, struct str text)
{
    uintptr_t known = (uintptr_t)map_find(numbers, text);
    if (known == 0) {
        known = numbers->live + 1;
        map_add(numbers, text, (void *)known);
    }
    return (uint32_t)(known - 1);
}

/* One look-up finds the value that it wants. */
static bool is_key(const struct rule_condition *condition)
{
    return condition->test == TEST_EXACT && !condition->is_negated && condition->kind != CONDITION_PEER;
}

static void set_signature(struct ranked *match, struct map *signatures)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add_char(&text, match->rule->method.len > 0 ? 'm' : '-');
    match->values = match->rule->method.len > 0 ? plan_values_hash(0, match->rule->method) : 0;
    for (uint32_t i = 0; i < match->condition_count; i++) {
        const struct ranked_condition *condition = &match->conditions[i];
        if (!is_key(condition->rule))
            continue;
        strbuf_printf(&text, "%d:%zu:", (int)condition->rule->kind, condition->name.len);
        strbuf_add(&text, condition->name);
        match->values = plan_values_hash(match->values, condition->rule->value);
    }
    match->signature = number_of(signatures, strbuf_str(&text));
    strbuf_deinit(&text);
}

/* ---- precedence ---- */

static int path_rank(const struct ranked *match)
{
    switch (match->rule->path_kind) {
    case PATH_MATCH_EXACT: return 0;
    case PATH_MATCH_REGEX: return 1;
    case PATH_MATCH_PREFIX:
    case PATH_MATCH_STRING: break;
    }
    return 2;
}

/* -1 when a is more, 1 when it is less. */
static int more_first(size_t a, size_t b)
{
    return (a < b) - (a > b);
}

/* -1 when a is less, 1 when it is more. */
static int less_first(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int by_written_order(const struct ranked *left, const struct ranked *right)
{
    int order = less_first(left->rule->order, right->rule->order);
    return order != 0 ? order : less_first(left->order, right->order);
}

static int by_precedence(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->is_in_written_order || right->is_in_written_order)
        return left->is_in_written_order && right->is_in_written_order
                   ? by_written_order(left, right)
                   : less_first(left->is_in_written_order, right->is_in_written_order);
    int order = path_rank(left) - path_rank(right);
    if (order == 0 && left->rule->path_kind != PATH_MATCH_EXACT)
        order = more_first(left->path.len, right->path.len);
    if (order == 0 && left->rule->path_kind == PATH_MATCH_PREFIX)
        order = more_first(left->rule->weight, right->rule->weight);
    if (order == 0)
        order = more_first(left->rule->method.len > 0, right->rule->method.len > 0);
    if (order == 0)
        order = more_first(left->header_count, right->header_count);
    if (order == 0)
        order = more_first(left->condition_count - left->header_count, right->condition_count - right->header_count);
    return order != 0 ? order : less_first(left->order, right->order);
}

static bool check_written_order(const struct rule_match *match, bool is_in_written_order, struct err *err)
{
    if (!is_in_written_order && match->path_kind == PATH_MATCH_STRING)
        return err_set(err, "a path that begins with a string has no place in the Gateway API's precedence");
    if (!is_in_written_order && (match->ignores_case || match->order))
        return err_set(err, "case and order are of matches in written order alone");
    if (match->ignores_case && match->path_kind == PATH_MATCH_REGEX)
        return err_set(err, "a regular expression says itself what it makes of case");
    if (match->ignores_case && match->path.len > PLAN_MAX_FOLDED)
        return err_set(err, "a path without case has more than %d bytes", PLAN_MAX_FOLDED);
    return true;
}

static bool check_condition(const struct rule_condition *condition, struct err *err)
{
    if (condition->value.len > PLAN_MAX_VALUE)
        return err_set(err, "the value for %.*s is longer than %d bytes", STR_ARG(condition->name), PLAN_MAX_VALUE);
    if (condition->kind >= CONDITION_ORIGIN || (condition->kind == CONDITION_PEER && condition->test != TEST_EXACT))
        return err_set(err, "there is no condition of kind %d that tests so", (int)condition->kind);
    return true;
}

static bool check_match(const struct rule_match *match, bool is_in_written_order, struct err *err)
{
    bool is_rooted = match->path.len > 0 && match->path.ptr[0] == '/';
    if (match->path_kind != PATH_MATCH_REGEX && !is_rooted)
        return err_set(err, "the path \"%.*s\" does not begin with a slash", STR_ARG(match->path));
    for (size_t i = 0; i < match->condition_count; i++) {
        if (!check_condition(&match->conditions[i], err))
            return false;
    }
    return check_written_order(match, is_in_written_order, err);
}

static void add_match(struct ranking *ranking, uint32_t route, bool is_in_written_order, const struct rule_match *rule)
{
    struct ranked *match = &ranking->list[ranking->count];
    *match = (struct ranked){.rule = rule,
                             .path = rule->path,
                             .route = route,
                             .is_in_written_order = is_in_written_order,
                             .order = ranking->count};
    if (rule->path_kind == PATH_MATCH_PREFIX && match->path.ptr[match->path.len - 1] == '/')
        match->path.len--;
    set_conditions(match, &ranking->arena);
    set_signature(match, &ranking->signatures);
    ranking->count++;
}

bool ranking_init(struct ranking *ranking, const struct rule_set *rules, struct err *err)
{
    *ranking = (struct ranking){0};
    arena_init(&ranking->arena, NULL, 0);
    map_init(&ranking->signatures);
    size_t count = 0;
    for (size_t i = 0; i < rules->route_count; i++)
        count += rules->routes[i].match_count;
    ranking->list = mem_alloc((count + 1) * sizeof(*ranking->list));
    ranking->places = mem_alloc((count + 1) * sizeof(*ranking->places));
    ranking->firsts = mem_alloc((rules->route_count + 1) * sizeof(*ranking->firsts));
    for (size_t i = 0; i < rules->route_count; i++) {
        const struct rule_route *route = &rules->routes[i];
        ranking->firsts[i] = ranking->count;
        for (size_t k = 0; k < route->match_count; k++) {
            if (!check_match(&route->matches[k], route->is_in_written_order, err))
                return err_wrap(err, "route %.*s: match %zu", STR_ARG(route->label), k);
            add_match(ranking, (uint32_t)i, route->is_in_written_order, &route->matches[k]);
        }
    }
    qsort(ranking->list, ranking->count, sizeof(*ranking->list), by_precedence);
    for (uint32_t i = 0; i < ranking->count; i++)
        ranking->places[ranking->list[i].order] = i;
    return true;
}

void ranking_deinit(struct ranking *ranking)
{
    mem_free(ranking->list);
    mem_free(ranking->places);
    mem_free(ranking->firsts);
    map_deinit(&ranking->signatures);
    arena_deinit(&ranking->arena);
}

/* ---- the plan ---- */

static uint32_t index_of_condition(struct draft *draft, const struct rule_condition *rule)
{
    if (rule->test == TEST_REGEX)
        return draft_add_regex(draft, rule->value, false);
    return rule->kind == CONDITION_PEER ? draft_add_peer_set(draft, rule->value) : PLAN_NONE;
}

static struct plan_range add_conditions(struct draft *draft, const struct ranked *match)
{
    struct plan_range range = {draft_count(draft, ARRAY_CONDITIONS), match->condition_count};
    for (uint32_t i = 0; i < match->condition_count; i++) {
        const struct rule_condition *rule = match->conditions[i].rule;
        struct plan_condition condition = {
            .kind = (uint16_t)rule->kind,
            .test = (uint8_t)rule->test,
            .is_negated = rule->is_negated,
            .name = draft_add_text(draft, match->conditions[i].name),
            .value = draft_add_text(draft, rule->test == TEST_REGEX ? STR_NONE : rule->value),
            .index = index_of_condition(draft, rule),
        };
        draft_add_copies(draft, ARRAY_CONDITIONS, &condition, 1);
    }
    return range;
}

/* What a match by a beginning covers of a path. */
static struct str covered_text(const struct ranked *ranked)
{
    switch (ranked->rule->path_kind) {
    case PATH_MATCH_PREFIX:
    case PATH_MATCH_STRING: return ranked->path;
    case PATH_MATCH_EXACT:
    case PATH_MATCH_REGEX: break;
    }
    return STR_NONE;
}

void ranking_write(const struct ranking *ranking, struct draft *draft)
{
    for (uint32_t i = 0; i < ranking->count && !draft_is_too_large(draft); i++) {
        const struct ranked *ranked = &ranking->list[i];
        enum rule_path_kind kind = ranked->rule->path_kind;
        struct str pattern = kind == PATH_MATCH_REGEX ? ranked->path : ranked->rule->pattern;
        struct plan_match match = {
            .route = ranked->route,
            .regex = pattern.len > 0 || kind == PATH_MATCH_REGEX ? draft_add_regex(draft, pattern, false) : PLAN_NONE,
            .method = draft_add_text(draft, ranked->rule->method),
            .conditions = add_conditions(draft, ranked),
            .prefix = draft_add_text(draft, covered_text(ranked)),
        };
        draft_add_copies(draft, ARRAY_MATCHES, &match, 1);
    }
}

struct plan_range ranking_write_keys(const struct ranked *match, struct draft *draft)
{
    struct plan_range range = {draft_count(draft, ARRAY_CONDITIONS), 0};
    for (uint32_t i = 0; i < match->condition_count; i++) {
        if (!is_key(match->conditions[i].rule))
            continue;
        struct plan_condition key = {
            .kind = (uint16_t)match->conditions[i].rule->kind,
            .name = draft_add_text(draft, match->conditions[i].name),
            .value = draft_add_text(draft, STR_NONE),
            .index = PLAN_NONE,
        };
        draft_add_copies(draft, ARRAY_CONDITIONS, &key, 1);
        range.count++;
    }
    return range;
}
