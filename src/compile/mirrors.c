/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/mirrors.h"

#include "base/mem.h"
#include "compile/listeners.h"
#include "compile/targets.h"
#include "http/head.h"

#define SAFE_METHODS (1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_OPTIONS)

void mirror_maker_deinit(struct mirror_maker *maker)
{
    mem_free(maker->made);
    *maker = (struct mirror_maker){0};
}

/* Whether the rule takes a request that this mirror copies and that is more than a read. A policy that lists methods has
 * been thought about. */
static bool copies_writes(const struct http_route_rule *rule, const struct rule_mirror *mirror)
{
    if (mirror->method_mask != UINT32_MAX || mirror->is_suspended || mirror->numerator == 0)
        return false;
    for (size_t i = 0; i < rule->matches.count; i++) {
        struct str method = SCHEMA_ITEM(rule->matches, struct http_route_match, i)->method;
        if (method.len == 0 || !(SAFE_METHODS & 1u << method_from_str(method)))
            return true;
    }
    return rule->matches.count == 0;
}

static void warn_of_writes(const struct mirror_maker *maker, const struct http_filter *filter,
                           const struct rule_mirror *mirror)
{
    if (maker->compiler->options->is_safe_methods || !copies_writes(maker->rule, mirror))
        return;
    bool is_grpc = maker->route->resource->kind->id == KIND_GRPC_ROUTE;
    compiler_report(
        maker->compiler, SEVERITY_WARNING, "", filter->node, NULL,
        "%s are copied to %.*s as well, so whatever they do is done twice if the shadow shares anything with live; %s",
        is_grpc ? "calls that write" : "writes", STR_ARG(mirror->label),
        is_grpc ? "move the mirror to a rule that matches methods which only read, or say that it is meant: add a "
                  "MirrorPolicy with methods: [POST]"
                : "if that is not meant, add a MirrorPolicy with methods: [GET, HEAD, OPTIONS]");
}

static bool is_own_listener(const struct mirror_maker *maker, size_t backend)
{
    const struct rule_backend *rule = &maker->compiler->backends[backend].rule;
    for (size_t i = 0; i < rule->host_count; i++) {
        if (listeners_are_at(maker->compiler, rule->hosts[i].host, rule->hosts[i].port))
            return true;
    }
    return false;
}

/* Whether what goes to one also goes to the other: a Backend has a label with and one without a port. */
static bool is_same_backend(const struct mirror_maker *maker, size_t a, size_t b)
{
    const struct backend_row *rows = maker->compiler->backends;
    return a == b || (a != SIZE_MAX && b != SIZE_MAX && str_eq(rows[a].owner, rows[b].owner));
}

static bool is_live_too(const struct mirror_maker *maker, const struct rule_weighted *owner, size_t backend)
{
    if (owner)
        return is_same_backend(maker, owner->backend, backend);
    for (size_t i = 0; i < maker->live_count; i++) {
        if (maker->live[i].weight > 0 && is_same_backend(maker, maker->live[i].backend, backend))
            return true;
    }
    return false;
}

/* Mirrors of two backendRefs never see the same request. */
static bool is_copied_twice(const struct mirror_maker *maker, const struct schema_list *filters, size_t backend)
{
    for (size_t i = 0; i < maker->made_count; i++) {
        const struct made_mirror *made = &maker->made[i];
        bool is_same_request = made->filters == filters || made->filters == &maker->rule->filters;
        if (is_same_request && is_same_backend(maker, made->backend, backend))
            return true;
    }
    return false;
}

static void warn_of_loops(const struct mirror_maker *maker, const struct schema_list *filters,
                          const struct rule_weighted *owner, const struct reference *shadow,
                          const struct rule_mirror *mirror)
{
    struct compiler *compiler = maker->compiler;
    if (is_own_listener(maker, mirror->backend))
        compiler_report(
            compiler, SEVERITY_WARNING, "", shadow->node, NULL,
            "this leads back to one of Umbra's own listeners, which would serve every copy like a request of a "
            "client; name the shadow itself");
    if (is_live_too(maker, owner, mirror->backend))
        compiler_report(compiler, SEVERITY_WARNING, "", shadow->node, NULL,
                        "%.*s is a live backend of this rule too, so it gets some requests twice; name another shadow",
                        STR_ARG(compiler->backends[mirror->backend].rule.label));
    if (is_copied_twice(maker, filters, mirror->backend))
        compiler_report(compiler, SEVERITY_WARNING, "", shadow->node, NULL,
                        "another mirror of this rule leads to %.*s too, so it gets some copies twice; take one out",
                        STR_ARG(compiler->backends[mirror->backend].rule.label));
    if (maker->is_redirect)
        compiler_report(
            compiler, SEVERITY_WARNING, "", shadow->node, NULL,
            "the rule answers with a redirect itself, and such requests are not copied; take the mirror out");
}

/* A control that belongs to no filter of its own: `filters` is NULL. */
static void add_made(struct mirror_maker *maker, size_t backend, const struct schema_list *filters)
{
    if (maker->made_count == maker->made_capacity) {
        maker->made_capacity = maker->made_capacity ? maker->made_capacity * 2 : 16;
        maker->made = mem_grow(maker->made, maker->made_capacity * sizeof(*maker->made));
    }
    maker->made[maker->made_count++] = (struct made_mirror){.backend = backend, .filters = filters};
}

/* The shadow's label; "~2" and so on when the rule has mirrors to it already. */
static struct str mirror_label(const struct mirror_maker *maker, size_t backend)
{
    struct str label = maker->compiler->backends[backend].rule.label;
    unsigned same = 1;
    for (size_t i = 0; i < maker->made_count; i++)
        same += maker->made[i].backend == backend;
    return same == 1 ? label : arena_printf(maker->compiler->arena, "%.*s~%u", STR_ARG(label), same);
}

