/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/problem.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "manifest/kind.h"

void problems_init(struct problems *problems)
{
    *problems = (struct problems){0};
    arena_init(&problems->arena, NULL, 0);
}

void problems_deinit(struct problems *problems)
{
    arena_deinit(&problems->arena);
    mem_free(problems->list);
    *problems = (struct problems){0};
}

/* A zeroed row, or NULL when there are enough. Counts in either case. */
static struct problem *add_row(struct problems *problems, enum severity severity)
{
    problems->errors += severity == SEVERITY_ERROR;
    problems->warnings += severity == SEVERITY_WARNING;
    if (problems->count == PROBLEMS_MAX) {
        problems->left_out++;
        return NULL;
    }
    if (problems->count == problems->capacity) {
        problems->capacity = problems->capacity ? problems->capacity * 2 : 16;
        problems->list = mem_grow(problems->list, problems->capacity * sizeof(*problems->list));
    }
    struct problem *row = &problems->list[problems->count++];
    *row = (struct problem){.severity = severity};
    return row;
}

static struct str copy_field(struct arena *arena, const struct node *at, const char *member)
{
    struct strbuf path = STRBUF_INIT;
    node_path(&path, at);
    if (member) {
        if (path.len > 0)
            strbuf_add_char(&path, '.');
        strbuf_add(&path, str_from_c(member));
    }
    struct str field = arena_copy(arena, strbuf_str(&path));
    strbuf_deinit(&path);
    return field;
}

/* As people call it: two groups have a Gateway. */
static struct str kind_of(const struct node *resource)
{
    struct str name = node_text(resource, STR("kind"));
    bool is_version;
    const struct kind *kind = kind_find(node_text(resource, STR("apiVersion")), name, &is_version);
    return kind ? str_from_c(kind_title(kind)) : name;
}

/* `member` may be NULL. */
static void add_at(struct problem *row, struct arena *arena, struct str reason, const struct node *at,
                   const char *member)
{
    const struct node *resource = node_resource(at);
    const struct node *metadata = node_find(resource, STR("metadata"));
    row->file = arena_copy(arena, at->source->file);
    row->line = at->line;
    row->column = at->column;
    row->kind = arena_copy(arena, kind_of(resource));
    row->ns = arena_copy(arena, node_text(metadata, STR("namespace")));
    row->name = arena_copy(arena, node_text(metadata, STR("name")));
    row->field = copy_field(arena, at, member);
    row->reason = arena_copy(arena, reason);
}

void problems_add(struct problems *problems, enum severity severity, struct str reason, const struct node *at,
                  const char *format, ...)
{
    struct problem *row = add_row(problems, severity);
    if (!row)
        return;
    add_at(row, &problems->arena, reason, at, NULL);
    va_list args;
    va_start(args, format);
    row->text = arena_vprintf(&problems->arena, format, args);
    va_end(args);
}

void problems_add_member(struct problems *problems, enum severity severity, struct str reason, const struct node *at,
                         const char *member, const char *format, ...)
{
    struct problem *row = add_row(problems, severity);
    if (!row)
        return;
    add_at(row, &problems->arena, reason, at, member);
    va_list args;
    va_start(args, format);
    row->text = arena_vprintf(&problems->arena, format, args);
    va_end(args);
}

void problems_add_place(struct problems *problems, enum severity severity, struct str file, uint32_t line,
                        uint32_t column, const char *format, ...)
{
    struct problem *row = add_row(problems, severity);
    if (!row)
        return;
    row->file = arena_copy(&problems->arena, file);
    row->line = line;
    row->column = column;
    va_list args;
    va_start(args, format);
    row->text = arena_vprintf(&problems->arena, format, args);
    va_end(args);
}

