/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/filters.h"

#include "route/edits.h"

static bool does_something(const struct plan_actions *actions)
{
    return actions->request_edits.count || actions->response_edits.count || actions->rewrite != PLAN_NONE ||
           actions->redirect != PLAN_NONE || actions->cors != PLAN_NONE || actions->answer != PLAN_NONE;
}

static void set_actions(struct filters *filters, size_t index, const struct plan_actions *actions)
{
    if (!does_something(actions))
        return;
    filters->actions[index] = actions;
    filters->has_answer |= actions->response_edits.count > 0;
    if (actions->cors != PLAN_NONE)
        filters->cors.cors = PLAN_CORS(filters->plan, actions->cors);
}

void filters_init(struct filters *filters, const struct plan *plan, struct regex_use use,
                  const struct plan_route *route, const struct plan_weighted *weighted)
{
    *filters = (struct filters){.plan = plan, .cors = {.plan = plan, .use = use}};
    set_actions(filters, 0, &route->actions);
    if (weighted)
        set_actions(filters, 1, &weighted->actions);
}

size_t filters_room(const struct filters *filters)
{
    size_t room = 0;
    for (size_t i = 0; i < 2; i++)
        room += filters->actions[i] ? edits_room(filters->actions[i]->request_edits) : 0;
    return room;
}

void filters_note_origin(struct filters *filters, const struct head *request, struct arena *arena)
{
    if (!filters->cors.cors)
        return;
    if (filters->cors.cors->passes_preflights && cors_is_preflight(request) &&
        !cors_allows_request(&filters->cors, request)) {
        filters->cors.cors = NULL;
        return;
    }
    struct field *fields = arena_alloc(arena, CORS_MAX_FIELDS * sizeof *fields);
    filters->cors_count = cors_make_fields(&filters->cors, request, arena, fields);
    filters->cors_fields = fields;
    filters->has_answer = true;
}

bool filters_is_preflight(const struct filters *filters, const struct head *request)
{
    return filters->cors.cors && cors_is_preflight(request);
}

const struct plan_redirect *filters_redirect(const struct filters *filters)
{
    for (size_t i = 2; i-- > 0;) {
        if (filters->actions[i] && filters->actions[i]->redirect != PLAN_NONE)
            return PLAN_REDIRECT(filters->plan, filters->actions[i]->redirect);
    }
    return NULL;
}

const struct plan_answer *filters_answer(const struct filters *filters)
{
    for (size_t i = 2; i-- > 0;) {
        if (filters->actions[i] && filters->actions[i]->answer != PLAN_NONE)
            return PLAN_ANSWER(filters->plan, filters->actions[i]->answer);
    }
    return NULL;
}

static const struct plan_rewrite *find_rewrite(const struct filters *filters, size_t index)
{
    const struct plan_actions *actions = filters->actions[index];
    return actions && actions->rewrite != PLAN_NONE ? PLAN_REWRITE(filters->plan, actions->rewrite) : NULL;
}

static bool rewrite(const struct filters *filters, const struct rewrite_path *path, struct head *request,
                    struct arena *arena)
{
    const struct plan_rewrite *rule = find_rewrite(filters, 0), *backend = find_rewrite(filters, 1);
    const struct plan_rewrite *for_path = backend && backend->path_kind != REWRITE_NO_PATH ? backend : rule;
    const struct plan_rewrite *for_host = backend && backend->hostname.len ? backend : rule;
    if (for_path && !rewrite_target(filters->plan, for_path, path, request, arena))
        return false;
    if (for_host)
        rewrite_host(plan_text(filters->plan, for_host->hostname), request);
    return true;
}

bool filters_edit_request(const struct filters *filters, const struct rewrite_path *path, struct head *request,
                          struct arena *arena)
{
    if (!filters->actions[0] && !filters->actions[1])
        return true;
    if (!rewrite(filters, path, request, arena))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (filters->actions[i])
            edits_apply(filters->plan, filters->actions[i]->request_edits, request, NULL);
    }
    return true;
}

/* The rule alone speaks of CORS. */
static void answer_cors(const struct filters *filters, struct head *answer)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < answer->field_count; i++) {
        if (!cors_owns(answer->fields[i].name))
            answer->fields[count++] = answer->fields[i];
    }
    answer->field_count = count;
    bool has_vary = cors_has_vary(answer);
    for (uint16_t i = 0; i < filters->cors_count; i++) {
        const struct field *field = &filters->cors_fields[i];
        if (!has_vary || !str_eq_nocase(field->name, STR("Vary")))
            head_add(answer, field->id, field->name, field->value);
    }
}

void filters_edit_answer(const struct filters *filters, struct head *answer, struct arena *arena)
{
    size_t room = answer->field_count + filters->cors_count;
    if (!filters->has_answer)
        return;
    for (size_t i = 0; i < 2; i++)
        room += filters->actions[i] ? edits_room(filters->actions[i]->response_edits) : 0;
    struct field *fields = arena_alloc(arena, room * sizeof *fields);
    memcpy(fields, answer->fields, answer->field_count * sizeof *fields);
    answer->fields = fields;
    if (filters->cors.cors)
        answer_cors(filters, answer);
    for (size_t i = 0; i < 2; i++) {
        if (filters->actions[i])
            edits_apply(filters->plan, filters->actions[i]->response_edits, answer, NULL);
    }
}
