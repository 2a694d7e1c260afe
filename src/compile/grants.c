/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/grants.h"

struct reference reference_make(const struct object_ref *ref, const struct resource *from)
{
    return (struct reference){
        .node = ref->node,
        .from_kind = from->kind->id,
        .from_ns = from->ns,
        .group = ref->group,
        .kind = ref->kind,
        .ns = ref->ns.len > 0 ? ref->ns : from->ns,
        .name = ref->name,
        .has_port = ref->port.is_set,
        .port = (uint16_t)ref->port.value,
        .is_grpc = from->kind->id == KIND_GRPC_ROUTE,
    };
}

/* No name of Kubernetes has a blank in it. An empty name is all of the kind. */
static struct str grant_key(struct arena *arena, const struct reference_from *from, struct str to_ns,
                            const struct reference_to *to)
{
    return arena_printf(arena, "%.*s %.*s %.*s %.*s %.*s %.*s %.*s", STR_ARG(from->group), STR_ARG(from->kind),
                        STR_ARG(from->ns), STR_ARG(to_ns), STR_ARG(to->group), STR_ARG(to->kind), STR_ARG(to->name));
}

static void add_grant(struct compiler *compiler, const struct resource *resource)
{
    const struct reference_grant_spec *spec = ((const struct reference_grant *)resource->object)->spec;
    for (size_t i = 0; i < spec->from.count; i++) {
        const struct reference_from *from = SCHEMA_ITEM(spec->from, struct reference_from, i);
        for (size_t j = 0; j < spec->to.count; j++) {
            const struct reference_to *to = SCHEMA_ITEM(spec->to, struct reference_to, j);
            map_add(&compiler->grants, grant_key(&compiler->scratch, from, resource->ns, to), compiler);
        }
    }
}

void grants_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_REFERENCE_GRANT];
    for (size_t i = 0; i < aged->count; i++)
        add_grant(compiler, aged->list[i].resource);
}

bool grants_allow(struct compiler *compiler, const struct reference *reference)
{
    if (str_eq(reference->from_ns, reference->ns))
        return true;
    struct arena *arena = &compiler->scratch;
    const struct kind *kind = &kind_table[reference->from_kind];
    struct reference_from from = {
        .group = str_from_c(kind->group), .kind = str_from_c(kind->name), .ns = reference->from_ns};
    struct reference_to to = {.group = reference->group, .kind = reference->kind, .name = STR("")};
    if (map_find(&compiler->grants, grant_key(arena, &from, reference->ns, &to)))
        return true;
    to.name = reference->name;
    return map_find(&compiler->grants, grant_key(arena, &from, reference->ns, &to)) != NULL;
}
