/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/match_index.h"

#include "plan/groups.h"
#include "plan/literal.h"
#include "plan/name_table.h"
#include "plan/rank.h"

struct match_index {
    struct draft *draft;
    const struct rule_set *rules;
    struct name_table names;
    struct ranking ranking;
    struct groups groups;
    struct arena arena;
};

/* ---- hosts ---- */

/* Keys are in lower case; "*.example.com" has the key ".example.com". */
static struct str host_key(struct match_index *index, struct str host)
{
    char *key = arena_alloc(&index->arena, host.len);
    for (size_t i = 0; i < host.len; i++)
        key[i] = (char)(host.ptr[i] >= 'A' && host.ptr[i] <= 'Z' ? host.ptr[i] + ('a' - 'A') : host.ptr[i]);
    return str_slice((struct str){key, host.len}, host.len > 0 && key[0] == '*', host.len);
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

static void add_match(struct match_index *index, uint32_t root, uint32_t match)
{
    const struct ranked *ranked = &index->ranking.list[match];
    struct str path = ranked->path;
    enum group_slot slot = SLOT_PREFIX;
    switch (ranked->rule->path_kind) {
    case PATH_MATCH_EXACT: slot = SLOT_EXACT; break;
    case PATH_MATCH_REGEX:
        slot = SLOT_REGEX;
        path = literal_elements(path, &index->arena);
        break;
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
    arena_deinit(&index.arena);
    groups_deinit(&index.groups);
    name_table_deinit(&index.names);
    ranking_deinit(&index.ranking);
    return is_filled;
}
