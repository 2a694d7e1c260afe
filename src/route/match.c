/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

#include "http/url.h"
#include "plan/hash.h"
#include "route/condition.h"

/* No longer host is a name (RFC 1035 2.3.4). */
#define MATCH_MAX_HOST 255
/* A request that drives so many regular expressions to their limit gets no more of them, or it would hold up its worker. */
#define MATCH_MAX_LIMIT_HITS 4
#define CACHE_LINE 64
/* Else GCC finds that a function of prefetches has no effect, and leaves out the call. */
#define FOR_CACHE static inline __attribute__((always_inline)) void

/* One request on its way through the plan. */
struct walk {
    const struct plan *plan;
    const struct regexes *regexes;
    struct route_scratch *scratch;
    const struct head *head;
    struct str path;
    unsigned limit_hits;
    bool has_host;   /* it was looked for */
    struct str host; /* as the plan has names; in `buffer` */
    char buffer[MATCH_MAX_HOST];
};

/* ---- memory ---- */

/* Asks the cache for an element, wherever it is said to be. */
FOR_CACHE load(const struct plan *plan, struct plan_array array, uint32_t index, size_t size)
{
    uintptr_t first = (uintptr_t)plan + array.off + index * size, last = first + size - 1;
    __builtin_prefetch((const void *)first);
    if (first / CACHE_LINE != last / CACHE_LINE)
        __builtin_prefetch((const void *)last);
}

FOR_CACHE load_ahead(const struct plan *plan, const struct plan_ahead *ahead)
{
    load(plan, plan->matches, ahead->match, sizeof(struct plan_match));
    load(plan, plan->routes, ahead->route, sizeof(struct plan_route));
    load(plan, plan->weighted, ahead->weighted, sizeof(struct plan_weighted));
}

/* ---- names ---- */

static uint32_t find_name(const struct plan *plan, uint32_t parent, struct str key)
{
    if (plan->names.count == 0)
        return PLAN_NONE;
    uint32_t hash = plan_name_hash(parent, key), mask = plan->names.count - 1;
    for (uint32_t slot = hash & mask;; slot = (slot + 1) & mask) {
        const struct plan_name *name = PLAN_NAME(plan, slot);
        if (name->value == PLAN_NONE)
            return PLAN_NONE;
        if (name->hash != hash || name->parent != parent)
            continue;
        if (parent >> 30 != PARENT_SOCKET) {
            load(plan, plan->nodes, name->value, sizeof(struct plan_node));
            load_ahead(plan, &name->ahead);
        }
        if (str_eq(plan_text(plan, name->key), key))
            return name->value;
    }
}

/* ---- what one match wants ---- */

static bool matches_regex(struct walk *walk, uint32_t regex, struct str subject)
{
    if (walk->limit_hits == MATCH_MAX_LIMIT_HITS)
        return false;
    enum regex_result result = regexes_match(walk->regexes, walk->scratch->regex, regex, subject);
    walk->limit_hits += result == REGEX_LIMIT;
    return result == REGEX_YES;
}

static bool has_value(struct walk *walk, const struct plan_condition *condition, struct str *value)
{
    struct str name = plan_text(walk->plan, condition->name);
    return condition_value(walk->head, (enum plan_condition_kind)condition->kind, name, walk->scratch->value, value);
}

static bool meets(struct walk *walk, const struct plan_condition *condition)
{
    struct str value;
    if (!has_value(walk, condition, &value))
        return false;
    if (condition->regex != PLAN_NONE)
        return matches_regex(walk, condition->regex, value);
    return str_eq(value, plan_text(walk->plan, condition->value));
}

static bool applies(struct walk *walk, const struct plan_match *match)
{
    if (match->method.len > 0 && !str_eq(walk->head->method, plan_text(walk->plan, match->method)))
        return false;
    for (uint32_t i = 0; i < match->conditions.count; i++) {
        if (!meets(walk, PLAN_CONDITION(walk->plan, match->conditions.first + i)))
            return false;
    }
    return match->regex == PLAN_NONE || matches_regex(walk, match->regex, walk->path);
}

/* ---- groups ---- */

