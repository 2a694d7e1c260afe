/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/reach.h"

/* Everything that a match looks at; no part has a NUL in it. */
static void add_match(struct strbuf *key, const struct rule_match *match)
{
    struct str path = match->path;
    if (match->path_kind == PATH_MATCH_PREFIX && path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    strbuf_printf(key, "%d %.*s%c%.*s%c%.*s", (int)match->path_kind, STR_ARG(path), '\0', STR_ARG(match->method), '\0',
                  STR_ARG(match->pattern));
    for (size_t i = 0; i < match->condition_count; i++) {
        const struct rule_condition *condition = &match->conditions[i];
        strbuf_printf(key, "%c%d%d%.*s%c%.*s", '\0', (int)condition->kind, (int)condition->test,
                      STR_ARG(condition->name), '\0', STR_ARG(condition->value));
    }
}

/* The label of the rule that takes the match at all of the bindings, or NULL. Puts down what is free. */
static const struct str *find_taker(struct compiler *compiler, const struct rule_route *route,
                                    const struct rule_match *match)
{
    const struct str *taker = NULL;
    struct strbuf key = STRBUF_INIT;
    bool is_reached = false;
    for (size_t i = 0; i < route->binding_count; i++) {
        strbuf_clear(&key);
        strbuf_printf(&key, "%zu %.*s ", route->bindings[i].listener, STR_ARG(route->bindings[i].host));
        add_match(&key, match);
        taker = map_find(&compiler->reached, strbuf_str(&key));
        if (taker)
            continue;
        is_reached = true;
        map_add(&compiler->reached, strbuf_str(&key), (void *)&route->label);
    }
    strbuf_deinit(&key);
    return is_reached ? NULL : taker;
}

void reach_check(struct compiler *compiler, const struct http_route_rule *rule, const struct rule_route *route)
{
    /* Beyond, the check would cost more than it is worth. */
    size_t entries = route->binding_count * route->match_count;
    if (entries > compiler->reach_left)
        return;
    compiler->reach_left -= entries;
    for (size_t i = 0; i < route->match_count; i++) {
        const struct str *taker = find_taker(compiler, route, &route->matches[i]);
        if (!taker)
            continue;
        const struct node *node = rule->matches.count > 0 ? SCHEMA_ITEM(rule->matches, struct http_route_match, i)->node
                                                          : rule->node;
        bool is_own = taker == &route->label;
        compiler_report(
            compiler, SEVERITY_WARNING, "", node, NULL,
            "this is never reached: %s%.*s has the same match for the same hosts and comes first, by age, name "
            "or place; take one out",
            is_own ? "this very rule, " : "rule ", STR_ARG(*taker));
    }
}
