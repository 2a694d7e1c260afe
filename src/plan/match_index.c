/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/match_index.h"

#include "base/mem.h"
#include "plan/groups.h"
#include "plan/literal.h"
#include "plan/name_table.h"
#include "plan/rank.h"

#include <stdlib.h>

#define TAILS_CAPACITY_MIN 64

/* Something that a path may go on with behind a node. */
struct tail {
    uint32_t node, len;
};

struct match_index {
    struct draft *draft;
    const struct rule_set *rules;
    struct name_table names;
    struct ranking ranking;
    struct groups groups;
    struct arena arena;
    struct tail *tails; /* as they were found */
    size_t tail_count, tail_capacity;
};

/* ---- hosts ---- */

/* Keys are in lower case; "*.example.com" has the key ".example.com". */
static struct str host_key(struct match_index *index, struct str host)
{
    struct str key = draft_lower_case(&index->arena, host);
    return str_slice(key, key.len > 0 && key.ptr[0] == '*', key.len);
}

/* What the parent has for this host, or PLAN_NONE. */
static uint32_t find_host(const struct match_index *index, const struct plan_hosts *hosts, uint32_t parent,
                          struct str key)
{
    return key.len > 0 ? name_table_value(&index->names, parent, key) : hosts->any;
}

static void add_host(struct match_index *index, struct plan_hosts *hosts, uint32_t parent, struct str key,
                     uint32_t value)
{
    if (key.len == 0) {
        hosts->any = value;
        return;
    }
    hosts->has_names = 1;
    hosts->has_wildcards |= key.ptr[0] == '.';
    name_table_add(&index->names, parent, key, value);
}

static bool add_listeners(struct match_index *index, struct err *err)
{
    for (uint32_t i = 0; i < index->rules->listener_count; i++) {
        const struct rule_listener *listener = &index->rules->listeners[i];
        uint32_t parent = PLAN_PARENT(PARENT_SOCKET, listener->socket);
        struct str key = host_key(index, listener->hostname);
        struct plan_socket *socket = draft_at(index->draft, ARRAY_SOCKETS, listener->socket);
        if (find_host(index, &socket->hosts, parent, key) != PLAN_NONE)
            return err_set(err, "listener %.*s: another one of its socket has the same hostname",
                           STR_ARG(listener->label));
        add_host(index, &socket->hosts, parent, key, i);
    }
    return true;
}

static uint32_t add_node(struct match_index *index, uint32_t parent)
{
    struct plan_node node = {.parent = parent};
    return draft_add_copies(index->draft, ARRAY_NODES, &node, 1).first;
}

/* The root of the binding's host. */
static uint32_t find_or_add_root(struct match_index *index, const struct rule_binding *binding)
{
    uint32_t parent = PLAN_PARENT(PARENT_LISTENER, binding->listener);
    struct str key = host_key(index, binding->host);
    struct plan_listener *listener = draft_at(index->draft, ARRAY_LISTENERS, binding->listener);
    uint32_t root = find_host(index, &listener->hosts, parent, key);
    if (root == PLAN_NONE) {
        root = add_node(index, PLAN_NONE);
        add_host(index, &listener->hosts, parent, key, root);
    }
    return root;
}

/* ---- paths ---- */

/* The node where this path ends: "/a/b" is two elements below the root, "/a/" as well ("a" and ""), "" is the root. */
static uint32_t find_or_add_node(struct match_index *index, uint32_t root, struct str path)
{
    uint32_t node = root;
    while (path.len > 0) {
        path = str_slice(path, 1, path.len);
        size_t len = str_find_char(path, '/');
        struct str element = str_slice(path, 0, len);
        uint32_t parent = PLAN_PARENT(PARENT_NODE, node), child = name_table_value(&index->names, parent, element);
        if (child == PLAN_NONE) {
            child = add_node(index, node);
            ((struct plan_node *)draft_at(index->draft, ARRAY_NODES, node))->has_children = 1;
            name_table_add(&index->names, parent, element, child);
        }
        node = child;
        path = str_slice(path, len, path.len);
    }
    return node;
}

/* ---- written order ---- */

/* Of a node; valid until the next one is added. */
static struct plan_branch *find_or_add_branch(struct match_index *index, uint32_t node)
{
    uint32_t number = ((const struct plan_node *)draft_at(index->draft, ARRAY_NODES, node))->branch;
    if (number == 0) {
        struct plan_branch branch = {.node = node, .ordered = PLAN_NONE, .folded = PLAN_NONE};
        number = draft_add_copies(index->draft, ARRAY_BRANCHES, &branch, 1).first + 1;
        ((struct plan_node *)draft_at(index->draft, ARRAY_NODES, node))->branch = number & INT32_MAX;
    }
    return draft_at(index->draft, ARRAY_BRANCHES, number - 1);
}

/* The virtual host's root of those in written order. */
static uint32_t find_or_add_ordered(struct match_index *index, uint32_t root, bool ignores_case)
{
    const struct plan_branch *branch = find_or_add_branch(index, root);
    uint32_t found = ignores_case ? branch->folded : branch->ordered;
    if (found != PLAN_NONE)
        return found;
    found = add_node(index, PLAN_NONE);
    struct plan_branch *changed = find_or_add_branch(index, root);
    *(ignores_case ? &changed->folded : &changed->ordered) = found;
    return found;
}

