/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/tree.h"

#include "base/utf8.h"
#include "manifest/scalar.h"

#include <inttypes.h>

#define CLIP 60
#define MAX_DUPLICATES 20 /* said of one document */
#define INDEX_FROM 16     /* members; below, looking at each is cheaper */

void tree_init(struct tree *tree, struct arena *arena, const struct source *source, struct problems *problems)
{
    *tree = (struct tree){.arena = arena, .source = source, .problems = problems};
    map_init(&tree->anchors);
}

static void drop_index(struct frame *frame)
{
    if (frame->has_index)
        map_deinit(&frame->index);
    frame->has_index = false;
}

void tree_deinit(struct tree *tree)
{
    while (tree->depth > 0)
        drop_index(&tree->frames[--tree->depth]);
    map_deinit(&tree->anchors);
}

void tree_begin(struct tree *tree)
{
    while (tree->depth > 0)
        drop_index(&tree->frames[--tree->depth]);
    if (tree->anchors.count > 0) {
        map_deinit(&tree->anchors);
        map_init(&tree->anchors);
    }
    tree->root = NULL;
    tree->is_broken = false;
    tree->alias_nodes = 0;
    tree->failures = 0;
}

struct str tree_clip(struct str text)
{
    if (text.len <= CLIP)
        return text;
    size_t len = 0;
    for (size_t next; len < CLIP && (next = utf8_len(str_slice(text, len, text.len))) > 0;)
        len += next;
    return str_slice(text, 0, len);
}

bool tree_fail(struct tree *tree, struct place at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = arena_vprintf(tree->arena, format, args);
    va_end(args);
    problems_add_place(tree->problems, SEVERITY_ERROR, tree->source->file, at.line, at.column, "%.*s", STR_ARG(text));
    tree->is_broken = true;
    tree->failures++;
    return false;
}

static struct frame *top_frame(struct tree *tree)
{
    return tree->depth > 0 ? &tree->frames[tree->depth - 1] : NULL;
}

const struct node *tree_find_open(const struct tree *tree, enum node_kind kind)
{
    for (uint32_t i = tree->depth; i > 0; i--) {
        if (kind == NODE_NULL || tree->frames[i - 1].node->kind == kind)
            return tree->frames[i - 1].node;
    }
    return NULL;
}

unsigned tree_indent(const struct tree *tree)
{
    return tree->depth > 0 ? tree->frames[tree->depth - 1].node->column - 1 : 0;
}

/* NULL: one too many. */
static struct node *new_node(struct tree *tree, enum node_kind kind, struct place at)
{
    if (tree->nodes == DOCUMENT_MAX_NODES) {
        tree->is_full = true;
        tree_fail(tree, at, "there are more than %u values; split the file", DOCUMENT_MAX_NODES);
        return NULL;
    }
    tree->nodes++;
    struct node *node = arena_alloc(tree->arena, sizeof(*node));
    *node = (struct node){
        .source = tree->source,
        .kind = kind,
        .line = at.line,
        .column = at.column,
        .key_line = at.line,
        .key_column = at.column,
    };
    return node;
}

static struct place place_of(const struct node *node)
{
    return (struct place){node->line, node->column};
}

static bool fail_deep(struct tree *tree, struct place at)
{
    return tree_fail(tree, at, "nested deeper than %d levels", DOCUMENT_MAX_DEPTH);
}

/* ------------------------------------------------------------------------------------------------------------ members */

