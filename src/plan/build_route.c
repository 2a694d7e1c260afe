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

bool build_check_route(const struct rule_set *rules, const struct rule_route *route, struct err *err)
{
    for (size_t i = 0; i < route->backend_count; i++) {
        const struct rule_weighted *weighted = &route->backends[i];
        if (weighted->backend != SIZE_MAX && weighted->backend >= rules->backend_count)
            return err_set(err, "backendRef %zu is backend %zu of %zu", i, weighted->backend, rules->backend_count);
        if (!check_mirrors(rules, weighted->mirrors, weighted->mirror_count, err))
            return err_wrap(err, "backendRef %zu", i);
    }
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
    };
    return draft_add_copies(draft, ARRAY_REDIRECTS, &redirect, 1).first;
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
        .allows_credentials = rule->allows_credentials,
        .max_age_s = rule->max_age_s,
    };
    return draft_add_copies(draft, ARRAY_CORS, &cors, 1).first;
}

static struct plan_actions add_actions(struct draft *draft, const struct rule_actions *actions)
{
    return (struct plan_actions){
        .request_edits = build_edits(draft, actions->request_edits, actions->request_edit_count),
        .response_edits = build_edits(draft, actions->response_edits, actions->response_edit_count),
        .rewrite = add_rewrite(draft, actions->rewrite),
        .redirect = add_redirect(draft, actions->redirect),
        .cors = add_cors(draft, actions->cors),
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
        .retry_codes = draft_add_copies(draft, ARRAY_CODES, rule->retry_codes, rule->retry_code_count),
    };
    draft_add_copies(draft, ARRAY_ROUTES, &route, 1);
}
