/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifests.h"
#include "manifest/quote.h"

#define NAMES_SHOWN 5

/* ----------------------------------------------------------------------------------------------------------- copies */

static struct str copy_text(struct arena *arena, struct str text)
{
    return text.ptr ? arena_copy(arena, text) : text;
}

/* As deep as documents are, see DOCUMENT_MAX_DEPTH. */
static struct node *copy_node(struct arena *arena, const struct node *from, struct node *parent,
                              const struct source *source)
{
    struct node *node = arena_alloc(arena, sizeof(*node));
    *node = *from;
    node->source = source;
    node->parent = parent;
    node->next = node->first = node->last = NULL;
    node->key = copy_text(arena, from->key);
    node->text = copy_text(arena, from->text);
    for (const struct node *member = from->first; member; member = member->next) {
        struct node *copy = copy_node(arena, member, node, source);
        if (node->last)
            node->last->next = copy;
        else
            node->first = copy;
        node->last = copy;
    }
    return node;
}

static const struct node *copy_tree(struct arena *arena, const struct node *from)
{
    struct source *source = arena_alloc(arena, sizeof(*source));
    source->file = arena_copy(arena, from->source->file);
    return copy_node(arena, from, NULL, source);
}

/* -------------------------------------------------------------------------------------------------------- resources */

/* What is in force of the older resource; its own node may be of a version that is not. */
static const struct node *good_node(const struct resource *before)
{
    return ((const struct object_head *)before->object)->node;
}

/* It was decoded without an error once, so there is none now. */
static void keep(struct manifests *manifests, struct resource *resource, const struct resource *before)
{
    const struct node *node = copy_tree(&manifests->arena, good_node(before));
    struct problems said_before;
    problems_init(&said_before);
    resource->is_kept = manifests_decode(manifests, resource, node, &said_before);
    problems_deinit(&said_before);
    resource->is_bad = true;
    if (!resource->node)
        resource->node = node;
}

static void extend_problem(struct manifests *manifests, size_t index, struct str more)
{
    if (index >= manifests->problems.count)
        return;
    struct problem *problem = &manifests->problems.list[index];
    bool is_asked = str_ends_with(problem->text, STR("?")); /* what was meant: a sentence of its own follows */
    char first = is_asked && more.ptr[0] >= 'a' && more.ptr[0] <= 'z' ? (char)(more.ptr[0] - 'a' + 'A') : more.ptr[0];
    problem->text = arena_printf(&manifests->problems.arena, "%.*s%s %c%.*s", STR_ARG(problem->text),
                                 is_asked ? "" : ";", first, STR_ARG(str_slice(more, 1, more.len)));
}

static void keep_bad(struct manifests *manifests, const struct manifests *before)
{
    for (size_t i = 0; i < manifests->resource_count; i++) {
        struct resource *resource = &manifests->resources[i];
        if (!resource->is_bad)
            continue;
        const struct resource *old = manifests_find(before, resource->kind->id, resource->ns, resource->name);
        if (!old)
            continue;
        keep(manifests, resource, old);
        extend_problem(manifests, resource->problem, STR("its last good version stays in force"));
    }
}

/* ------------------------------------------------------------------------------------------------------------ files */

static void keep_of_file(struct manifests *manifests, struct broken_file *broken, const struct resource *old)
{
    struct resource *resource = manifests_add(manifests, old->kind, copy_text(&manifests->arena, old->ns),
                                              copy_text(&manifests->arena, old->name));
    keep(manifests, resource, old);
    resource->problem = broken->problem;
    if (++broken->kept > NAMES_SHOWN)
        return;
    char shown[QUOTE_TEXT];
    broken->names = arena_printf(&manifests->arena, "%.*s%s%s/%s", STR_ARG(broken->names), broken->kept > 1 ? ", " : "",
                                 kind_title(old->kind), quote_cut(old->name, shown));
}

static void keep_missing(struct manifests *manifests, const struct manifests *before)
{
    for (size_t i = 0; i < before->resource_count; i++) {
        const struct resource *old = &before->resources[i];
        if (!old->object || manifests_has(manifests, old->kind->id, old->ns, old->name))
            continue;
        struct broken_file *broken = map_find(&manifests->broken_files, good_node(old)->source->file);
        if (broken)
            keep_of_file(manifests, broken, old);
    }
}

static void say_kept(struct manifests *manifests, const struct broken_file *broken)
{
    if (broken->kept == 0)
        return;
    struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, broken->names);
    if (broken->kept > NAMES_SHOWN)
        strbuf_printf(&text, " and %zu more", broken->kept - NAMES_SHOWN);
    strbuf_add(&text, broken->kept > 1 ? STR(" stay in force as they were") : STR(" stays in force as it was"));
    extend_problem(manifests, broken->problem, strbuf_str(&text));
    strbuf_deinit(&text);
}

void manifests_keep_last_good(struct manifests *manifests, const struct manifests *before)
{
    if (!before)
        return;
    keep_bad(manifests, before);
    if (manifests->broken_files.live == 0)
        return;
    keep_missing(manifests, before);
    for (size_t i = 0; i < manifests->broken_files.count; i++)
        say_kept(manifests, manifests->broken_files.entries[i].value);
}
