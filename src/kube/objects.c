/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/objects.h"

#include "base/mem.h"

static int compare_text(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const struct kept *kept, struct str ns, struct str name)
{
    int order = compare_text(kept->object.ns, ns);
    return order ? order : compare_text(kept->object.name, name);
}

/* The first that is not in front of the name. */
static size_t place(const struct objects *objects, struct str ns, struct str name)
{
    size_t low = 0, high = objects->count;
    if (high && compare(objects->list[high - 1], ns, name) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(objects->list[middle], ns, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct objects *objects, size_t at, struct str ns, struct str name)
{
    return at < objects->count && compare(objects->list[at], ns, name) == 0;
}

void objects_deinit(struct objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        object_free(objects->list[i]);
    mem_free(objects->list);
    *objects = (struct objects){NULL, 0, 0, 0};
}

struct kept *objects_find(const struct objects *objects, struct str ns, struct str name)
{
    size_t at = place(objects, ns, name);
    return is_at(objects, at, ns, name) ? objects->list[at] : NULL;
}

static void drop(struct objects *objects, struct kept *kept)
{
    objects->bytes -= kept->size;
    object_free(kept);
}

void objects_put(struct objects *objects, struct kept *kept)
{
    size_t at = place(objects, kept->object.ns, kept->object.name);
    objects->bytes += kept->size;
    if (is_at(objects, at, kept->object.ns, kept->object.name)) {
        drop(objects, objects->list[at]);
        objects->list[at] = kept;
        return;
    }
    if (objects->count == objects->capacity) {
        objects->capacity = objects->capacity ? objects->capacity * 2 : 16;
        objects->list = mem_grow(objects->list, objects->capacity * sizeof(*objects->list));
    }
    memmove(&objects->list[at + 1], &objects->list[at], (objects->count - at) * sizeof(*objects->list));
    objects->list[at] = kept;
    objects->count++;
}

bool objects_remove(struct objects *objects, struct str ns, struct str name)
{
    size_t at = place(objects, ns, name);
    if (!is_at(objects, at, ns, name))
        return false;
    drop(objects, objects->list[at]);
    objects->count--;
    memmove(&objects->list[at], &objects->list[at + 1], (objects->count - at) * sizeof(*objects->list));
    return true;
}

bool objects_sweep(struct objects *objects, uint32_t listing)
{
    size_t stay = 0, before = objects->count;
    for (size_t i = 0; i < before; i++) {
        if (objects->list[i]->listing == listing)
            objects->list[stay++] = objects->list[i];
        else
            drop(objects, objects->list[i]);
    }
    objects->count = stay;
    return stay < before;
}
