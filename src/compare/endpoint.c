/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/endpoint.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "compare/element.h"
#include "http/byte_class.h"

#include <xxhash.h>

/* A tree that a client fills with nonsense stays at a few MiB: places in it, and names that it makes in all its life. After that nothing
 * is learned, and what is not known is "METHOD /{...}". */
#define NODES_MOST 8192
#define NAMES_MOST 8192
/* Elements of a path that count, and bytes of them together; what follows is "{...}". */
#define DEPTH_MOST 24
#define PATH_MOST 400
#define METHODS_MOST 16
#define METHOD_MOST 24
/* Of a call's full method. */
#define CALL_MOST 256

struct node {
    struct node *up;
    struct node **words; /* ENDPOINT_SIBLINGS at most */
    uint64_t *hashes;    /* of the words */
    unsigned count, room;
    struct node *param;
    struct node *rest; /* all below that is too deep */
    struct str word;   /* owned; of a param "{id}" */
    struct str name;   /* of the requests that end here; empty: none did */
    bool is_merged;    /* every element is the param */
};

struct rename {
    struct str from, to;
};

struct endpoint_tree {
    struct arena arena; /* names */
    struct node *methods[METHODS_MOST];
    size_t method_count;
    struct map calls; /* of names that are endpoints as they are */
    size_t nodes, endpoints, names;
    struct rename *renames;
    size_t rename_count, rename_capacity, rename_at;
};

static const struct str param_word = STR_INIT("{id}");
static const struct str rest_word = STR_INIT("{...}");

struct endpoint_tree *endpoint_tree_new(void)
{
    struct endpoint_tree *tree = mem_alloc(sizeof(*tree));
    arena_init(&tree->arena, NULL, 0);
    map_init(&tree->calls);
    return tree;
}

static void node_free(struct endpoint_tree *tree, struct node *node)
{
    if (!node)
        return;
    mem_free((char *)node->word.ptr);
    mem_free(node->words);
    mem_free(node->hashes);
    mem_free(node);
    tree->nodes--;
}

static void free_below(struct endpoint_tree *tree, struct node *node)
{
    if (!node)
        return;
    for (unsigned i = 0; i < node->count; i++)
        free_below(tree, node->words[i]);
    free_below(tree, node->param);
    free_below(tree, node->rest);
    node_free(tree, node);
}

void endpoint_tree_free(struct endpoint_tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->method_count; i++)
        free_below(tree, tree->methods[i]);
    map_deinit(&tree->calls);
    arena_deinit(&tree->arena);
    mem_free(tree->renames);
    mem_free(tree);
}

static struct node *node_new(struct endpoint_tree *tree, struct node *up, struct str word)
{
    struct node *node = mem_alloc(sizeof(*node));
    node->up = up;
    node->word = (struct str){mem_dup(word.ptr, word.len), word.len};
    tree->nodes++;
    return node;
}

/* ---- names ---- */

#define NAME_ROOM (METHOD_MOST + (DEPTH_MOST + 2) * (ELEMENT_ROOM + 1))

static struct str write_name(const struct node *node, char text[NAME_ROOM])
{
    const struct node *chain[DEPTH_MOST + 2];
    size_t count = 0, len;
    for (; node->up; node = node->up)
        chain[count++] = node;
    len = node->word.len;
    memcpy(text, node->word.ptr, len);
    text[len++] = ' ';
    if (count == 0)
        text[len++] = '/';
    while (count > 0) {
        struct str word = chain[--count]->word;
        text[len++] = '/';
        memcpy(text + len, word.ptr, word.len);
        len += word.len;
    }
    return (struct str){text, len};
}

static struct str copy_name(struct endpoint_tree *tree, struct str name)
{
    tree->names++;
    return arena_copy(&tree->arena, name);
}

static void add_rename(struct endpoint_tree *tree, struct str from, struct str to)
{
    if (tree->rename_count == tree->rename_capacity) {
        tree->rename_capacity = tree->rename_capacity ? 2 * tree->rename_capacity : 64;
        tree->renames = mem_grow(tree->renames, tree->rename_capacity * sizeof(*tree->renames));
    }
    tree->renames[tree->rename_count++] = (struct rename){from, to};
}

bool endpoint_renamed(struct endpoint_tree *tree, struct str *from, struct str *to)
{
    if (tree->rename_at == tree->rename_count) {
        tree->rename_at = tree->rename_count = 0;
        return false;
    }
    *from = tree->renames[tree->rename_at].from;
    *to = tree->renames[tree->rename_at++].to;
    return true;
}

