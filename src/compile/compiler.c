/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/compiler.h"

#include "base/mem.h"
#include "compile/keyring.h"
#include "compile/outcomes.h"
#include "manifest/guess.h"

#include <stdlib.h>

#define GUESSES_MAX 50000 /* candidates of all guesses: 0.1 s at most, whatever the manifests are */
#define REACH_MAX 1000000 /* entries: hostnames and matches multiply */
#define NAMES_SHOWN 5     /* more would hide the rest of the message */

static int compare_age(const void *a, const void *b)
{
    const struct aged *left = a, *right = b;
    if (left->resource->created_s != right->resource->created_s)
        return left->resource->created_s < right->resource->created_s ? -1 : 1;
    size_t common = left->key.len < right->key.len ? left->key.len : right->key.len;
    int order = memcmp(left->key.ptr, right->key.ptr, common);
    if (order != 0)
        return order;
    if (left->key.len != right->key.len)
        return left->key.len < right->key.len ? -1 : 1;
    return (int)left->resource->kind->id - (int)right->resource->kind->id;
}

static void collect_routes(struct compiler *compiler)
{
    const struct aged_list *http = &compiler->by_age[KIND_HTTP_ROUTE], *grpc = &compiler->by_age[KIND_GRPC_ROUTE];
    struct aged_list *routes = &compiler->routes;
    routes->count = http->count + grpc->count;
    routes->list = arena_alloc(&compiler->scratch, (routes->count + 1) * sizeof(struct aged));
    memcpy(routes->list, http->list, http->count * sizeof(struct aged));
    memcpy(routes->list + http->count, grpc->list, grpc->count * sizeof(struct aged));
    if (grpc->count > 0)
        qsort(routes->list, routes->count, sizeof(struct aged), compare_age);
}

static void collect_by_age(struct compiler *compiler)
{
    const struct manifests *manifests = compiler->out->manifests;
    size_t counts[KIND_COUNT] = {0};
    for (size_t i = 0; i < manifests->resource_count; i++)
        counts[manifests->resources[i].kind->id] += manifests->resources[i].object != NULL;
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        compiler->by_age[kind].list = arena_alloc(&compiler->scratch, (counts[kind] + 1) * sizeof(struct aged));
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        if (!resource->object)
            continue;
        struct aged_list *aged = &compiler->by_age[resource->kind->id];
        aged->list[aged->count++] = (struct aged){
            .resource = resource,
            .key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(resource->ns), STR_ARG(resource->name)),
        };
    }
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        qsort(compiler->by_age[kind].list, compiler->by_age[kind].count, sizeof(struct aged), compare_age);
    collect_routes(compiler);
}

static void each_map(struct compiler *compiler, void (*call)(struct map *map))
{
    struct map *const maps[] = {
        &compiler->gateways,     &compiler->sockets,   &compiler->namespaces, &compiler->grants,   &compiler->slices,
        &compiler->targets,      &compiler->labels,    &compiler->annotated,  &compiler->policies, &compiler->held,
        &compiler->reached,      &compiler->blamed,    &compiler->claims,     &compiler->keys,     &compiler->ways,
        &compiler->tls_policies, &compiler->revisions, &compiler->roots,      &compiler->reaches,  &compiler->outside,
    };
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        call(maps[i]);
}

void compiler_init(struct compiler *compiler, struct compiled *out, const struct compile_options *options)
{
    *compiler = (struct compiler){
        .out = out,
        .options = options,
        .arena = &out->arena,
        .guesses_left = GUESSES_MAX,
        .reach_left = REACH_MAX,
    };
    arena_init(&compiler->scratch, NULL, 0);
    each_map(compiler, map_init);
    collect_by_age(compiler);
}

void compiler_deinit(struct compiler *compiler)
{
    keyring_deinit(compiler);
    each_map(compiler, map_deinit);
    mem_free(compiler->backends);
    arena_deinit(&compiler->scratch);
}

/* The node at a path below another one, as far as it exists; `*rest` is what does not. */
static const struct node *walk(const struct node *node, struct str *rest)
{
    const struct node *direct = node_find(node, *rest);
    if (direct || rest->len == 0) {
        *rest = STR("");
        return direct ? direct : node;
    }
    size_t dot = str_find_char(*rest, '.');
    const struct node *next = node_find(node, str_slice(*rest, 0, dot));
    if (!next || dot == rest->len)
        return node;
    *rest = str_slice(*rest, dot + 1, rest->len);
    return walk(next, rest);
}

void compiler_report(struct compiler *compiler, enum severity severity, const char *reason, const struct node *at,
                     const char *member, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(&compiler->scratch, format, args);
    va_end(args);
    struct str rest = str_from_c(member);
    const struct node *place = walk(at, &rest);
    outcomes_note(compiler, severity, reason, place, rest.len > 0 ? rest.ptr : NULL, text);
    struct problems *problems = &compiler->out->problems;
    if (rest.len == 0)
        problems_add(problems, severity, str_from_c(reason), place, "%.*s", STR_ARG(text));
    else
        problems_add_member(problems, severity, str_from_c(reason), place, rest.ptr, "%.*s", STR_ARG(text));
}

