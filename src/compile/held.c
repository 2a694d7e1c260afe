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
        bool is_known = str_eq(kind, STR("HTTPRoute")) || str_eq(kind, STR("GRPCRoute")) ||
                        str_eq(kind, STR("Gateway")) || str_eq(kind, STR("VirtualService"));
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

/* Beside the error, of which there is always one unless there were too many to be kept. */
static void say(struct compiler *compiler, struct held *held, const struct aged *route)
{
    const struct problems *problems = &compiler->out->manifests->problems;
    if (held->is_said || held->policy->problem >= problems->count)
        return;
    held->is_said = true;
    problems_add_beside(
        &compiler->out->problems, SEVERITY_WARNING, STR("Invalid"), &problems->list[held->policy->problem],
        "until this is mended, nothing is copied where the policy counts (%s %.*s, to begin with), since "
        "it may keep something from the shadows",
        route->resource->kind->name, STR_ARG(route->key));
}

bool held_has_route(struct compiler *compiler, const struct aged *route, const struct attachment *attachment)
{
    const struct resource *resource = route->resource;
    if (compiler->held.live == 0)
        return false;
    struct held *held = map_find(&compiler->held,
                                 held_key(compiler, str_from_c(resource->kind->name), resource->ns, resource->name));
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
