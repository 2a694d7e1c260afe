/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/outcomes.h"
#include "compile/siblings.h"

/* As it is written, which is how the API tells the entries of a status apart. */
static struct outcome_ref ref_of(const struct node *node)
{
    const struct node *port = node_find(node, STR("port"));
    bool has_port = port && port->kind == NODE_INT && port->integer > 0 && port->integer <= UINT16_MAX;
    return (struct outcome_ref){
        .group = node_text(node, STR("group")),
        .kind = node_text(node, STR("kind")),
        .ns = node_text(node, STR("namespace")),
        .name = node_text(node, STR("name")),
        .section_name = node_text(node, STR("sectionName")),
        .port = has_port ? (uint16_t)port->integer : 0,
    };
}

/* Whether a parentRef of a route that can't be read leads to a Gateway of this controller, in force or not. */
static bool is_own_parent(struct compiler *compiler, const struct resource *route, const struct outcome_ref *ref)
{
    struct str ns = ref->ns.len > 0 ? ref->ns : route->ns;
    bool is_gateway = str_eq(str_or(ref->group, STR(GATEWAY_GROUP)), STR(GATEWAY_GROUP)) &&
                      str_eq(str_or(ref->kind, STR("Gateway")), STR("Gateway"));
    if (!is_gateway || ref->name.len == 0)
        return false;
    const struct resource *gateway = manifests_find_any(compiler->out->manifests, KIND_GATEWAY, ns, ref->name);
    return gateway && siblings_is_own(compiler, gateway);
}

static void add_bad(struct compiler *compiler, const struct resource *route, struct outcome_branch *branch)
{
    struct trouble trouble = outcome_badness(compiler, route, "UnsupportedValue");
    struct str why = outcome_sentences(compiler, &trouble);
    outcome_add_judged(compiler, &branch->conditions, "Accepted", &trouble, "Accepted");
    if (route->is_kept)
        outcome_add(&branch->conditions, "PartiallyInvalid", OUTCOME_TRUE, "UnsupportedValue",
                    arena_printf(compiler->arena, "Fall Back: %.*s", STR_ARG(why)));
}

static void of_bad(struct compiler *compiler, const struct resource *route, struct outcome *outcome)
{
    const struct node *parents = node_find(node_find(route->node, STR("spec")), STR("parentRefs"));
    size_t most = parents && parents->kind == NODE_LIST ? parents->count : 0;
    struct outcome_branch *branches = arena_alloc(compiler->arena, (most + 1) * sizeof(*branches));
    for (const struct node *node = most > 0 ? parents->first : NULL; node; node = node->next) {
        struct outcome_branch branch = {.ref = ref_of(node)};
        if (!is_own_parent(compiler, route, &branch.ref))
            continue;
        add_bad(compiler, route, &branch);
        branches[outcome->branch_count++] = branch;
    }
    outcome->branches = branches;
}

bool outcome_of_route(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *route = track->resource;
    if (route->is_bad) {
        of_bad(compiler, route, outcome);
        return true;
    }
    const struct http_route_spec *spec = ((const struct http_route *)route->object)->spec;
    struct outcome_branch *branches = arena_alloc(compiler->arena, (track->part_count + 1) * sizeof(*branches));
    for (size_t i = 0; i < track->part_count; i++) {
        const struct outcome_part *part = &track->parts[i];
        if (!part->is_ours)
            continue;
        struct outcome_branch *branch = &branches[outcome->branch_count++];
        *branch = (struct outcome_branch){.ref = ref_of(SCHEMA_ITEM(spec->parent_refs, struct parent_ref, i)->node)};
        outcome_add_judged(compiler, &branch->conditions, "Accepted", &part->troubles[ASPECT_ACCEPTED], "Accepted");
        outcome_add_judged(compiler, &branch->conditions, "ResolvedRefs", &track->whole.troubles[ASPECT_REFS],
                           "ResolvedRefs");
    }
    outcome->branches = branches;
    return true;
}