static void append(struct node *parent, struct node *child)
{
    child->parent = parent;
    child->next = NULL;
    child->index = parent->count++;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

static const struct node *find_member(struct frame *frame, struct str key)
{
    if (frame->node->count < INDEX_FROM)
        return node_find(frame->node, key);
    if (!frame->has_index) {
        frame->has_index = true;
        map_init(&frame->index);
        for (struct node *member = frame->node->first; member; member = member->next)
            map_add(&frame->index, member->key, member);
    }
    return map_find(&frame->index, key);
}

static void add_member(struct frame *frame, struct node *member)
{
    append(frame->node, member);
    if (frame->has_index)
        map_add(&frame->index, member->key, member);
}

/* Gives a value its place in the tree. */
static void attach(struct tree *tree, struct node *node)
{
    struct frame *frame = top_frame(tree);
    if (!frame) {
        tree->root = node;
        return;
    }
    if (frame->node->kind == NODE_LIST) {
        append(frame->node, node);
        return;
    }
    node->key = frame->key;
    node->key_line = frame->key_at.line;
    node->key_column = frame->key_at.column;
    frame->has_key = false;
    if (frame->is_merge_key) {
        frame->merge = node;
        node->parent = frame->node;
    } else {
        add_member(frame, node);
    }
}

static bool wants_key(const struct frame *frame)
{
    return frame && frame->node->kind == NODE_MAP && !frame->has_key;
}

/* `scalar` is of any kind but a map or list. */
static bool set_key(struct tree *tree, const struct node *scalar, bool is_plain, struct place at)
{
    struct frame *frame = top_frame(tree);
    if (scalar->kind == NODE_NULL && scalar->text.len == 0)
        return tree_fail(tree, at, "there is no key before this ':'");
    if (scalar->kind == NODE_NULL)
        return tree_fail(tree, at, "%.*s can't be a key; quote it if it is a name", STR_ARG(scalar->text));

    frame->has_key = true;
    frame->key_at = at;
    frame->key = scalar->text;
    frame->is_merge_key = is_plain && str_eq(scalar->text, STR("<<"));
    if (scalar->kind == NODE_BOOL)
        frame->key = scalar->integer ? STR("true") : STR("false");
    if (scalar->kind == NODE_INT)
        frame->key = arena_printf(tree->arena, "%" PRId64, scalar->integer);

    const struct node *first = frame->is_merge_key ? frame->merge : find_member(frame, frame->key);
    bool is_resource = tree->depth == 1 && (str_eq(frame->key, STR("apiVersion")) || str_eq(frame->key, STR("kind")));
    if (first && is_resource)
        return tree_fail(tree, at,
                         "the key \"%.*s\" stands at %u:%u already; if another resource begins here, write a line of "
                         "--- before it, else remove one of the two",
                         STR_ARG(frame->key), first->key_line, first->key_column);
    if (first)
        tree_fail(tree, at, "the key \"%.*s\" stands at %u:%u already; remove one of the two",
                  STR_ARG(tree_clip(frame->key)), first->key_line, first->key_column);
    return tree->failures < MAX_DUPLICATES;
}

/* ------------------------------------------------------------------------------------------------- anchors and merges */

static void add_anchor(struct tree *tree, struct str anchor, struct node *node)
{
    if (anchor.len > 0)
        map_add(&tree->anchors, anchor, node);
}

/* NULL: a limit, said. As deep as the tree, which is limited; `depth` is that of the copy. */
static struct node *copy_node(struct tree *tree, const struct node *from, uint32_t depth, struct place alias)
{
    if (tree->alias_nodes == DOCUMENT_MAX_ALIAS_NODES) {
        tree_fail(tree, alias, "the aliases of this document stand for more than %u values", DOCUMENT_MAX_ALIAS_NODES);
        return NULL;
    }
    bool is_leaf = from->kind != NODE_MAP && from->kind != NODE_LIST;
    if (!is_leaf && depth == DOCUMENT_MAX_DEPTH) {
        fail_deep(tree, alias);
        return NULL;
    }
    struct node *node = new_node(tree, from->kind, place_of(from));
    if (!node)
        return NULL;
    tree->alias_nodes++;
    node->key = from->key;
    node->key_line = from->key_line;
    node->key_column = from->key_column;
    node->text = from->text;
    node->integer = from->integer;
    if (from->kind == NODE_FLOAT)
        node->real = from->real;
    for (const struct node *child = from->first; child; child = child->next) {
        struct node *copy = copy_node(tree, child, depth + 1, alias);
        if (!copy)
            return NULL;
        append(node, copy);
    }
    return node;
}

bool tree_alias(struct tree *tree, struct str anchor, struct place at)
{
    const struct node *target = map_find(&tree->anchors, anchor);
    if (!target)
        return tree_fail(tree, at, "there is no anchor &%.*s before this alias; a text that begins with * needs quotes",
                         STR_ARG(tree_clip(anchor)));
    for (uint32_t i = 0; i < tree->depth; i++) {
        if (tree->frames[i].node == target)
            return tree_fail(tree, at, "the alias *%.*s stands in what it names", STR_ARG(tree_clip(anchor)));
    }
    if (wants_key(top_frame(tree))) {
        if (target->kind == NODE_MAP || target->kind == NODE_LIST)
            return tree_fail(tree, at, "%s can't be a key", node_kind_name(target->kind));
        return set_key(tree, target, false, at);
    }
    struct node *copy = copy_node(tree, target, tree->depth, at);
    if (!copy)
        return false;
    attach(tree, copy);
    return true;
}

/* Moves the members of `from`, which nothing else refers to, that the map does not have. */
static void merge_members(struct frame *frame, const struct node *from)
{
    for (struct node *member = from->first, *next; member; member = next) {
        next = member->next;
        if (!find_member(frame, member->key))
            add_member(frame, member);
    }
}

static bool merge(struct tree *tree, struct frame *frame)
{
    const struct node *value = frame->merge;
    if (value->kind == NODE_MAP) {
        merge_members(frame, value);
        return true;
    }
    bool is_list = value->kind == NODE_LIST;
    for (const struct node *map = value->first; map; map = map->next)
        is_list = is_list && map->kind == NODE_MAP;
    if (!is_list)
        return tree_fail(tree, place_of(value), "<< takes a map or a list of maps");
    for (const struct node *map = value->first; map; map = map->next)
        merge_members(frame, map);
    return true;
}

/* ------------------------------------------------------------------------------------------------- what the reader met */

bool tree_open(struct tree *tree, enum node_kind kind, struct place at, struct str anchor)
{
    if (wants_key(top_frame(tree)))
        return tree_fail(tree, at, "%s can't be a key%s", node_kind_name(kind),
                         kind == NODE_MAP ? "; is this a template that is not rendered yet?" : "");
    if (tree->depth == DOCUMENT_MAX_DEPTH)
        return fail_deep(tree, at);
    struct node *node = new_node(tree, kind, at);
    if (!node)
        return false;
    attach(tree, node);
    add_anchor(tree, anchor, node);
    tree->frames[tree->depth++] = (struct frame){.node = node};
    return true;
}

bool tree_close(struct tree *tree)
{
    struct frame *frame = top_frame(tree);
    bool is_merged = !frame->merge || merge(tree, frame);
    drop_index(frame);
    tree->depth--;
    return is_merged;
}

static bool resolve(struct tree *tree, struct node *node, const struct scalar *scalar)
{
    static const struct {
        const char *name;
        enum node_kind kind;
    } tags[] = {
        [TAG_STRING] = {"!!str", NODE_STRING}, [TAG_INT] = {"!!int", NODE_INT},
        [TAG_FLOAT] = {"!!float", NODE_FLOAT}, [TAG_BOOL] = {"!!bool", NODE_BOOL},
        [TAG_NULL] = {"!!null", NODE_NULL},
    };
    bool is_number_or_word = scalar->tag == TAG_NONE ? scalar->is_plain : scalar->tag != TAG_STRING;
    if (is_number_or_word)
        scalar_resolve(node, tree->arena);
    if (scalar->tag == TAG_NONE)
        return true;
    if (scalar->tag == TAG_FLOAT && node->kind == NODE_INT) {
        node->kind = NODE_FLOAT;
        node->real = (double)node->integer;
    }
    if (node->kind == tags[scalar->tag].kind)
        return true;
    return tree_fail(tree, scalar->at, "\"%.*s\" is not %s, which its tag %s says", STR_ARG(tree_clip(scalar->text)),
                     node_kind_name(tags[scalar->tag].kind), tags[scalar->tag].name);
}

bool tree_scalar(struct tree *tree, const struct scalar *scalar)
{
    if (!scalar->is_plain && memchr(scalar->text.ptr, '\0', scalar->text.len))
        return tree_fail(tree, scalar->at, "a text can't hold the character U+0000");
    bool is_key = wants_key(top_frame(tree));
    struct node local = {.kind = NODE_STRING, .text = scalar->text};
    struct node *node = &local;
    if (!is_key || scalar->anchor.len > 0) {
        node = new_node(tree, NODE_STRING, scalar->at);
        if (!node)
            return false;
        node->text = scalar->text;
    }
    if (!resolve(tree, node, scalar))
        return false;
    add_anchor(tree, scalar->anchor, node);
    if (is_key)
        return set_key(tree, node, scalar->is_plain && scalar->tag == TAG_NONE, scalar->at);
    attach(tree, node);
    return true;
}