void problems_add_beside(struct problems *problems, enum severity severity, struct str reason,
                         const struct problem *other, const char *format, ...)
{
    struct problem *row = add_row(problems, severity);
    if (!row)
        return;
    row->file = arena_copy(&problems->arena, other->file);
    row->line = other->line;
    row->column = other->column;
    row->kind = arena_copy(&problems->arena, other->kind);
    row->ns = arena_copy(&problems->arena, other->ns);
    row->name = arena_copy(&problems->arena, other->name);
    row->reason = arena_copy(&problems->arena, reason);
    va_list args;
    va_start(args, format);
    row->text = arena_vprintf(&problems->arena, format, args);
    va_end(args);
}

void problems_add_all(struct problems *problems, const struct problems *more)
{
    size_t errors = problems->errors + more->errors, warnings = problems->warnings + more->warnings;
    for (size_t i = 0; i < more->count; i++) {
        const struct problem *from = &more->list[i];
        struct problem *row = add_row(problems, from->severity);
        if (!row)
            continue;
        *row = *from;
        struct str *const texts[] = {&row->file,  &row->kind,   &row->ns,  &row->name,
                                     &row->field, &row->reason, &row->text};
        for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
            *texts[j] = arena_copy(&problems->arena, *texts[j]);
    }
    /* The sums are of those that were left out there, too. */
    problems->errors = errors;
    problems->warnings = warnings;
    problems->left_out += more->left_out;
}

/* A name may hold anything that a quoted scalar can; a terminal must not obey it. */
static void add_printable(struct strbuf *out, struct str text)
{
    while (text.len > 0) {
        size_t len = utf8_len(text);
        unsigned char byte = (unsigned char)text.ptr[0];
        /* U+0080 to U+009F are control characters too: c2 80 to c2 9f. */
        bool is_c1 = len == 2 && byte == 0xc2 && (unsigned char)text.ptr[1] < 0xa0;
        if (len == 0 || byte < 0x20 || byte == 0x7f)
            strbuf_printf(out, "\\x%02x", byte);
        else if (is_c1)
            strbuf_printf(out, "\\x%02x", (unsigned char)text.ptr[1]);
        else
            strbuf_add(out, (struct str){text.ptr, len});
        text = str_slice(text, len > 0 ? len : 1, text.len);
    }
}

void problem_format(struct strbuf *out, const struct problem *problem)
{
    if (problem->file.len > 0) {
        add_printable(out, problem->file);
        if (problem->line > 0)
            strbuf_printf(out, ":%u", problem->line);
        if (problem->line > 0 && problem->column > 0)
            strbuf_printf(out, ":%u", problem->column);
        strbuf_add(out, STR(": "));
    }
    if (problem->kind.len > 0 || problem->name.len > 0) {
        add_printable(out, problem->kind);
        if (problem->kind.len > 0 && problem->name.len > 0)
            strbuf_add_char(out, '/');
        add_printable(out, problem->name);
        strbuf_add(out, STR(": "));
    }
    if (problem->field.len > 0) {
        add_printable(out, problem->field);
        strbuf_add(out, STR(": "));
    }
    add_printable(out, problem->text);
}

/* Puts down what has a problem; returns how many were not kept. */
static size_t add_resources(struct map *seen, const struct problems *problems, enum severity least)
{
    struct strbuf key = STRBUF_INIT;
    size_t left = problems->errors + (least == SEVERITY_WARNING ? problems->warnings : 0);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->list[i];
        if (problem->severity > least)
            continue;
        left--;
        struct str ns = problem->ns.len > 0 ? problem->ns : STR("default");
        strbuf_clear(&key);
        if (problem->name.len > 0)
            strbuf_printf(&key, "%.*s %.*s %.*s", STR_ARG(problem->kind), STR_ARG(ns), STR_ARG(problem->name));
        else
            strbuf_printf(&key, "%.*s", STR_ARG(problem->file));
        map_add(seen, strbuf_str(&key), seen);
    }
    strbuf_deinit(&key);
    return left;
}

size_t problems_count_resources(const struct problems *problems, const struct problems *more, enum severity least)
{
    struct map seen;
    map_init(&seen);
    size_t left = add_resources(&seen, problems, least) + (more ? add_resources(&seen, more, least) : 0);
    size_t count = seen.live + left;
    map_deinit(&seen);
    return count;
}