/* The hash of what the request has where the group looks; false when something is not there. */
static bool hash_values(struct walk *walk, const struct plan_group *group, uint64_t *hash)
{
    struct str value;
    *hash = group->has_method ? plan_values_hash(0, walk->head->method) : 0;
    for (uint32_t i = 0; i < group->keys.count; i++) {
        if (!has_value(walk, PLAN_CONDITION(walk->plan, group->keys.first + i), &value))
            return false;
        *hash = plan_values_hash(*hash, value);
    }
    return true;
}

/* The matches of the group that the request's values leave. */
static struct plan_range find_candidates(struct walk *walk, uint32_t index)
{
    static const struct plan_range none;
    const struct plan *plan = walk->plan;
    const struct plan_group *group = PLAN_GROUP(plan, index);
    uint64_t values;
    if (!group->has_method && group->keys.count == 0)
        return group->matches;
    if (plan->buckets.count == 0 || !hash_values(walk, group, &values))
        return none;
    uint64_t hash = plan_bucket_hash(index, values);
    uint32_t mask = plan->buckets.count - 1;
    for (uint32_t slot = (uint32_t)hash & mask;; slot = (slot + 1) & mask) {
        const struct plan_bucket *bucket = PLAN_BUCKET(plan, slot);
        if (bucket->group == PLAN_NONE)
            return none;
        if (bucket->group != index || bucket->hash != hash)
            continue;
        load_ahead(plan, &bucket->ahead);
        load(plan, plan->conditions, bucket->condition, sizeof(struct plan_condition));
        return bucket->matches;
    }
}

static uint32_t try_match(struct walk *walk, uint32_t match, uint32_t best)
{
    return match < best && applies(walk, PLAN_MATCH(walk->plan, match)) ? match : best;
}

/* The first of them that applies and comes before `best`; else `best`. */
static uint32_t try_candidates(struct walk *walk, struct plan_range candidates, uint32_t best)
{
    if (candidates.count == PLAN_SOLE)
        return try_match(walk, candidates.first, best);
    for (uint32_t i = 0; i < candidates.count; i++) {
        uint32_t match = PLAN_CANDIDATE(walk->plan, candidates.first + i);
        if (match >= best)
            break;
        if (applies(walk, PLAN_MATCH(walk->plan, match)))
            return match;
    }
    return best;
}

/* The same of the groups' matches. */
static uint32_t try_groups(struct walk *walk, struct plan_range groups, uint32_t best)
{
    if (groups.count == PLAN_SOLE)
        return try_match(walk, groups.first, best);
    for (uint32_t i = 0; i < groups.count; i++) {
        if (PLAN_GROUP(walk->plan, groups.first + i)->best >= best)
            break;
        best = try_candidates(walk, find_candidates(walk, groups.first + i), best);
    }
    return best;
}

/* ---- paths ---- */

/* The last node on the path's way down from `node`; *is_end when the path ends there. */
static uint32_t descend(const struct walk *walk, uint32_t node, bool *is_end)
{
    struct str rest = walk->path;
    while (PLAN_NODE(walk->plan, node)->has_children && rest.len > 0 && rest.ptr[0] == '/') {
        size_t len = str_find_char(str_slice(rest, 1, rest.len), '/');
        uint32_t child = find_name(walk->plan, PLAN_PARENT(PARENT_NODE, node), str_slice(rest, 1, 1 + len));
        if (child == PLAN_NONE)
            break;
        node = child;
        rest = str_slice(rest, 1 + len, rest.len);
    }
    *is_end = rest.len == 0;
    return node;
}

/* The best match below `root`, or PLAN_NONE. */
static uint32_t match_path(struct walk *walk, uint32_t root)
{
    const struct plan *plan = walk->plan;
    bool is_end;
    uint32_t last = descend(walk, root, &is_end), best = PLAN_NONE;
    if (is_end)
        best = try_groups(walk, PLAN_NODE(plan, last)->exact, best);
    if (best != PLAN_NONE)
        return best;
    for (uint32_t node = last; node != PLAN_NONE; node = PLAN_NODE(plan, node)->parent)
        best = try_groups(walk, PLAN_NODE(plan, node)->regexes, best);
    for (uint32_t node = last; node != PLAN_NONE && best == PLAN_NONE; node = PLAN_NODE(plan, node)->parent)
        best = try_groups(walk, PLAN_NODE(plan, node)->prefixes, best);
    return best;
}

/* ---- hosts ---- */

