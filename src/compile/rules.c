/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/rules.h"

#include "compile/actions.h"
#include "compile/held.h"
#include "compile/mirrors.h"
#include "compile/outcomes.h"
#include "compile/reach.h"
#include "compile/targets.h"
#include "http/url.h"

#define RETRY_ATTEMPTS 1    /* where a retry says none */
#define RETRY_BACKOFF_MS 25 /* likewise */

/* The route whose rules are made, and what is reused from one to the next. */
struct route_maker {
    struct compiler *compiler;
    const struct aged *route;
    const struct http_route_spec *spec;
    struct rule_binding *bindings;
    size_t binding_count;
    struct rule_route *rows; /* of rule_set.routes */
    size_t row_count;
    struct rule_weighted *backends; /* of the last rule that has any */
    struct attachment attachment;
    struct policy_set policies;
    struct mirror_maker mirrors;
};

/* ------------------------------------------------------------------------------------------------------ matches */

static bool has_name(const struct rule_condition *list, size_t count, const struct rule_condition *condition)
{
    for (size_t i = 0; i < count; i++) {
        bool is_header = condition->kind == CONDITION_HEADER;
        bool is_same = is_header ? str_eq_nocase(list[i].name, condition->name) : str_eq(list[i].name, condition->name);
        if (list[i].kind == condition->kind && is_same)
            return true;
    }
    return false;
}

/* Of conditions on one name the first counts. */
static size_t add_conditions(struct rule_condition *list, size_t count, enum plan_condition_kind kind,
                             const struct schema_list *values)
{
    for (size_t i = 0; i < values->count; i++) {
        const struct http_value_match *match = SCHEMA_ITEM(*values, struct http_value_match, i);
        struct rule_condition condition = {
            .kind = kind,
            .name = match->name,
            .value = match->value,
            .test = match->type.value == VALUE_REGEX ? TEST_REGEX : TEST_EXACT,
        };
        if (!has_name(list, count, &condition))
            list[count++] = condition;
    }
    return count;
}

#define NAME_BITS 13 /* names of services and methods have at most 1024 characters, each of at most four bytes */

/* The path of a call is "/service/method", and each method is POST; requests with others match likewise, for the backend to refuse. More of
 * the service comes before more of the method: a service that is named exactly is a prefix, and all else has the prefix "/". */
static void compile_rpc(struct arena *arena, const struct grpc_method_match *rpc, struct rule_match *out)
{
    *out = (struct rule_match){.path_kind = PATH_MATCH_PREFIX, .path = STR("/"), .method = STR("")};
    if (!rpc)
        return;
    out->weight = (uint32_t)(rpc->service.len << NAME_BITS | rpc->method.len);
    bool is_exact = rpc->type.value == VALUE_EXACT;
    if (is_exact && rpc->service.len > 0 && rpc->method.len > 0) {
        out->path_kind = PATH_MATCH_EXACT;
        out->path = arena_printf(arena, "/%.*s/%.*s", STR_ARG(rpc->service), STR_ARG(rpc->method));
    } else if (is_exact && rpc->service.len > 0) {
        out->path = arena_printf(arena, "/%.*s", STR_ARG(rpc->service));
    } else {
        struct strbuf pattern = STRBUF_INIT;
        grpc_path_pattern(rpc, &pattern);
        out->pattern = arena_copy(arena, strbuf_str(&pattern));
        strbuf_deinit(&pattern);
    }
}

static void compile_path(struct arena *arena, const struct http_route_match *match, struct rule_match *out)
{
    static const enum rule_path_kind kinds[] = {
        [PATH_EXACT] = PATH_MATCH_EXACT, [PATH_PREFIX] = PATH_MATCH_PREFIX, [PATH_REGEX] = PATH_MATCH_REGEX};
    *out = (struct rule_match){
        .path_kind = kinds[match->path->type.value],
        .path = match->path->value,
        .method = str_or(match->method, STR("")),
    };
    /* Requests are matched in this form too, so "/%7Ea" is "/~a" here and there; what climbs was refused on reading. */
    if (out->path_kind != PATH_MATCH_REGEX && !url_normalise_path(match->path->value, arena, &out->path))
        out->path = match->path->value;
}

