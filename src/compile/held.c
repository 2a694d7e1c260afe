/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/held.h"

struct held {
    const struct resource *policy;
    bool is_said;
};

/* Kind and names have no blank in them; a whole namespace has no kind. */
static struct str held_key(struct compiler *compiler, struct str kind, struct str ns, struct str name)
{
    return arena_printf(&compiler->scratch, "%.*s %.*s/%.*s", STR_ARG(str_or(kind, STR(""))), STR_ARG(ns),
                        STR_ARG(str_or(name, STR(""))));
}

static void add(struct compiler *compiler, struct held *held, struct str kind, struct str name)
{
    map_add(&compiler->held, held_key(compiler, kind, held->policy->ns, name), held);
}

static void add_targets(struct compiler *compiler, struct held *held)
{
    const struct node *spec = node_find(held->policy->node, STR("spec"));
    const struct node *refs = node_find(spec, STR("targetRefs"));
    size_t readable = 0;
    for (const struct node *ref = refs ? refs->first : NULL; ref; ref = ref->next) {
        struct str kind = node_text(ref, STR("kind")), name = node_text(ref, STR("name"));
        bool is_known = str_eq(kind, STR("HTTPRoute")) || str_eq(kind, STR("Gateway"));
        if (!is_known || name.len == 0)
            continue;
        add(compiler, held, kind, name);
        readable++;
    }
    if (readable == 0 || readable < refs->count)
        add(compiler, held, STR(""), STR(""));
}

void held_collect(struct compiler *compiler)
{
    const struct manifests *manifests = compiler->out->manifests;
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (resource->kind->id != KIND_MIRROR_POLICY || resource->object)
            continue;
        struct held *held = arena_alloc(&compiler->scratch, sizeof(*held));
        *held = (struct held){.policy = resource};
        add_targets(compiler, held);
    }
}

#define SUSPENDED \
    "until this policy is mended, the mirrors that it is for are suspended (those of HTTPRoute %.*s to begin with), " \
    "since " \
    "it may hold something back from them"

static void say(struct compiler *compiler, struct held *held, const struct aged *route)
{
    const struct manifests *manifests = compiler->out->manifests;
    const struct resource *policy = held->policy;
    if (held->is_said)
        return;
    held->is_said = true;
    if (policy->node) {
        compiler_report(compiler, SEVERITY_WARNING, "Invalid", policy->node, NULL, SUSPENDED, STR_ARG(route->key));
        return;
    }
    const struct problem *cause = policy->problem != NO_PROBLEM && policy->problem < manifests->problems.count
                                      ? &manifests->problems.list[policy->problem]
                                      : NULL;
    problems_add_place(&compiler->out->problems, SEVERITY_WARNING, cause ? cause->file : STR_NONE,
                       cause ? cause->line : 0, cause ? cause->column : 0, SUSPENDED, STR_ARG(route->key));
}

bool held_has_route(struct compiler *compiler, const struct aged *route, const struct attachment *attachment)
{
    const struct resource *resource = route->resource;
    if (compiler->held.live == 0)
        return false;
    struct held *held = map_find(&compiler->held, held_key(compiler, STR("HTTPRoute"), resource->ns, resource->name));
    if (!held)
        held = map_find(&compiler->held, held_key(compiler, STR(""), resource->ns, STR("")));
    for (size_t i = 0; !held && i < attachment->site_count; i++) {
        const struct resource *gateway = attachment->sites[i]->gateway->resource;
        held = map_find(&compiler->held, held_key(compiler, STR("Gateway"), gateway->ns, gateway->name));
    }
    if (held)
        say(compiler, held, route);
    return held != NULL;
}
