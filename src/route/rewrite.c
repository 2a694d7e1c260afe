/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rewrite.h"

#include "http/url.h"

/* Longest that a text of the plan gets. */
#define ESCAPED(len) (3 * (len))

static bool may_stand_in_path(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && byte != '#' && byte != '?';
}

/* Copies, with escapes for what may not stand in a path. */
static char *put_escaped(char *out, struct str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (may_stand_in_path(byte)) {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
    return out;
}

/* What the replacement leaves of the path, and the replacement; by whole elements only one slash stands between them. */
static struct str cut(enum plan_path_kind kind, const struct rewrite_path *path, struct str *text)
{
    if (kind == REWRITE_MATCHED && path->prefix_len > 0)
        return str_slice(path->normal, path->prefix_len, path->normal.len);
    if (kind != REWRITE_PREFIX)
        return STR_NONE;
    while (text->len && text->ptr[text->len - 1] == '/')
        text->len--; /* "/xyz/" is "/xyz", and "/" is nothing */
    return str_slice(path->normal, path->prefix_len, path->normal.len);
}

struct str rewrite_make_path(const struct plan *plan, enum plan_path_kind kind, struct plan_str replacement,
                             const struct rewrite_path *path, struct arena *arena)
{
    struct str text = plan_text(plan, replacement), rest = cut(kind, path, &text);
    char *out = arena_alloc(arena, 1 + ESCAPED(text.len) + rest.len), *end = out;
    if (text.len ? text.ptr[0] != '/' : !str_starts_with(rest, STR("/")))
        *end++ = '/';
    end = put_escaped(end, text);
    if (rest.len)
        end = mempcpy(end, rest.ptr, rest.len);
    return (struct str){out, (size_t)(end - out)};
}

/* ---- by regular expression ---- */

/* A path that grows up to its limit. */
struct making {
    char *out;
    size_t len;
    bool is_full;
};

static void put(struct making *making, struct str text)
{
    size_t size = 0;
    for (size_t i = 0; i < text.len; i++)
        size += may_stand_in_path((unsigned char)text.ptr[i]) ? 1 : ESCAPED(1);
    making->is_full |= size > REWRITE_MAX_PATH - making->len;
    if (!making->is_full)
        making->len = (size_t)(put_escaped(making->out + making->len, text) - making->out);
}

/* "\0" to "\9" are groups; what else stands behind a backslash stands for itself. */
static void put_replacement(struct making *making, struct str text, const struct regex_groups *groups)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_escape = text.ptr[i] == '\\' && i + 1 < text.len;
        i += is_escape;
        if (is_escape && text.ptr[i] >= '0' && text.ptr[i] <= '9')
            put(making, groups->list[text.ptr[i] - '0']);
        else
            put(making, str_slice(text, i, i + 1));
    }
}

/* As RE2's GlobalReplace: from left to right, and nothing empty right behind the place before. */
static bool replace_all(const struct rewrite_path *path, uint32_t regex, struct str text, struct making *making)
{
    struct str normal = path->normal;
    struct regex_groups groups;
    size_t at = 0, last_end = SIZE_MAX;
    for (unsigned places = 0; at <= normal.len; places++) {
        enum regex_result found = regexes_search(path->use.regexes, path->use.scratch, regex, normal, at, &groups);
        if (found == REGEX_NO)
            break;
        if (found == REGEX_LIMIT || places == REWRITE_MAX_PLACES)
            return false;
        size_t begin = (size_t)(groups.list[0].ptr - normal.ptr), end = begin + groups.list[0].len;
        put(making, str_slice(normal, at, begin));
        at = end;
        if (begin == end && begin == last_end) {
            put(making, str_slice(normal, at, at + 1));
            at++;
        } else {
            put_replacement(making, text, &groups);
        }
        last_end = end;
    }
    put(making, str_slice(normal, at, normal.len));
    return !making->is_full;
}

static bool make_path_by_regex(const struct plan *plan, const struct plan_rewrite *rewrite,
                               const struct rewrite_path *path, struct arena *arena, struct str *made)
{
    char out[REWRITE_MAX_PATH];
    struct making making = {.out = out};
    if (!replace_all(path, rewrite->regex, plan_text(plan, rewrite->path), &making))
        return false;
    bool has_slash = making.len > 0 && out[0] == '/';
    *made = arena_printf(arena, "%s%.*s", has_slash ? "" : "/", (int)making.len, out);
    return true;
}

/* ---- heads ---- */

bool rewrite_target(const struct plan *plan, const struct plan_rewrite *rewrite, const struct rewrite_path *path,
                    struct head *head, struct arena *arena)
{
    if (rewrite->path_kind == REWRITE_NO_PATH || !head->target.len || head->target.ptr[0] != '/')
        return true;
    struct str made;
    if (rewrite->path_kind != REWRITE_REGEX)
        made = rewrite_make_path(plan, rewrite->path_kind, rewrite->path, path, arena);
    else if (!make_path_by_regex(plan, rewrite, path, arena, &made))
        return false;
    head->target = head->path = made;
    if (!head->query.ptr)
        return true;
    char *target = arena_alloc(arena, made.len + 1 + head->query.len);
    char *query = mempcpy(target, made.ptr, made.len);
    *query++ = '?';
    if (head->query.len)
        memcpy(query, head->query.ptr, head->query.len);
    head->target = (struct str){target, made.len + 1 + head->query.len};
    head->path = (struct str){target, made.len};
    head->query.ptr = query;
    return true;
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