static void compile_match(struct arena *arena, bool is_grpc, const struct http_route_match *match,
                          struct rule_match *out)
{
    if (is_grpc)
        compile_rpc(arena, match->rpc, out);
    else
        compile_path(arena, match, out);
    size_t most = (size_t)match->headers.count + match->query_params.count;
    if (most == 0)
        return;
    struct rule_condition *conditions = arena_alloc(arena, most * sizeof(*conditions));
    out->conditions = conditions;
    out->condition_count = add_conditions(conditions, 0, CONDITION_HEADER, &match->headers);
    out->condition_count = add_conditions(conditions, out->condition_count, CONDITION_QUERY, &match->query_params);
}

static void compile_matches(struct arena *arena, const struct http_route_rule *rule, struct rule_route *row)
{
    size_t count = rule->matches.count;
    struct rule_match *matches = arena_alloc(arena, (count + 1) * sizeof(*matches));
    matches[0] = (struct rule_match){.path_kind = PATH_MATCH_PREFIX, .path = STR("/"), .method = STR("")};
    for (size_t i = 0; i < count; i++)
        compile_match(arena, row->is_grpc, SCHEMA_ITEM(rule->matches, struct http_route_match, i), &matches[i]);
    row->matches = matches;
    row->match_count = count > 0 ? count : 1;
}

/* ----------------------------------------------------------------------------------------------------- backends */

static void compile_backend(struct route_maker *maker, const struct http_backend_ref *ref, struct rule_weighted *out)
{
    struct reference reference = reference_make(&ref->ref, maker->route->resource);
    *out = (struct rule_weighted){.weight = (uint32_t)ref->weight.value};
    out->backend = targets_resolve(maker->compiler, &reference, TARGET_LIVE);
    for (size_t i = 0; i < maker->attachment.site_count; i++)
        outcomes_reach(maker->compiler, &reference, maker->attachment.sites[i]->gateway->resource);
    /* Half of its filters would be worse than an error. */
    if (!actions_compile(maker->compiler, &ref->filters, &out->actions)) {
        out->actions = (struct rule_actions){0};
        out->backend = SIZE_MAX;
    }
}

static void compile_backends(struct route_maker *maker, const struct http_route_rule *rule, struct rule_route *row)
{
    size_t count = rule->backend_refs.count;
    uint64_t weights = 0;
    if (count == 0 && !row->actions.redirect)
        compiler_report(maker->compiler, SEVERITY_WARNING, "", rule->node, "backendRefs",
                        "nobody is named to answer, so this rule's requests get 500; add backendRefs, or a redirect");
    if (count == 0)
        return;
    struct rule_weighted *backends = arena_alloc(maker->compiler->arena, count * sizeof(*backends));
    for (size_t i = 0; i < count; i++) {
        compile_backend(maker, SCHEMA_ITEM(rule->backend_refs, struct http_backend_ref, i), &backends[i]);
        weights += backends[i].weight;
    }
    if (weights == 0)
        compiler_report(maker->compiler, SEVERITY_WARNING, "", rule->node, "backendRefs",
                        "all weights are 0, so this rule's requests get 500; give one of them a weight");
    maker->backends = backends;
    row->backends = backends;
    row->backend_count = count;
}

/* ------------------------------------------------------------------------------------------------------ mirrors */

static void compile_mirrors(struct route_maker *maker, const struct http_route_rule *rule, struct rule_route *row)
{
    struct mirror_maker *mirrors = &maker->mirrors;
    mirrors->route = maker->route;
    mirrors->rule_filters = &rule->filters;
    mirrors->takes_writes = mirrors_take_writes(rule);
    mirrors->live = row->backends;
    mirrors->live_count = row->backend_count;
    mirrors->is_redirect = row->actions.redirect != NULL;
    mirrors->made_count = 0;
    row->mirrors = mirrors_make(mirrors, &rule->filters, NULL, &row->mirror_count);
    for (size_t i = 0; i < row->backend_count; i++) {
        const struct http_backend_ref *ref = SCHEMA_ITEM(rule->backend_refs, struct http_backend_ref, i);
        struct rule_weighted *backend = &maker->backends[i];
        /* Requests that get 500 are never copied. */
        if (backend->backend != SIZE_MAX)
            backend->mirrors = mirrors_make(mirrors, &ref->filters, backend, &backend->mirror_count);
    }
    if (mirrors->made_count > 0 && rule->name.len == 0)
        compiler_report(
            maker->compiler, SEVERITY_WARNING, "", rule->node, "name",
            "this rule has a mirror and no name: its label is %.*s and changes when rules are moved; give it a "
            "name",
            STR_ARG(row->label));
}

