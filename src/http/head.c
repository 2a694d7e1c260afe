/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include "base/arena.h"

/* Known lengths let the compiler compare without a call. */
#define IS(literal) (memcmp(name.ptr, literal, sizeof(literal) - 1) == 0)

enum http_method method_from_str(struct str name)
{
    switch (name.len) {
    case 3: return IS("GET") ? METHOD_GET : IS("PUT") ? METHOD_PUT : METHOD_OTHER;
    case 4: return IS("POST") ? METHOD_POST : IS("HEAD") ? METHOD_HEAD : METHOD_OTHER;
    case 5: return IS("PATCH") ? METHOD_PATCH : IS("TRACE") ? METHOD_TRACE : METHOD_OTHER;
    case 6: return IS("DELETE") ? METHOD_DELETE : METHOD_OTHER;
    case 7: return IS("OPTIONS") ? METHOD_OPTIONS : IS("CONNECT") ? METHOD_CONNECT : METHOD_OTHER;
    default: return METHOD_OTHER;
    }
}

bool method_is_idempotent(enum http_method method)
{
    switch (method) {
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_OPTIONS:
    case METHOD_TRACE:
    case METHOD_PUT:
    case METHOD_DELETE: return true;
    default: return false;
    }
}

const struct field *head_find(const struct head *head, enum field_id id)
{
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == id)
            return &head->fields[i];
    }
    return NULL;
}

const struct field *head_find_name(const struct head *head, struct str name)
{
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (str_eq_nocase(head->fields[i].name, name))
            return &head->fields[i];
    }
    return NULL;
}

static bool is_inside(struct str part, struct str whole)
{
    uintptr_t at = (uintptr_t)part.ptr, begin = (uintptr_t)whole.ptr;
    return part.ptr && whole.ptr && at >= begin && at + part.len <= begin + whole.len;
}

/* Copies into room that is known to be large enough. */
static struct str pack(char **room, struct str s)
{
    if (s.ptr == NULL)
        return s;
    if (s.len > 0)
        memcpy(*room, s.ptr, s.len);
    struct str copy = {*room, s.len};
    *room += s.len;
    return copy;
}

/* As pack, but what stands inside `whole` becomes the same place in its copy. */
static struct str pack_part(char **room, struct str part, struct str whole, struct str whole_copy)
{
    if (!is_inside(part, whole))
        return pack(room, part);
    return (struct str){whole_copy.ptr + (part.ptr - whole.ptr), part.len};
}

static size_t text_size(const struct head *head)
{
    size_t size = head->method.len + head->target.len + head->path.len + head->query.len + head->authority.len +
                  head->reason.len + head->upgrade.len;
    for (uint16_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.len + head->fields[i].value.len;
    return size;
}

void head_copy(struct head *to, const struct head *from, struct arena *arena, size_t spare)
{
    char *room = arena_alloc(arena, text_size(from) + 1);
    struct str host = STR_NONE, host_copy = STR_NONE;
    *to = *from;
    to->fields = arena_alloc(arena, (from->field_count + spare) * sizeof(*to->fields));
    for (uint16_t i = 0; i < from->field_count; i++) {
        const struct field *field = &from->fields[i];
        to->fields[i] = (struct field){pack(&room, field->name), pack(&room, field->value), field->id};
        if (field->id == FIELD_HOST) {
            host = field->value;
            host_copy = to->fields[i].value;
        }
    }
    to->method = pack(&room, from->method);
    to->target = pack(&room, from->target);
    to->path = pack_part(&room, from->path, from->target, to->target);
    to->query = pack_part(&room, from->query, from->target, to->target);
    if (is_inside(from->authority, from->target))
        to->authority = pack_part(&room, from->authority, from->target, to->target);
    else
        to->authority = pack_part(&room, from->authority, host, host_copy);
    to->reason = pack(&room, from->reason);
    to->upgrade = pack(&room, from->upgrade);
}

struct field *fields_copy(const struct field *fields, uint16_t count, struct arena *arena)
{
    struct field *copies = arena_alloc(arena, count * sizeof(*copies));
    for (uint16_t i = 0; i < count; i++)
        copies[i] = (struct field){arena_copy(arena, fields[i].name), arena_copy(arena, fields[i].value), fields[i].id};
    return copies;
}

void head_add(struct head *head, enum field_id id, struct str name, struct str value)
{
    head->fields[head->field_count++] = (struct field){name, value, id};
}
