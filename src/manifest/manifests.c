/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifests.h"

#include "base/mem.h"
#include "manifest/timestamp.h"

#define IDENTITY_MAX 512 /* two digits of the kind, a namespace of 63, a name of 253 */

struct manifests *manifests_new(void)
{
    struct manifests *manifests = mem_alloc(sizeof(*manifests));
    manifests->refs = 1;
    arena_init(&manifests->arena, NULL, 0);
    problems_init(&manifests->problems);
    map_init(&manifests->by_identity);
    map_init(&manifests->broken_files);
    map_init(&manifests->said_kinds);
    return manifests;
}

struct manifests *manifests_ref(struct manifests *manifests)
{
    manifests->refs++;
    return manifests;
}

void manifests_unref(struct manifests *manifests)
{
    if (!manifests || --manifests->refs > 0)
        return;
    map_deinit(&manifests->said_kinds);
    map_deinit(&manifests->broken_files);
    map_deinit(&manifests->by_identity);
    problems_deinit(&manifests->problems);
    arena_deinit(&manifests->arena);
    mem_free(manifests->resources);
    for (size_t i = 0; i < manifests->part_count; i++)
        manifests_unref(manifests->parts[i]);
    mem_free(manifests->parts);
    mem_free(manifests);
}

/* STR_NONE when it is longer than any valid one. A namespace has no "/", so that no two are alike. */
static struct str identity(char *out, enum kind_id kind, struct str ns, struct str name)
{
    if (ns.len + name.len + 4 > IDENTITY_MAX || str_find_char(ns, '/') < ns.len)
        return STR_NONE;
    out[0] = (char)('0' + kind / 10);
    out[1] = (char)('0' + kind % 10);
    memcpy(out + 2, ns.ptr ? ns.ptr : "", ns.len);
    out[2 + ns.len] = '/';
    memcpy(out + 3 + ns.len, name.ptr ? name.ptr : "", name.len);
    return (struct str){out, 3 + ns.len + name.len};
}

struct resource *manifests_find_any(const struct manifests *manifests, enum kind_id kind, struct str ns,
                                    struct str name)
{
    char buffer[IDENTITY_MAX];
    struct str key = identity(buffer, kind, ns, name);
    size_t index = key.len > 0 ? (size_t)(uintptr_t)map_find(&manifests->by_identity, key) : 0;
    return index > 0 ? &manifests->resources[index - 1] : NULL;
}

const struct resource *manifests_find(const struct manifests *manifests, enum kind_id kind, struct str ns,
                                      struct str name)
{
    const struct resource *resource = manifests_find_any(manifests, kind, ns, name);
    return resource && resource->object ? resource : NULL;
}

bool manifests_has(const struct manifests *manifests, enum kind_id kind, struct str ns, struct str name)
{
    return manifests_find_any(manifests, kind, ns, name) != NULL;
}

struct resource *manifests_add(struct manifests *manifests, const struct kind *kind, struct str ns, struct str name)
{
    char buffer[IDENTITY_MAX];
    struct str key = identity(buffer, kind->id, ns, name);
    if (key.len == 0)
        return NULL;
    if (manifests->resource_count == manifests->resource_capacity) {
        manifests->resource_capacity = manifests->resource_capacity ? manifests->resource_capacity * 2 : 64;
        manifests->resources = mem_grow(manifests->resources,
                                        manifests->resource_capacity * sizeof(*manifests->resources));
    }
    struct resource *resource = &manifests->resources[manifests->resource_count++];
    *resource = (struct resource){.kind = kind, .ns = ns, .name = name, .problem = NO_PROBLEM};
    (void)map_add(&manifests->by_identity, key, (void *)(uintptr_t)manifests->resource_count);
    return resource;
}

void manifests_add_broken_file(struct manifests *manifests, struct str file, size_t problem)
{
    if (map_find(&manifests->broken_files, file))
        return;
    struct broken_file *broken = arena_alloc(&manifests->arena, sizeof(*broken));
    *broken = (struct broken_file){.problem = problem};
    (void)map_add(&manifests->broken_files, file, broken);
}

bool manifests_decode(struct manifests *manifests, struct resource *resource, const struct node *node,
                      struct problems *problems)
{
    const struct schema *schema = resource->kind->schema;
    struct object_head *object = memset(arena_alloc(&manifests->arena, schema->size), 0, schema->size);
    resource->object = NULL;
    resource->created_s = 0;
    if (!schema_decode(schema, node, &manifests->arena, problems, object, manifests->from_server))
        return false;
    struct str created = object->metadata->creation_timestamp;
    if (created.ptr && !timestamp_parse(created, &resource->created_s))
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(object->metadata->node, "creationTimestamp"),
                     "is no time as 2026-01-31T12:00:00Z, so the resource counts as one of the oldest");
    /* Items of a List may leave to it what they are. */
    if (!object->kind.ptr)
        object->kind = str_from_c(resource->kind->name);
    if (!object->api_version.ptr) {
        struct strbuf version = STRBUF_INIT;
        kind_add_api_version(resource->kind, resource->kind->versions[0], &version);
        object->api_version = arena_copy(&manifests->arena, strbuf_str(&version));
        strbuf_deinit(&version);
    }
    resource->object = object;
    return true;
}

/* A text with its values hidden would take the place of the real one when it is applied, so there is none. */
static void print_secret(const struct resource *resource, struct strbuf *out)
{
    strbuf_printf(out, "# Secret %.*s/%.*s is not shown; apply it from where it is.\n", STR_ARG(resource->ns),
                  STR_ARG(resource->name));
}

void manifests_print(const struct manifests *manifests, struct strbuf *out)
{
    bool is_first = true;
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (!resource->object)
            continue;
        if (!is_first)
            strbuf_add(out, STR("---\n"));
        is_first = false;
        if (resource->kind->id == KIND_SECRET)
            print_secret(resource, out);
        else
            schema_encode(resource->kind->schema, resource->object, 0, out);
    }
}