static void add_tail(struct match_index *index, uint32_t node, size_t len)
{
    if (index->tail_count == index->tail_capacity) {
        index->tail_capacity = index->tail_capacity > 0 ? index->tail_capacity * 2 : TAILS_CAPACITY_MIN;
        index->tails = mem_grow(index->tails, index->tail_capacity * sizeof(*index->tails));
    }
    index->tails[index->tail_count++] = (struct tail){node, (uint32_t)len};
}

/* The node of what begins with `path`: "/a/bc" is a tail "bc" behind the node of "/a", "/" an empty one behind the root. */
static uint32_t find_or_add_tail(struct match_index *index, uint32_t root, struct str path)
{
    size_t at = path.len;
    while (path.ptr[at - 1] != '/')
        at--;
    struct str tail = str_slice(path, at, path.len);
    uint32_t node = find_or_add_node(index, root, str_slice(path, 0, at - 1)), parent = PLAN_PARENT(PARENT_TAIL, node);
    uint32_t found = name_table_value(&index->names, parent, tail);
    if (found != PLAN_NONE)
        return found;
    found = add_node(index, node);
    name_table_add(&index->names, parent, tail, found);
    find_or_add_branch(index, node)->path_len = (uint32_t)(at - 1);
    add_tail(index, node, tail.len);
    return found;
}

static int by_node_and_length(const void *a, const void *b)
{
    const struct tail *left = a, *right = b;
    int order = (left->node > right->node) - (left->node < right->node);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

/* The lengths of each node's tails. */
static void write_tails(struct match_index *index)
{
    const struct tail *before = NULL;
    if (index->tail_count > 0)
        qsort(index->tails, index->tail_count, sizeof(*index->tails), by_node_and_length);
    for (size_t i = 0; i < index->tail_count; i++) {
        const struct tail *tail = &index->tails[i];
        struct plan_range *range = &find_or_add_branch(index, tail->node)->tails;
        bool is_known = before && before->node == tail->node && before->len == tail->len;
        before = tail;
        if (is_known)
            continue;
        uint32_t at = draft_add_copies(index->draft, ARRAY_LENGTHS, &tail->len, 1).first;
        *range = range->count > 0 ? (struct plan_range){range->first, range->count + 1} : (struct plan_range){at, 1};
    }
}

/* ---- matches ---- */

static void add_match(struct match_index *index, uint32_t root, uint32_t match)
{
    const struct ranked *ranked = &index->ranking.list[match];
    struct str path = ranked->path;
    enum group_slot slot = SLOT_PREFIX;
    if (ranked->is_in_written_order)
        root = find_or_add_ordered(index, root, ranked->rule->ignores_case);
    if (ranked->rule->ignores_case)
        path = draft_lower_case(&index->arena, path);
    switch (ranked->rule->path_kind) {
    case PATH_MATCH_EXACT: slot = SLOT_EXACT; break;
    case PATH_MATCH_REGEX:
        slot = SLOT_REGEX;
        path = literal_elements(path, &index->arena);
        break;
    case PATH_MATCH_STRING: groups_add(&index->groups, find_or_add_tail(index, root, path), slot, match); return;
    case PATH_MATCH_PREFIX: break;
    }
    groups_add(&index->groups, find_or_add_node(index, root, path), slot, match);
}

static bool add_route(struct match_index *index, size_t number, struct err *err)
{
    const struct rule_route *route = &index->rules->routes[number];
    for (size_t i = 0; i < route->binding_count && !draft_is_too_large(index->draft); i++) {
        const struct rule_binding *binding = &route->bindings[i];
        if (binding->listener >= index->rules->listener_count)
            return err_set(err, "route %.*s is bound to listener %zu of %zu", STR_ARG(route->label), binding->listener,
                           index->rules->listener_count);
        uint32_t root = find_or_add_root(index, binding);
        for (size_t k = 0; k < route->match_count; k++)
            add_match(index, root, index->ranking.places[index->ranking.firsts[number] + k]);
    }
    return true;
}

static bool fill(struct match_index *index, struct err *err)
{
    if (!add_listeners(index, err))
        return false;
    ranking_write(&index->ranking, index->draft);
    for (size_t i = 0; i < index->rules->route_count; i++) {
        if (!add_route(index, i, err))
            return false;
    }
    if (draft_is_too_large(index->draft))
        return true;
    write_tails(index);
    groups_write(&index->groups, &index->ranking, index->draft);
    name_table_write(&index->names, index->draft);
    return true;
}

bool match_index_write(struct draft *draft, const struct rule_set *rules, struct err *err)
{
    struct match_index index = {.draft = draft, .rules = rules};
    bool is_ranked = ranking_init(&index.ranking, rules, err);
    name_table_init(&index.names);
    groups_init(&index.groups);
    arena_init(&index.arena, NULL, 0);
    bool is_filled = is_ranked && fill(&index, err);
    mem_free(index.tails);
    arena_deinit(&index.arena);
    groups_deinit(&index.groups);
    name_table_deinit(&index.names);
    ranking_deinit(&index.ranking);
    return is_filled;
}
