/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/build_parts.h"

static bool check_mirrors(const struct rule_set *rules, const struct rule_mirror *mirrors, size_t count,
                          struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!build_check_mirror(rules, &mirrors[i], err))
            return err_wrap(err, "mirror %.*s", STR_ARG(mirrors[i].label));
    }
    return true;
}

/* What the reader's check would refuse without a name for it. */
static bool check_actions(const struct rule_actions *actions, struct err *err)
{
    const struct rule_answer *answer = actions->answer;
    if (answer && (answer->status < 200 || answer->status > 599))
        return err_set(err, "an answer with the status %u; write 200 to 599", answer->status);
    if (answer && answer->body.len > RULE_MAX_ANSWER)
        return err_set(err, "an answer of %zu bytes; at most %d are allowed", answer->body.len, RULE_MAX_ANSWER);
    if (actions->redirect && actions->redirect->path_kind > REWRITE_MATCHED)
        return err_set(err, "a redirect whose path is made by a regular expression");
    return true;
}

bool build_check_route(const struct rule_set *rules, const struct rule_route *route, struct err *err)
{
    for (size_t i = 0; i < route->backend_count; i++) {
        const struct rule_weighted *weighted = &route->backends[i];
        if (weighted->backend != SIZE_MAX && weighted->backend >= rules->backend_count)
            return err_set(err, "backendRef %zu is backend %zu of %zu", i, weighted->backend, rules->backend_count);
        if (!check_actions(&weighted->actions, err) ||
            !check_mirrors(rules, weighted->mirrors, weighted->mirror_count, err))
            return err_wrap(err, "backendRef %zu", i);
    }
    if (!check_actions(&route->actions, err))
        return false;
    if (route->retry_on > RETRY_ALL)
        return err_set(err, "%u is no set of reasons to retry", route->retry_on);
    return check_mirrors(rules, route->mirrors, route->mirror_count, err);
}

static uint32_t add_rewrite(struct draft *draft, const struct rule_rewrite *rule)
{
    if (!rule)
        return PLAN_NONE;
    struct plan_rewrite rewrite = {
        .hostname = draft_add_text(draft, rule->hostname),
        .path_kind = rule->path_kind,
        .path = draft_add_text(draft, rule->path),
        .regex = rule->path_kind == REWRITE_REGEX ? draft_add_regex(draft, rule->pattern, true) : PLAN_NONE,
    };
    return draft_add_copies(draft, ARRAY_REWRITES, &rewrite, 1).first;
}

static uint32_t add_redirect(struct draft *draft, const struct rule_redirect *rule)
{
    if (!rule)
        return PLAN_NONE;
    struct plan_redirect redirect = {
        .scheme = draft_add_text(draft, rule->scheme),
        .hostname = draft_add_text(draft, rule->hostname),
        .path_kind = rule->path_kind,
        .path = draft_add_text(draft, rule->path),
        .port = rule->port,
        .status = rule->status,
        .port_kind = rule->port_kind,
        .query = draft_add_text(draft, rule->query),
    };
    return draft_add_copies(draft, ARRAY_REDIRECTS, &redirect, 1).first;
}

static struct plan_range add_origin_tests(struct draft *draft, const struct rule_cors *rule)
{
    struct plan_range range = {draft_count(draft, ARRAY_CONDITIONS), (uint32_t)rule->origin_test_count};
    for (size_t i = 0; i < rule->origin_test_count; i++) {
        const struct rule_origin *origin = &rule->origin_tests[i];
        bool is_regex = origin->test == TEST_REGEX;
        struct plan_condition condition = {
            .kind = CONDITION_ORIGIN,
            .test = (uint8_t)origin->test,
            .name = draft_add_text(draft, STR_NONE),
            .value = draft_add_text(draft, is_regex ? STR_NONE : origin->value),
            .index = is_regex ? draft_add_regex(draft, origin->value, false) : PLAN_NONE,
        };
        draft_add_copies(draft, ARRAY_CONDITIONS, &condition, 1);
    }
    return range;
}

