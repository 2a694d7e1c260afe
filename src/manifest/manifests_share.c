/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "manifest/manifests.h"

static bool can_be_shared(const struct manifests *manifests, const struct manifests *part)
{
    if (part->from_server != manifests->from_server || part->broken_files.live > 0 || part->said_kinds.live > 0 ||
        part->part_count > 0)
        return false;
    for (size_t i = 0; i < part->resource_count; i++) {
        const struct resource *resource = &part->resources[i];
        if (resource->is_kept || manifests_has(manifests, resource->kind->id, resource->ns, resource->name))
            return false;
    }
    return true;
}

static void hold(struct manifests *manifests, struct manifests *part)
{
    if (manifests->part_count == manifests->part_capacity) {
        manifests->part_capacity = manifests->part_capacity ? manifests->part_capacity * 2 : 64;
        manifests->parts = mem_grow(manifests->parts, manifests->part_capacity * sizeof(*manifests->parts));
    }
    manifests->parts[manifests->part_count++] = manifests_ref(part);
}

bool manifests_share(struct manifests *manifests, struct manifests *part)
{
    size_t seen = manifests->problems.count;
    if (!can_be_shared(manifests, part))
        return false;
    for (size_t i = 0; i < part->resource_count; i++) {
        const struct resource *from = &part->resources[i];
        struct resource *resource = manifests_add(manifests, from->kind, from->ns, from->name);
        *resource = *from;
        resource->problem = from->problem == NO_PROBLEM ? NO_PROBLEM : seen + from->problem;
    }
    if (part->problems.count > 0 || part->problems.left_out > 0)
        problems_add_all(&manifests->problems, &part->problems);
    hold(manifests, part);
    return true;
}