/* The host that counts: in lower case, without port and dot at the end. Empty when it is none. */
static struct str host_of(const struct head *head, char *buffer)
{
    struct str host;
    uint16_t port;
    if (!url_split_authority(head->authority, &host, &port))
        return STR_NONE;
    if (host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len > MATCH_MAX_HOST)
        return STR_NONE;
    for (size_t i = 0; i < host.len; i++)
        buffer[i] = (char)(host.ptr[i] >= 'A' && host.ptr[i] <= 'Z' ? host.ptr[i] + ('a' - 'A') : host.ptr[i]);
    return (struct str){buffer, host.len};
}

static struct str get_host(struct walk *walk)
{
    if (!walk->has_host)
        walk->host = host_of(walk->head, walk->buffer);
    walk->has_host = true;
    return walk->host;
}

/* What can be found for a host, the most specific first. */
struct host_search {
    const struct plan_hosts *hosts;
    uint32_t parent;
    struct str host; /* empty when the plan has no names here */
    size_t at;       /* where the next key begins: 0 the host, then every dot */
    bool is_over;
};

static struct host_search begin_search(struct walk *walk, const struct plan_hosts *hosts, uint32_t parent)
{
    return (struct host_search){
        .hosts = hosts,
        .parent = parent,
        .host = hosts->has_names ? get_host(walk) : STR_NONE,
    };
}

static uint32_t next_name(const struct plan *plan, struct host_search *search)
{
    struct str key = str_slice(search->host, search->at, search->host.len);
    bool is_name = search->at > 0 || key.ptr[0] != '.';
    if (search->hosts->has_wildcards)
        search->at += 1 + str_find_char(str_slice(key, 1, key.len), '.');
    else
        search->at = search->host.len;
    return is_name ? find_name(plan, search->parent, key) : PLAN_NONE;
}

/* The next one, or PLAN_NONE. */
static uint32_t next_host(const struct plan *plan, struct host_search *search)
{
    while (search->at < search->host.len) {
        uint32_t found = next_name(plan, search);
        if (found != PLAN_NONE)
            return found;
    }
    if (search->is_over)
        return PLAN_NONE;
    search->is_over = true;
    return search->hosts->any;
}

/* The buffer stays as it is: clearing it would cost more than the rest. */
static void walk_init(struct walk *walk, const struct plan *plan, const struct regexes *regexes,
                      struct route_scratch *scratch, const struct route_request *request)
{
    walk->plan = plan;
    walk->regexes = regexes;
    walk->scratch = scratch;
    walk->head = request->head;
    walk->path = request->path;
    walk->limit_hits = 0;
    walk->has_host = false;
}

void route_scratch_init(struct route_scratch *scratch)
{
    scratch->regex = regex_scratch_new();
    scratch->limit_hits = 0;
}

void route_scratch_deinit(struct route_scratch *scratch)
{
    regex_scratch_free(scratch->regex);
}

void route_match(const struct plan *plan, const struct regexes *regexes, struct route_scratch *scratch,
                 const struct route_request *request, struct route_match *match)
{
    struct walk walk;
    walk_init(&walk, plan, regexes, scratch, request);
    *match = (struct route_match){PLAN_NONE, PLAN_NONE, 0};
    if (request->socket >= plan->sockets.count)
        return;
    struct host_search search = begin_search(&walk, &PLAN_SOCKET(plan, request->socket)->hosts,
                                             PLAN_PARENT(PARENT_SOCKET, request->socket));
    match->listener = next_host(plan, &search);
    if (match->listener == PLAN_NONE)
        return;
    search = begin_search(&walk, &PLAN_LISTENER(plan, match->listener)->hosts,
                          PLAN_PARENT(PARENT_LISTENER, match->listener));
    uint32_t best = PLAN_NONE, root;
    while (best == PLAN_NONE && (root = next_host(plan, &search)) != PLAN_NONE)
        best = match_path(&walk, root);
    scratch->limit_hits += walk.limit_hits;
    if (best == PLAN_NONE)
        return;
    match->route = PLAN_MATCH(plan, best)->route;
    size_t prefix_len = PLAN_MATCH(plan, best)->prefix.len;
    match->prefix_len = prefix_len < request->path.len ? prefix_len
                                                       : request->path.len; /* a damaged plan could say more */
}