/* -------------------------------------------------------------------------------------------------------- rules */

static void compile_times(struct arena *arena, const struct http_route_rule *rule, struct rule_route *row)
{
    if (rule->timeouts) {
        row->request_timeout_ms = clamp_u32(rule->timeouts->request.value);
        row->backend_timeout_ms = clamp_u32(rule->timeouts->backend_request.value);
    }
    const struct http_retry *retry = rule->retry;
    if (!retry)
        return;
    row->retry_attempts = retry->attempts.is_set ? clamp_u32(retry->attempts.value) : RETRY_ATTEMPTS;
    row->retry_backoff_ms = retry->backoff.is_set ? clamp_u32(retry->backoff.value) : RETRY_BACKOFF_MS;
    uint32_t *codes = arena_alloc(arena, (retry->codes.count + 1) * sizeof(*codes));
    for (size_t i = 0; i < retry->codes.count; i++)
        codes[i] = (uint32_t)SCHEMA_ITEM(retry->codes, struct schema_int, i)->value;
    row->retry_codes = codes;
    row->retry_code_count = retry->codes.count;
}

/* A name that looks like another rule's place, or that an earlier rule has, would be ambiguous as a label. */
static bool is_label_name(const struct http_route_spec *spec, size_t index)
{
    struct str name = SCHEMA_ITEM(spec->rules, struct http_route_rule, index)->name;
    uint64_t place;
    if (name.len == 0 || (str_to_u64(name, &place) && place < spec->rules.count))
        return false;
    for (size_t i = 0; i < index; i++) {
        if (str_eq(SCHEMA_ITEM(spec->rules, struct http_route_rule, i)->name, name))
            return false;
    }
    return true;
}

static struct str rule_label(struct route_maker *maker, size_t index)
{
    struct arena *arena = maker->compiler->arena;
    const char *kind = maker->route->resource->kind->id == KIND_GRPC_ROUTE ? "grpcroute/" : "";
    if (!is_label_name(maker->spec, index))
        return arena_printf(arena, "%s%.*s#%zu", kind, STR_ARG(maker->route->key), index);
    struct str name = SCHEMA_ITEM(maker->spec->rules, struct http_route_rule, index)->name;
    return arena_printf(arena, "%s%.*s#%.*s", kind, STR_ARG(maker->route->key), STR_ARG(name));
}

static void compile_rule(struct route_maker *maker, const struct http_route_rule *rule, size_t index)
{
    struct compiler *compiler = maker->compiler;
    struct rule_route *row = &maker->rows[maker->row_count++];
    *row = (struct rule_route){
        .label = rule_label(maker, index),
        .bindings = maker->bindings,
        .binding_count = maker->binding_count,
        .is_grpc = maker->route->resource->kind->id == KIND_GRPC_ROUTE,
    };
    compile_matches(compiler->arena, rule, row);
    reach_check(compiler, rule, row);
    /* The Gateway API: a filter that can't be acted on is not skipped; without backends the answer is 500. */
    if (!actions_compile(compiler, &rule->filters, &row->actions)) {
        row->actions = (struct rule_actions){0};
        return;
    }
    compile_times(compiler->arena, rule, row);
    compile_backends(maker, rule, row);
    policies_for_rule(compiler, maker->route, rule->name, &maker->policies);
    maker->policies.rule = row->label;
    compile_mirrors(maker, rule, row);
}

