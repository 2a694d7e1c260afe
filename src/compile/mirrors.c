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
                        const struct rule_weighted *owner, struct rule_mirror *mirror)
{
    struct compiler *compiler = maker->compiler;
    struct reference shadow = reference_make(filter->mirror->backend, maker->route->resource);
    size_t backend = targets_resolve(compiler, &shadow, true);
    if (backend == SIZE_MAX) {
        policies_pass(maker->policies, &shadow);
        return false;
    }
    rule_mirror_init(mirror);
    mirror->backend = backend;
    mirror->label = mirror_label(maker, backend);
    set_share(filter->mirror, mirror);
    policies_apply(compiler, maker->policies, &shadow, mirror);
    mirror->is_suspended |= maker->is_held;
    warn_of_writes(maker, filter, mirror);
    warn_of_loops(maker, filters, owner, &shadow, mirror);
    maker->copying += !mirror->is_suspended;
    add_made(maker, backend, filters);
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
    struct rule_mirror *mirrors = arena_alloc(maker->compiler->arena, most * sizeof(*mirrors));
    for (size_t i = 0; i < filters->count; i++) {
        const struct http_filter *filter = SCHEMA_ITEM(*filters, struct http_filter, i);
        if (filter->type.value == FILTER_MIRROR && make_mirror(maker, filters, filter, owner, &mirrors[*count]))
            (*count)++;
    }
    return mirrors;
}
