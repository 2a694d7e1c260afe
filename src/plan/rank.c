/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/rank.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "plan/hash.h"

#include <stdlib.h>

/* ---- conditions ---- */

static struct str lower_case(struct arena *arena, struct str s)
{
    char *lower = arena_alloc(arena, s.len);
    for (size_t i = 0; i < s.len; i++)
        lower[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + ('a' - 'A') : s.ptr[i]);
    return (struct str){lower, s.len};
}

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
                                            is_header ? lower_case(arena, condition->name) : condition->name};
    }
    qsort(list, rule->condition_count, sizeof(*list), by_name);
    uint32_t count = 0;
    for (size_t i = 0; i < rule->condition_count; i++) {
        if (count > 0 && compare_names(&list[count - 1], &list[i]) == 0)
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

static void set_signature(struct ranked *match, struct map *signatures)
{
    struct strbuf text = STRBUF_INIT;
    strbuf_add_char(&text, match->rule->method.len > 0 ? 'm' : '-');
    match->values = match->rule->method.len > 0 ? plan_values_hash(0, match->rule->method) : 0;
    for (uint32_t i = 0; i < match->condition_count; i++) {
        const struct ranked_condition *condition = &match->conditions[i];
        if (condition->rule->is_regex)
            continue;
        strbuf_printf(&text, "%c%zu:", condition->rule->kind == CONDITION_HEADER ? 'h' : 'q', condition->name.len);
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
    case PATH_MATCH_PREFIX: break;
    }
    return 2;
}

/* -1 when a is more, 1 when it is less. */
static int more_first(size_t a, size_t b)
{
    return (a < b) - (a > b);
}

static int by_precedence(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
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
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

static bool check_match(const struct rule_match *match, struct err *err)
{
    bool is_rooted = match->path.len > 0 && match->path.ptr[0] == '/';
    if (match->path_kind != PATH_MATCH_REGEX && !is_rooted)
        return err_set(err, "the path \"%.*s\" does not begin with a slash", STR_ARG(match->path));
    for (size_t i = 0; i < match->condition_count; i++) {
        if (match->conditions[i].value.len > PLAN_MAX_VALUE)
            return err_set(err, "the value for %.*s is longer than %d bytes", STR_ARG(match->conditions[i].name),
                           PLAN_MAX_VALUE);
    }
    return true;
}

static void add_match(struct ranking *ranking, uint32_t route, const struct rule_match *rule)
{
    struct ranked *match = &ranking->list[ranking->count];
    *match = (struct ranked){.rule = rule, .path = rule->path, .route = route, .order = ranking->count};
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
    map_init(&ranking->regexes);
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
            if (!check_match(&route->matches[k], err))
                return err_wrap(err, "route %.*s: match %zu", STR_ARG(route->label), k);
            add_match(ranking, (uint32_t)i, &route->matches[k]);
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
    map_deinit(&ranking->regexes);
    arena_deinit(&ranking->arena);
}

/* ---- the plan ---- */

static uint32_t add_regex(struct ranking *ranking, struct draft *draft, struct str pattern)
{
    uint32_t number = number_of(&ranking->regexes, pattern);
    if (number == draft_count(draft, ARRAY_REGEXES)) {
        struct plan_regex regex = {draft_add_text(draft, pattern)};
        draft_add_copies(draft, ARRAY_REGEXES, &regex, 1);
    }
    return number;
}

static struct plan_range add_conditions(struct ranking *ranking, struct draft *draft, const struct ranked *match)
{
    struct plan_range range = {draft_count(draft, ARRAY_CONDITIONS), match->condition_count};
    for (uint32_t i = 0; i < match->condition_count; i++) {
        const struct rule_condition *rule = match->conditions[i].rule;
        struct plan_condition condition = {
            .kind = rule->kind,
            .name = draft_add_text(draft, match->conditions[i].name),
            .value = draft_add_text(draft, rule->is_regex ? STR_NONE : rule->value),
            .regex = rule->is_regex ? add_regex(ranking, draft, rule->value) : PLAN_NONE,
        };
        draft_add_copies(draft, ARRAY_CONDITIONS, &condition, 1);
    }
    return range;
}

void ranking_write(struct ranking *ranking, struct draft *draft)
{
    for (uint32_t i = 0; i < ranking->count && !draft_is_too_large(draft); i++) {
        const struct ranked *ranked = &ranking->list[i];
        enum rule_path_kind kind = ranked->rule->path_kind;
        struct str pattern = kind == PATH_MATCH_REGEX ? ranked->path : ranked->rule->pattern;
        struct plan_match match = {
            .route = ranked->route,
            .regex = pattern.len > 0 || kind == PATH_MATCH_REGEX ? add_regex(ranking, draft, pattern) : PLAN_NONE,
            .method = draft_add_text(draft, ranked->rule->method),
            .conditions = add_conditions(ranking, draft, ranked),
            .prefix = draft_add_text(draft, kind == PATH_MATCH_PREFIX ? ranked->path : STR_NONE),
        };
        draft_add_copies(draft, ARRAY_MATCHES, &match, 1);
    }
}

struct plan_range ranking_write_keys(const struct ranked *match, struct draft *draft)
{
    struct plan_range range = {draft_count(draft, ARRAY_CONDITIONS), 0};
    for (uint32_t i = 0; i < match->condition_count; i++) {
        if (match->conditions[i].rule->is_regex)
            continue;
        struct plan_condition key = {
            .kind = match->conditions[i].rule->kind,
            .name = draft_add_text(draft, match->conditions[i].name),
            .value = draft_add_text(draft, STR_NONE),
            .regex = PLAN_NONE,
        };
        draft_add_copies(draft, ARRAY_CONDITIONS, &key, 1);
        range.count++;
    }
    return range;
}