/* After a merge above. */
static void rename_below(struct endpoint_tree *tree, struct node *node)
{
    if (!node)
        return;
    char text[NAME_ROOM];
    struct str from = node->name, to = from.len > 0 ? write_name(node, text) : STR_NONE;
    if (!str_eq(from, to)) {
        node->name = copy_name(tree, to);
        add_rename(tree, from, node->name);
    }
    for (unsigned i = 0; i < node->count; i++)
        rename_below(tree, node->words[i]);
    rename_below(tree, node->param);
    rename_below(tree, node->rest);
}

/* ---- merging ---- */

static struct node *find_word(const struct node *node, struct str word, uint64_t hash)
{
    for (unsigned i = 0; i < node->count; i++) {
        if (node->hashes[i] == hash && str_eq(node->words[i]->word, word))
            return node->words[i];
    }
    return NULL;
}

static uint64_t hash_of(struct str word)
{
    return XXH3_64bits(word.ptr, word.len);
}

static void attach(struct node *node, struct node *word, uint64_t hash)
{
    if (node->count == node->room) {
        node->room = node->room ? 2 * node->room : 4;
        node->words = mem_grow(node->words, node->room * sizeof(struct node *));
        node->hashes = mem_grow(node->hashes, node->room * sizeof(*node->hashes));
    }
    word->up = node;
    node->hashes[node->count] = hash;
    node->words[node->count++] = word;
}

static void absorb(struct endpoint_tree *tree, struct node *into, struct node *from);

/* All words become the param; names below are old ones until rename_below. */
static void merge_words(struct endpoint_tree *tree, struct node *node)
{
    struct node **words = node->words;
    unsigned count = node->count;
    node->words = NULL;
    mem_free(node->hashes);
    node->hashes = NULL;
    node->count = node->room = 0;
    node->is_merged = true;
    if (!node->param)
        node->param = node_new(tree, node, param_word);
    for (unsigned i = 0; i < count; i++)
        absorb(tree, node->param, words[i]);
    mem_free(words);
}

static void absorb_word(struct endpoint_tree *tree, struct node *into, struct node *word, uint64_t hash)
{
    struct node *same = into->is_merged ? into->param : find_word(into, word->word, hash);
    if (same) {
        absorb(tree, same, word);
        return;
    }
    attach(into, word, hash);
    if (into->count > ENDPOINT_SIBLINGS)
        merge_words(tree, into);
}

/* `from` and all below it becomes part of `into`. As deep as paths are. */
static void absorb(struct endpoint_tree *tree, struct node *into, struct node *from)
{
    if (from->name.len > 0 && into->name.len > 0) {
        add_rename(tree, from->name, into->name);
        tree->endpoints--;
    } else if (from->name.len > 0) {
        into->name = from->name;
    }
    if (from->is_merged && !into->is_merged)
        merge_words(tree, into);
    for (unsigned i = 0; i < from->count; i++)
        absorb_word(tree, into, from->words[i], from->hashes[i]);
    struct node **places[] = {&into->param, &into->rest}, *moved[] = {from->param, from->rest};
    for (size_t i = 0; i < 2; i++) {
        if (!moved[i])
            continue;
        if (*places[i]) {
            absorb(tree, *places[i], moved[i]);
        } else {
            *places[i] = moved[i];
            moved[i]->up = into;
        }
    }
    node_free(tree, from);
}

/* ---- walking ---- */

static bool is_full(const struct endpoint_tree *tree)
{
    return tree->nodes >= NODES_MOST || tree->names >= NAMES_MOST;
}

static struct node *go_to_place(struct endpoint_tree *tree, struct node *node, struct node **place, struct str word)
{
    if (!*place && !is_full(tree))
        *place = node_new(tree, node, word);
    return *place;
}

static bool is_number(struct str word)
{
    size_t digits = 0;
    while (digits < word.len && word.ptr[digits] >= '0' && word.ptr[digits] <= '9')
        digits++;
    return digits == word.len;
}