static bool has_mirror(const struct schema_list *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        if (SCHEMA_ITEM(*filters, struct http_filter, i)->type.value == FILTER_MIRROR)
            return true;
    }
    return false;
}

static bool has_mirrors(const struct http_route_spec *spec)
{
    for (size_t i = 0; i < spec->rules.count; i++) {
        const struct http_route_rule *rule = SCHEMA_ITEM(spec->rules, struct http_route_rule, i);
        bool is_found = has_mirror(&rule->filters);
        for (size_t k = 0; !is_found && k < rule->backend_refs.count; k++)
            is_found = has_mirror(&SCHEMA_ITEM(rule->backend_refs, struct http_backend_ref, k)->filters);
        if (is_found)
            return true;
    }
    return false;
}

static void compile_rules(struct route_maker *maker)
{
    struct compiler *compiler = maker->compiler;
    const struct attachment *attachment = &maker->attachment;
    maker->binding_count = attachment->binding_count;
    maker->bindings = arena_alloc(compiler->arena, (maker->binding_count + 1) * sizeof(*maker->bindings));
    if (maker->binding_count > 0)
        memcpy(maker->bindings, attachment->bindings, maker->binding_count * sizeof(*maker->bindings));
    policies_for_route(compiler, maker->route, attachment, &maker->policies);
    maker->mirrors.is_held = has_mirrors(maker->spec) && held_has_route(compiler, maker->route, attachment);
    maker->mirrors.copying = 0;
    for (size_t i = 0; i < maker->spec->rules.count; i++)
        compile_rule(maker, SCHEMA_ITEM(maker->spec->rules, struct http_route_rule, i), i);
}

/* False: it gets no requests. */
static bool compile_route(struct route_maker *maker)
{
    struct compiler *compiler = maker->compiler;
    attach_route(compiler, maker->route, &maker->attachment);
    if (maker->spec->rules.count == 0)
        compiler_report(compiler, SEVERITY_WARNING, "", maker->spec->node, "rules",
                        "the route has no rules, so it takes no calls; add one");
    if (maker->attachment.binding_count == 0)
        return false;
    compile_rules(maker);
    compiler->out->mirrored += maker->mirrors.copying > 0;
    return true;
}

static void set_route(struct route_maker *maker, const struct aged *route)
{
    maker->route = route;
    maker->spec = ((const struct http_route *)route->resource->object)->spec;
}

/* Of routes that name a Gateway of ours and get no requests, people want to know all that is wrong with them, too. What is made of them is
 * dropped again. */
static void judge_routes(struct route_maker *maker, const struct aged *const *routes, size_t count)
{
    struct compiler *compiler = maker->compiler;
    size_t rows = maker->row_count, backends = compiler->backend_count;
    compiler->is_judging = true;
    maker->attachment.binding_count = maker->attachment.site_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!outcomes_has_own_parent(compiler, routes[i]->resource))
            continue;
        set_route(maker, routes[i]);
        compile_rules(maker);
        maker->row_count = rows;
    }
    compiler->backend_count = backends;
    compiler->is_judging = false;
}

void rules_compile(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->routes;
    size_t most = 0;
    for (size_t i = 0; i < aged->count; i++)
        most += ((const struct http_route *)aged->list[i].resource->object)->spec->rules.count;
    struct route_maker maker = {
        .compiler = compiler,
        .rows = arena_alloc(compiler->arena, (most + 1) * sizeof(struct rule_route)),
        .mirrors = {.compiler = compiler, .policies = &maker.policies},
    };
    const struct aged **idle = arena_alloc(&compiler->scratch, (aged->count + 1) * sizeof(*idle));
    size_t idle_count = 0;
    for (size_t i = 0; i < aged->count; i++) {
        set_route(&maker, &aged->list[i]);
        if (!compile_route(&maker))
            idle[idle_count++] = &aged->list[i];
    }
    judge_routes(&maker, idle, idle_count);
    compiler->out->rules.routes = maker.rows;
    compiler->out->rules.route_count = maker.row_count;
    attachment_deinit(&maker.attachment);
    policy_set_deinit(&maker.policies);
    mirror_maker_deinit(&maker.mirrors);
}