bool compiler_is_left_out(const struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    const struct manifests *manifests = compiler->out->manifests;
    return !manifests_find(manifests, kind, ns, name) && manifests_has(manifests, kind, ns, name);
}

void compiler_note_left_out(struct compiler *compiler, const struct left_out *what, const char *reason,
                            const char *effect)
{
    const char *kind = kind_table[what->kind].name;
    struct str key = arena_printf(&compiler->scratch, "%s %.*s/%.*s", kind, STR_ARG(what->ns), STR_ARG(what->name));
    struct str text = arena_printf(&compiler->scratch, "%s %.*s/%.*s has an error and is left out, so %s", kind,
                                   STR_ARG(what->ns), STR_ARG(what->name), effect);
    if (map_add(&compiler->blamed, key, compiler))
        outcomes_note(compiler, SEVERITY_NOTE, reason, what->at, NULL, text);
    else
        compiler_report(compiler, SEVERITY_NOTE, reason, what->at, NULL, "%.*s", STR_ARG(text));
}

struct names {
    const char **list;
    size_t count;
};

static const char *next_name(size_t index, const void *user)
{
    const struct names *names = user;
    return index < names->count ? names->list[index] : NULL;
}

static void add_list(struct strbuf *out, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count && i < NAMES_SHOWN; i++)
        strbuf_printf(out, "%s%.*s", i > 0 ? ", " : "", STR_ARG(names[i]));
    if (count > NAMES_SHOWN)
        strbuf_printf(out, " and %zu more", count - NAMES_SHOWN);
}

/* Borrowed from the scratch arena, or NULL. */
static const char *guess_name(struct compiler *compiler, struct str name, const struct str *names, size_t count)
{
    compiler->guesses_left -= count;
    struct names candidates = {.list = arena_alloc(&compiler->scratch, (count + 1) * sizeof(char *)), .count = count};
    for (size_t i = 0; i < count; i++)
        candidates.list[i] = arena_printf(&compiler->scratch, "%.*s", STR_ARG(names[i])).ptr;
    return guess_word(name, next_name, &candidates);
}

struct str compiler_hint_name(struct compiler *compiler, struct str name, const struct str *names, size_t count)
{
    if (count > compiler->guesses_left)
        return STR("");
    const char *guess = guess_name(compiler, name, names, count);
    struct strbuf text = STRBUF_INIT;
    if (guess)
        strbuf_printf(&text, "; did you mean \"%s\"?", guess);
    if (guess && count > 1)
        strbuf_add(&text, STR(" There are "));
    else if (!guess && count > 0)
        strbuf_add(&text, count == 1 ? STR("; there is ") : STR("; there are "));
    if (!guess || count > 1)
        add_list(&text, names, count);
    struct str hint = arena_copy(&compiler->scratch, strbuf_str(&text));
    strbuf_deinit(&text);
    return hint;
}

/* The names of those in a namespace. */
static size_t names_in(struct compiler *compiler, const struct aged_list *aged, struct str ns, struct str **names)
{
    size_t count = 0;
    *names = arena_alloc(&compiler->scratch, (aged->count + 1) * sizeof(**names));
    for (size_t i = 0; i < aged->count; i++) {
        if (str_eq(aged->list[i].resource->ns, ns))
            (*names)[count++] = aged->list[i].resource->name;
    }
    return count;
}

void compiler_want(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    struct compiled *out = compiler->out;
    if (out->want_count == out->want_capacity) {
        out->want_capacity = out->want_capacity ? out->want_capacity * 2 : 16;
        out->wants = mem_grow(out->wants, out->want_capacity * sizeof(*out->wants));
    }
    out->wants[out->want_count++] = (struct resource_want){.kind = kind, .ns = ns, .name = name};
}

const char *compiler_guess(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    const struct aged_list *aged = &compiler->by_age[kind];
    struct str *names;
    if (aged->count == 0 || aged->count > compiler->guesses_left)
        return NULL;
    size_t count = names_in(compiler, aged, ns, &names);
    compiler->guesses_left -= aged->count - count;
    return guess_name(compiler, name, names, count);
}

struct str compiler_hint(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    const struct aged_list *aged = &compiler->by_age[kind];
    struct str *names;
    if (aged->count == 0)
        return arena_printf(&compiler->scratch, "; there is no %s at all", kind_table[kind].name);
    if (aged->count > compiler->guesses_left)
        return STR("");
    for (size_t i = 0; i < aged->count && !compiler->options->is_cluster; i++) { /* others' names are theirs there */
        const struct resource *resource = aged->list[i].resource;
        if (str_eq(resource->name, name))
            return arena_printf(&compiler->scratch, "; there is one in namespace %.*s: write namespace: %.*s",
                                STR_ARG(resource->ns), STR_ARG(resource->ns));
    }
    size_t count = names_in(compiler, aged, ns, &names);
    compiler->guesses_left -= aged->count - count;
    return compiler_hint_name(compiler, name, names, count);
}