/* NULL: there is no more room. */
static struct node *go_to_word(struct endpoint_tree *tree, struct node *node, struct str word)
{
    /* Numbers are never words: the quickest way for what is most. */
    if (node->is_merged || is_number(word))
        return go_to_place(tree, node, &node->param, param_word);
    uint64_t hash = hash_of(word);
    struct node *found = find_word(node, word, hash);
    if (found)
        return found;
    if (element_is_id(word))
        return go_to_place(tree, node, &node->param, param_word);
    if (is_full(tree))
        return NULL;
    attach(node, node_new(tree, node, word), hash);
    if (node->count <= ENDPOINT_SIBLINGS)
        return node->words[node->count - 1];
    merge_words(tree, node);
    rename_below(tree, node->param);
    return node->param;
}

static struct node *walk(struct endpoint_tree *tree, struct node *node, struct str path)
{
    char room[ELEMENT_ROOM];
    struct str element;
    size_t depth = 0, bytes = 0;
    enum element_kind kind;
    while (node && (kind = element_next(&path, room, &element)) != ELEMENT_END) {
        if (kind == ELEMENT_UP) {
            depth -= depth > 0;
            node = node->up ? node->up : node;
            continue;
        }
        bytes += kind == ELEMENT_LONG ? param_word.len : element.len;
        if (++depth > DEPTH_MOST || bytes > PATH_MOST)
            return go_to_place(tree, node, &node->rest, rest_word);
        if (kind == ELEMENT_LONG)
            node = go_to_place(tree, node, &node->param, param_word);
        else
            node = go_to_word(tree, node, element);
    }
    return node;
}

static bool is_method(struct str method)
{
    bool is_token = method.len > 0 && method.len <= METHOD_MOST;
    for (size_t i = 0; is_token && i < method.len; i++)
        is_token = byte_is(method.ptr[i], BYTE_TOKEN);
    return is_token;
}

/* Methods that are none, or one too many, are one. */
static struct node *find_method(struct endpoint_tree *tree, struct str method)
{
    static const struct str other = STR_INIT("{method}");
    for (size_t i = 0; i < tree->method_count; i++) {
        if (str_eq(tree->methods[i]->word, method))
            return tree->methods[i];
    }
    if (!str_eq(method, other) && (tree->method_count >= METHODS_MOST - 1 || !is_method(method)))
        return find_method(tree, other);
    struct node *node = node_new(tree, NULL, method);
    tree->methods[tree->method_count++] = node;
    return node;
}

/* A name that is an endpoint as it is; empty: there is no more room. */
static struct str keep_name(struct endpoint_tree *tree, struct str name)
{
    struct str *kept = map_find(&tree->calls, name);
    if (kept)
        return *kept;
    if (tree->endpoints >= ENDPOINT_MOST || is_full(tree))
        return STR_NONE;
    kept = arena_alloc(&tree->arena, sizeof(*kept));
    *kept = arena_copy(&tree->arena, name);
    map_add(&tree->calls, name, kept);
    tree->endpoints++;
    tree->names++;
    return *kept;
}

/* "METHOD /{...}", of which there are as many as methods. */
static struct str rest_of(struct endpoint_tree *tree, const struct node *method)
{
    char text[METHOD_MOST + 8];
    memcpy(text, method->word.ptr, method->word.len);
    memcpy(text + method->word.len, " /{...}", 7);
    struct str name = {text, method->word.len + 7}, *kept = map_find(&tree->calls, name);
    if (kept)
        return *kept;
    kept = arena_alloc(&tree->arena, sizeof(*kept));
    *kept = arena_copy(&tree->arena, name);
    map_add(&tree->calls, name, kept);
    return *kept;
}

static bool is_shown(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
            return false;
    }
    return text.len > 0 && text.len <= CALL_MOST;
}

struct str endpoint_of(struct endpoint_tree *tree, struct str method, struct str target, bool is_call)
{
    struct node *root = find_method(tree, method);
    struct str path = element_path(target), name = STR_NONE;
    if (is_call) {
        if (is_shown(path))
            name = keep_name(tree, path);
        return name.len > 0 ? name : rest_of(tree, root);
    }
    if (path.len == 0)
        return rest_of(tree, root);
    struct node *node = walk(tree, root, path);
    if (!node || (node->name.len == 0 && (tree->endpoints >= ENDPOINT_MOST || tree->names >= NAMES_MOST)))
        return rest_of(tree, root);
    if (node->name.len == 0) {
        char text[NAME_ROOM];
        node->name = copy_name(tree, write_name(node, text));
        tree->endpoints++;
    }
    return node->name;
}
