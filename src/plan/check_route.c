/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/check_parts.h"
#include "plan/flat.h"

static bool is_index(struct plan_array array, uint32_t index)
{
    return index == PLAN_NONE || index < array.count;
}

static bool has_actions(const struct plan *plan, const struct plan_actions *actions)
{
    return flat_has_range(plan->edits, actions->request_edits) &&
           flat_has_range(plan->edits, actions->response_edits) && is_index(plan->rewrites, actions->rewrite) &&
           is_index(plan->redirects, actions->redirect) && is_index(plan->cors, actions->cors) &&
           is_index(plan->answers, actions->answer);
}

static bool check_route(const struct plan *plan, uint32_t i, struct err *err)
{
    const struct plan_route *route = PLAN_ROUTE(plan, i);
    if (!flat_has_text(plan->strings, route->label))
        return err_set(err, "plan: the label of route %u is outside the strings", i);
    if (!flat_has_range(plan->weighted, route->backends))
        return err_set(err, "plan: the backends of route %u are out of range", i);
    if (!flat_has_range(plan->mirrors, route->mirrors))
        return err_set(err, "plan: the mirrors of route %u are out of range", i);
    if (!has_actions(plan, &route->actions))
        return err_set(err, "plan: the actions of route %u are out of range", i);
    if (!flat_has_range(plan->codes, route->retry_codes))
        return err_set(err, "plan: the retry codes of route %u are out of range", i);
    if (route->retry_on > RETRY_ALL)
        return err_set(err, "plan: route %u has an unknown reason to retry", i);
    if (route->is_grpc > 1)
        return err_set(err, "plan: a switch of route %u is neither on nor off", i);
    return true;
}

static bool check_weighted(const struct plan *plan, uint32_t i, struct err *err)
{
    const struct plan_weighted *weighted = PLAN_WEIGHTED(plan, i);
    if (!is_index(plan->backends, weighted->backend))
        return err_set(err, "plan: weight %u names backend %u of %u", i, weighted->backend, plan->backends.count);
    if (!flat_has_range(plan->mirrors, weighted->mirrors))
        return err_set(err, "plan: the mirrors of weight %u are out of range", i);
    if (!has_actions(plan, &weighted->actions))
        return err_set(err, "plan: the actions of weight %u are out of range", i);
    return true;
}

static bool check_edits(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->edits.count; i++) {
        const struct plan_edit *edit = PLAN_EDIT(plan, i);
        if (edit->kind > EDIT_REMOVE || !flat_has_text(plan->strings, edit->name) ||
            !flat_has_text(plan->strings, edit->value))
            return err_set(err, "plan: edit %u is none", i);
    }
    return true;
}

static bool is_search(const struct plan *plan, uint32_t regex)
{
    return regex < plan->regexes.count && PLAN_REGEX(plan, regex)->is_search;
}

static bool check_rewrites(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->rewrites.count; i++) {
        const struct plan_rewrite *rewrite = PLAN_REWRITE(plan, i);
        if (rewrite->path_kind > REWRITE_REGEX || !flat_has_text(plan->strings, rewrite->hostname) ||
            !flat_has_text(plan->strings, rewrite->path))
            return err_set(err, "plan: rewrite %u is none", i);
        if (rewrite->path_kind == REWRITE_REGEX && !is_search(plan, rewrite->regex))
            return err_set(err, "plan: rewrite %u searches for nothing", i);
    }
    return true;
}

static bool is_redirect_status(uint32_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool check_redirects(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->redirects.count; i++) {
        const struct plan_redirect *redirect = PLAN_REDIRECT(plan, i);
        if (redirect->path_kind > REWRITE_MATCHED || redirect->port > UINT16_MAX ||
            redirect->port_kind > REDIRECT_PORT_OF_LISTENER || !flat_has_text(plan->strings, redirect->query) ||
            !flat_has_text(plan->strings, redirect->scheme) || !flat_has_text(plan->strings, redirect->hostname) ||
            !flat_has_text(plan->strings, redirect->path))
            return err_set(err, "plan: redirect %u is none", i);
        if (!is_redirect_status(redirect->status))
            return err_set(err, "plan: redirect %u has the status %u", i, redirect->status);
    }
    return true;
}

/* What they test is checked with all conditions. `taken`: by those before, since nothing may share them. */
static bool has_origin_tests(const struct plan *plan, struct plan_range range, uint64_t *taken)
{
    *taken += range.count;
    if (!flat_has_range(plan->conditions, range) || *taken > plan->conditions.count)
        return false;
    for (uint32_t i = 0; i < range.count; i++) {
        if (PLAN_CONDITION(plan, range.first + i)->kind != CONDITION_ORIGIN)
            return false;
    }
    return true;
}

static bool check_answers(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->answers.count; i++) {
        const struct plan_answer *answer = PLAN_ANSWER(plan, i);
        if (answer->status < 200 || answer->status > 599 || !flat_has_text(plan->strings, answer->body))
            return err_set(err, "plan: answer %u is none", i);
    }
    return true;
}

static bool check_cors(const struct plan *plan, struct err *err)
{
    uint64_t taken = 0;
    for (uint32_t i = 0; i < plan->cors.count; i++) {
        const struct plan_cors *cors = PLAN_CORS(plan, i);
        if (cors->allows_credentials > 1 || cors->passes_preflights > 1 ||
            !has_origin_tests(plan, cors->origin_tests, &taken) || !flat_has_range(plan->texts, cors->origins) ||
            !flat_has_range(plan->texts, cors->methods) || !flat_has_range(plan->texts, cors->headers) ||
            !flat_has_range(plan->texts, cors->expose))
            return err_set(err, "plan: CORS setting %u is none", i);
    }
    for (uint32_t i = 0; i < plan->texts.count; i++) {
        if (!flat_has_text(plan->strings, PLAN_TEXT(plan, i)))
            return err_set(err, "plan: text %u is outside the strings", i);
    }
    return true;
}

bool check_routes(const struct plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->routes.count; i++) {
        if (!check_route(plan, i, err))
            return false;
    }
    for (uint32_t i = 0; i < plan->weighted.count; i++) {
        if (!check_weighted(plan, i, err))
            return false;
    }
    for (uint32_t i = 0; i < plan->codes.count; i++) {
        if (PLAN_CODE(plan, i) < 100 || PLAN_CODE(plan, i) > 599)
            return err_set(err, "plan: the retry code %u is none", PLAN_CODE(plan, i));
    }
    return check_edits(plan, err) && check_rewrites(plan, err) && check_redirects(plan, err) && check_cors(plan, err) &&
           check_answers(plan, err);
}
