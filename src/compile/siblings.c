/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/siblings.h"

static struct str class_of(const struct resource *gateway)
{
    return str_or(node_text(node_find(gateway->node, STR("spec")), STR("gatewayClassName")), STR(""));
}

bool siblings_is_own(const struct compiler *compiler, const struct resource *gateway)
{
    struct str name = class_of(gateway), only = compiler->options->class_name;
    return name.len > 0 && outcome_has_class(compiler, name) && (only.len == 0 || str_eq(name, only));
}

static bool is_sibling(const struct compiler *compiler, const struct resource *gateway)
{
    struct str name = class_of(gateway), only = compiler->options->class_name;
    if (only.len == 0 || name.len == 0 || str_eq(name, only))
        return false;
    return compiler->options->trusts_class || outcome_has_class(compiler, name);
}

bool siblings_have_parent(const struct compiler *compiler, const struct resource *route)
{
    const struct node *parents = node_find(node_find(route->node, STR("spec")), STR("parentRefs"));
    bool is_list = parents && parents->kind == NODE_LIST;
    for (const struct node *node = is_list ? parents->first : NULL; node; node = node->next) {
        struct str ns = str_or(node_text(node, STR("namespace")), route->ns), name = node_text(node, STR("name"));
        bool is_gateway = str_eq(str_or(node_text(node, STR("kind")), STR("Gateway")), STR("Gateway"));
        const struct resource *gateway = is_gateway && name.len > 0
                                             ? manifests_find_any(compiler->out->manifests, KIND_GATEWAY, ns, name)
                                             : NULL;
        if (gateway && is_sibling(compiler, gateway))
            return true;
    }
    return false;
}

const struct outcome_ref *siblings_list(struct compiler *compiler, size_t *count)
{
    const struct manifests *manifests = compiler->out->manifests;
    size_t most = 0;
    *count = 0;
    for (size_t i = 0; i < manifests->resource_count; i++)
        most += manifests->resources[i].kind->id == KIND_GATEWAY;
    struct outcome_ref *list = arena_alloc(compiler->arena, (most + 1) * sizeof(*list));
    for (size_t i = 0; i < manifests->resource_count && compiler->options->class_name.len > 0; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (resource->kind->id == KIND_GATEWAY && resource->node && is_sibling(compiler, resource))
            list[(*count)++] = (struct outcome_ref){
                .group = STR(GATEWAY_GROUP), .kind = STR("Gateway"), .ns = resource->ns, .name = resource->name};
    }
    return list;
}
