/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rewrite.h"

#include "http/url.h"

/* Longest that a text of the plan gets. */
#define ESCAPED(len) (3 * (len))

/* Copies, with escapes for what may not stand in a path. */
static char *put_escaped(char *out, struct str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte > ' ' && byte < 0x7f && byte != '#' && byte != '?') {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
    return out;
}

struct str rewrite_make_path(const struct plan *plan, enum plan_path_kind kind, struct plan_str replacement,
                             const struct rewrite_path *path, struct arena *arena)
{
    struct str text = plan_text(plan, replacement), rest = STR_NONE;
    if (kind == REWRITE_PREFIX) {
        rest = str_slice(path->normal, path->prefix_len, path->normal.len);
        while (text.len && text.ptr[text.len - 1] == '/')
            text.len--; /* "/xyz/" is "/xyz", and "/" is nothing */
    }
    char *out = arena_alloc(arena, 1 + ESCAPED(text.len) + rest.len), *end = out;
    if (text.len ? text.ptr[0] != '/' : !str_starts_with(rest, STR("/")))
        *end++ = '/';
    end = put_escaped(end, text);
    if (rest.len)
        end = mempcpy(end, rest.ptr, rest.len);
    return (struct str){out, (size_t)(end - out)};
}

void rewrite_target(const struct plan *plan, const struct plan_rewrite *rewrite, const struct rewrite_path *path,
                    struct head *head, struct arena *arena)
{
    if (rewrite->path_kind == REWRITE_NO_PATH || !head->target.len || head->target.ptr[0] != '/')
        return;
    struct str made = rewrite_make_path(plan, rewrite->path_kind, rewrite->path, path, arena);
    head->target = head->path = made;
    if (!head->query.ptr)
        return;
    char *target = arena_alloc(arena, made.len + 1 + head->query.len);
    char *query = mempcpy(target, made.ptr, made.len);
    *query++ = '?';
    if (head->query.len)
        memcpy(query, head->query.ptr, head->query.len);
    head->target = (struct str){target, made.len + 1 + head->query.len};
    head->path = (struct str){target, made.len};
    head->query.ptr = query;
}

void rewrite_host(struct str host, struct head *head)
{
    if (!url_authority_is_valid(host))
        return;
    head->authority = host;
    for (uint16_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == FIELD_HOST)
            head->fields[i].value = host;
    }
}
