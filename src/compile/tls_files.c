/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/tls_files.h"

#include "manifest/backend_tls_policy.h"
#include "manifest/umbra_kinds.h"

struct str tls_files_path(struct arena *arena, const struct node *at, struct str name)
{
    struct str file = at->source->file;
    size_t directory = file.len;
    while (directory > 0 && file.ptr[directory - 1] != '/')
        directory--;
    bool is_absolute = name.len > 0 && name.ptr[0] == '/';
    return arena_printf(arena, "%.*s%.*s", is_absolute ? 0 : (int)directory, file.ptr, STR_ARG(name));
}

static void add(struct tls_file_names *names, struct arena *arena, const struct node *at, struct str name)
{
    if (name.len > 0)
        names->paths[names->count++] = tls_files_path(arena, at, name);
}

static void add_backend(struct tls_file_names *names, struct arena *arena, const struct backend_spec *spec)
{
    const struct backend_tls *tls = spec->tls;
    if (!backend_has_tls(spec))
        return;
    names->needs_system = names->needs_system || !tls || (tls->ca_file.len == 0 && tls->ca_refs.count == 0);
    if (!tls)
        return;
    add(names, arena, tls->node, tls->ca_file);
    add(names, arena, tls->node, tls->cert_file);
    add(names, arena, tls->node, tls->key_file);
}

void tls_files_list(const struct manifests *manifests, struct arena *arena, struct tls_file_names *names)
{
    size_t backends = 0;
    for (size_t i = 0; i < manifests->resource_count; i++)
        backends += manifests->resources[i].kind->id == KIND_BACKEND;
    *names = (struct tls_file_names){.paths = arena_alloc(arena, (backends * 3 + 1) * sizeof(*names->paths))};
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (!resource->object)
            continue;
        if (resource->kind->id == KIND_BACKEND)
            add_backend(names, arena, ((const struct backend *)resource->object)->spec);
        if (resource->kind->id == KIND_BACKEND_TLS_POLICY)
            names->needs_system |=
                ((const struct backend_tls_policy *)resource->object)->spec->validation->well_known.len > 0;
    }
}