static uint32_t add_cors(struct draft *draft, const struct rule_cors *rule)
{
    if (!rule)
        return PLAN_NONE;
    struct plan_cors cors = {
        .origins = build_texts(draft, rule->origins),
        .methods = build_texts(draft, rule->methods),
        .headers = build_texts(draft, rule->headers),
        .expose = build_texts(draft, rule->expose),
        .origin_tests = add_origin_tests(draft, rule),
        .passes_preflights = rule->passes_preflights,
        .allows_credentials = rule->allows_credentials,
        .max_age_s = rule->max_age_s,
    };
    return draft_add_copies(draft, ARRAY_CORS, &cors, 1).first;
}

static uint32_t add_answer(struct draft *draft, const struct rule_answer *rule)
{
    if (!rule)
        return PLAN_NONE;
    struct plan_answer answer = {.status = rule->status, .body = draft_add_text(draft, rule->body)};
    return draft_add_copies(draft, ARRAY_ANSWERS, &answer, 1).first;
}

static struct plan_actions add_actions(struct draft *draft, const struct rule_actions *actions)
{
    return (struct plan_actions){
        .request_edits = build_edits(draft, actions->request_edits, actions->request_edit_count),
        .response_edits = build_edits(draft, actions->response_edits, actions->response_edit_count),
        .rewrite = add_rewrite(draft, actions->rewrite),
        .redirect = add_redirect(draft, actions->redirect),
        .cors = add_cors(draft, actions->cors),
        .answer = add_answer(draft, actions->answer),
    };
}

static struct plan_range add_mirrors(struct draft *draft, uint32_t route, const struct rule_mirror *mirrors,
                                     size_t count)
{
    struct plan_range range = {draft_count(draft, ARRAY_MIRRORS), (uint32_t)count};
    for (size_t i = 0; i < count; i++)
        build_mirror(draft, route, &mirrors[i]);
    return range;
}

static struct plan_range add_backends(struct draft *draft, uint32_t route, const struct rule_route *rule)
{
    struct plan_range range = {draft_count(draft, ARRAY_WEIGHTED), (uint32_t)rule->backend_count};
    for (size_t i = 0; i < rule->backend_count; i++) {
        const struct rule_weighted *backend = &rule->backends[i];
        struct plan_weighted weighted = {
            .backend = backend->backend == SIZE_MAX ? PLAN_NONE : (uint32_t)backend->backend,
            .weight = backend->weight,
            .actions = add_actions(draft, &backend->actions),
            .mirrors = add_mirrors(draft, route, backend->mirrors, backend->mirror_count),
        };
        draft_add_copies(draft, ARRAY_WEIGHTED, &weighted, 1);
    }
    return range;
}

void build_route(struct draft *draft, const struct rule_route *rule)
{
    uint32_t index = draft_count(draft, ARRAY_ROUTES);
    struct plan_range mirrors = add_mirrors(draft, index, rule->mirrors, rule->mirror_count);
    struct plan_route route = {
        .label = draft_add_text(draft, rule->label),
        .backends = add_backends(draft, index, rule),
        .mirrors = mirrors,
        .actions = add_actions(draft, &rule->actions),
        .request_timeout_ms = rule->request_timeout_ms,
        .backend_timeout_ms = rule->backend_timeout_ms,
        .retry_attempts = rule->retry_attempts,
        .retry_backoff_ms = rule->retry_backoff_ms,
        .is_grpc = rule->is_grpc,
        .retry_on = rule->retry_on ? rule->retry_on : RETRY_ALL,
        .retry_grpc = rule->retry_grpc,
        .retry_codes = draft_add_copies(draft, ARRAY_CODES, rule->retry_codes, rule->retry_code_count),
    };
    draft_add_copies(draft, ARRAY_ROUTES, &route, 1);
}