static void set_share(const struct http_mirror_filter *filter, struct rule_mirror *mirror)
{
    if (filter->percent.is_set) {
        mirror->numerator = (uint32_t)filter->percent.value;
        mirror->denominator = 100;
    } else if (filter->fraction) {
        mirror->numerator = (uint32_t)filter->fraction->numerator.value;
        mirror->denominator = (uint32_t)filter->fraction->denominator.value;
    }
}

/* False when it can't be resolved. */
static bool make_mirror(struct mirror_maker *maker, const struct schema_list *filters, const struct http_filter *filter,
                        const struct rule_weighted *owner, struct rule_mirror *mirror, struct control_choice *control)
{
    struct compiler *compiler = maker->compiler;
    struct reference shadow = reference_make(filter->mirror->backend, maker->route->resource);
    size_t backend = targets_resolve(compiler, &shadow, TARGET_SHADOW);
    if (backend == SIZE_MAX) {
        policies_pass(maker->policies, &shadow);
        return false;
    }
    rule_mirror_init(mirror);
    mirror->backend = backend;
    mirror->label = mirror_label(maker, backend);
    set_share(filter->mirror, mirror);
    policies_apply(compiler, maker->policies, &shadow, mirror, control);
    mirror->is_suspended |= maker->is_held || compiler->options->awaits_marker;
    warn_of_writes(maker, filter, mirror);
    warn_of_loops(maker, filters, owner, &shadow, mirror);
    maker->copying += !mirror->is_suspended;
    add_made(maker, backend, filters);
    return true;
}

/* ----------------------------------------------------------------------------------------------------- controls */

/* Of which each is said once per policy, whatever number of mirrors it counts for. */
enum control_warning { CONTROL_IS_SHADOW, CONTROL_IS_LISTENER, CONTROL_IS_LIVE, CONTROL_IS_FOR_NOTHING };

static void warn_of_control(struct compiler *compiler, struct policy *policy, enum control_warning warning,
                            struct str label)
{
    static const char *const words[] = {
        [CONTROL_IS_SHADOW] = "is the shadow itself, and all that is wrong with it would count as noise, so it is left "
                              "out there; name a second instance of the live version",
        [CONTROL_IS_LISTENER] =
            "leads back to one of Umbra's own listeners, which would serve every copy like a request "
            "of a client; name the second instance itself",
        [CONTROL_IS_LIVE] =
            "is a live backend of these requests too, so it gets them twice; that is fine if it has the "
            "capacity and requests that are answered twice do no harm, else name a second instance",
        [CONTROL_IS_FOR_NOTHING] = "gets copies for nothing: --compare off compares no answers; run with --compare "
                                   "auto, or take the control out",
    };
    if (policy->control_warnings & 1u << warning)
        return;
    policy->control_warnings |= 1u << warning;
    compiler_report(compiler, SEVERITY_WARNING, "", policy->spec->compare->control->backend->node, NULL, "%.*s %s",
                    STR_ARG(label), words[warning]);
}

/* The control of the mirror that was made last; false when there is none. */
static bool make_control(struct mirror_maker *maker, const struct http_filter *filter,
                         const struct rule_weighted *owner, const struct rule_mirror *mirror,
                         const struct control_choice *choice, struct rule_mirror *control)
{
    struct compiler *compiler = maker->compiler;
    struct policy *policy = choice->policy;
    bool is_grpc = maker->route->resource->kind->id == KIND_GRPC_ROUTE;
    size_t backend = policy ? policies_resolve_control(compiler, policy, is_grpc) : SIZE_MAX;
    if (backend == SIZE_MAX)
        return false;
    struct str label = compiler->backends[backend].rule.label;
    if (is_same_backend(maker, backend, mirror->backend)) {
        warn_of_control(compiler, policy, CONTROL_IS_SHADOW, label);
        return false;
    }
    *control = *mirror;
    control->backend = backend;
    control->label = mirror_label(maker, backend);
    control->is_control = true;
    control->redactions = choice->redactions;
    control->redaction_count = choice->redaction_count;
    if (is_own_listener(maker, backend))
        warn_of_control(compiler, policy, CONTROL_IS_LISTENER, label);
    if (is_live_too(maker, owner, backend))
        warn_of_control(compiler, policy, CONTROL_IS_LIVE, label);
    if (compiler->options->compares_nothing)
        warn_of_control(compiler, policy, CONTROL_IS_FOR_NOTHING, label);
    warn_of_writes(maker, filter, control);
    add_made(maker, backend, NULL);
    return true;
}

struct rule_mirror *mirrors_make(struct mirror_maker *maker, const struct schema_list *filters,
                                 const struct rule_weighted *owner, size_t *count)
{
    size_t most = 0;
    for (size_t i = 0; i < filters->count; i++)
        most += SCHEMA_ITEM(*filters, struct http_filter, i)->type.value == FILTER_MIRROR;
    *count = 0;
    if (most == 0)
        return NULL;
    struct rule_mirror *mirrors = arena_alloc(maker->compiler->arena, 2 * most * sizeof(*mirrors));
    for (size_t i = 0; i < filters->count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(*filters, struct http_filter, i);
        struct rule_mirror *mirror = &mirrors[*count];
        struct control_choice control;
        if (filter->type.value != FILTER_MIRROR || !make_mirror(maker, filters, filter, owner, mirror, &control))
            continue;
        *count += make_control(maker, filter, owner, mirror, &control, mirror + 1) ? 2 : 1;
    }
    return mirrors;
}
