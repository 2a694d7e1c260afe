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
    const struct route_request *request;
    struct condition_subject subject;
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

/* What is not known is neither met nor, negated, met. */
enum outcome { IS_NOT, IS_SO, IS_UNKNOWN };

static enum outcome test_regex(struct walk *walk, uint32_t regex, struct str subject)
{
    if (walk->limit_hits == MATCH_MAX_LIMIT_HITS)
        return IS_UNKNOWN;
    switch (regexes_match(walk->regexes, walk->scratch->regex, regex, subject)) {
    case REGEX_NO: return IS_NOT;
    case REGEX_YES: return IS_SO;
    case REGEX_LIMIT: break;
    }
    walk->limit_hits++;
    return IS_UNKNOWN;
}

static enum condition_found find_value(struct walk *walk, const struct plan_condition *condition, struct str *value)
{
    struct str name = plan_text(walk->plan, condition->name);
    return condition_value(&walk->subject, (enum plan_condition_kind)condition->kind, name, walk->scratch->value,
                           value);
}

static enum outcome test_peer(const struct walk *walk, uint32_t set)
{
    const struct route_request *request = walk->request;
    return request->peer && request->peer_sets && endpoint_peers_has(&request->peer_sets[set], request->peer) ? IS_SO
                                                                                                              : IS_NOT;
}

static enum outcome test_value(struct walk *walk, const struct plan_condition *condition, struct str value)
{
    switch ((enum plan_test)condition->test) {
    case TEST_EXACT: return str_eq(value, plan_text(walk->plan, condition->value)) ? IS_SO : IS_NOT;
    case TEST_PREFIX: return str_starts_with(value, plan_text(walk->plan, condition->value)) ? IS_SO : IS_NOT;
    case TEST_REGEX: return test_regex(walk, condition->index, value);
    case TEST_PRESENT: break;
    }
    return IS_SO;
}

static enum outcome test(struct walk *walk, const struct plan_condition *condition)
{
    struct str value;
    if (condition->kind == CONDITION_PEER)
        return test_peer(walk, condition->index);
    switch (find_value(walk, condition, &value)) {
    case CONDITION_FOUND: return test_value(walk, condition, value);
    case CONDITION_TOO_LONG: return condition->test == TEST_PRESENT ? IS_SO : IS_UNKNOWN;
    case CONDITION_ABSENT: break;
    }
    return IS_NOT;
}

static bool meets(struct walk *walk, const struct plan_condition *condition)
{
    return test(walk, condition) == (condition->is_negated ? IS_NOT : IS_SO);
}

static bool applies(struct walk *walk, const struct plan_match *match)
{
    if (match->method.len > 0 && !str_eq(walk->request->head->method, plan_text(walk->plan, match->method)))
        return false;
    for (uint32_t i = 0; i < match->conditions.count; i++) {
        if (!meets(walk, PLAN_CONDITION(walk->plan, match->conditions.first + i)))
            return false;
    }
    return match->regex == PLAN_NONE || test_regex(walk, match->regex, walk->request->path) == IS_SO;
}

/* ---- groups ---- */

/* The hash of what the request has where the group looks; false when something is not there. */
static bool hash_values(struct walk *walk, const struct plan_group *group, uint64_t *hash)
{
    struct str value;
    *hash = group->has_method ? plan_values_hash(0, walk->request->head->method) : 0;
    for (uint32_t i = 0; i < group->keys.count; i++) {
        if (find_value(walk, PLAN_CONDITION(walk->plan, group->keys.first + i), &value) != CONDITION_FOUND)
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

/* The last node on the path's way down from `node`; *is_end when the path ends there. Nearly each request goes it once. */
static inline __attribute__((always_inline)) uint32_t descend(const struct walk *walk, uint32_t node, struct str path,
                                                              bool *is_end)
{
    struct str rest = path;
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
    uint32_t last = descend(walk, root, walk->request->path, &is_end), best = PLAN_NONE;
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

/* ---- written order ---- */

/* The first match, as far as it comes before `best`, among those of what begins with something behind this node. */
static uint32_t try_tails(struct walk *walk, uint32_t node, struct str path, uint32_t best)
{
    const struct plan *plan = walk->plan;
    const struct plan_branch *branch = PLAN_BRANCH(plan, PLAN_NODE(plan, node)->branch - 1);
    struct str rest = str_slice(path, branch->path_len, path.len);
    if (!str_starts_with(rest, STR("/")))
        return best;
    rest = str_slice(rest, 1, 1 + str_find_char(str_slice(rest, 1, rest.len), '/'));
    for (uint32_t i = 0; i < branch->tails.count; i++) {
        uint32_t len = PLAN_LENGTH(plan, branch->tails.first + i);
        if (len > rest.len)
            break;
        uint32_t tail = find_name(plan, PLAN_PARENT(PARENT_TAIL, node), str_slice(rest, 0, len));
        if (tail != PLAN_NONE)
            best = try_groups(walk, PLAN_NODE(plan, tail)->prefixes, best);
    }
    return best;
}

/* The first match below `root` that comes before `best`; else `best`. */
static uint32_t match_in_order(struct walk *walk, uint32_t root, struct str path, uint32_t best)
{
    const struct plan *plan = walk->plan;
    bool is_end;
    uint32_t last = descend(walk, root, path, &is_end);
    if (is_end)
        best = try_groups(walk, PLAN_NODE(plan, last)->exact, best);
    for (uint32_t node = last; node != PLAN_NONE; node = PLAN_NODE(plan, node)->parent) {
        best = try_groups(walk, PLAN_NODE(plan, node)->regexes, best);
        best = try_groups(walk, PLAN_NODE(plan, node)->prefixes, best);
        if (PLAN_NODE(plan, node)->branch)
            best = try_tails(walk, node, path, best);
    }
    return best;
}

/* In lower case. One that is cut ends in a NUL, so that it is no match's path. */
static struct str fold_path(struct walk *walk)
{
    struct str path = walk->request->path;
    char *folded = walk->scratch->path;
    size_t len = path.len < PLAN_MAX_FOLDED ? path.len : PLAN_MAX_FOLDED;
    for (size_t i = 0; i < len; i++)
        folded[i] = (char)(path.ptr[i] >= 'A' && path.ptr[i] <= 'Z' ? path.ptr[i] + ('a' - 'A') : path.ptr[i]);
    if (len < path.len)
        folded[len++] = '\0';
    return (struct str){folded, len};
}

/* The first of the virtual host's matches in written order, or PLAN_NONE. Apart, so that others have no longer way for it. */
static __attribute__((noinline)) uint32_t match_branch(struct walk *walk, uint32_t root)
{
    const struct plan_branch *branch = PLAN_BRANCH(walk->plan, PLAN_NODE(walk->plan, root)->branch - 1);
    uint32_t best = PLAN_NONE;
    if (branch->ordered != PLAN_NONE)
        best = match_in_order(walk, branch->ordered, walk->request->path, best);
    if (branch->folded != PLAN_NONE)
        best = match_in_order(walk, branch->folded, fold_path(walk), best);
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
        walk->host = host_of(walk->request->head, walk->buffer);
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
    walk->request = request;
    walk->subject = (struct condition_subject){request->head, plan, request->socket, PLAN_NONE};
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

/* The best match of a listener, or PLAN_NONE. */
static uint32_t match_hosts(struct walk *walk, uint32_t listener)
{
    const struct plan *plan = walk->plan;
    struct host_search search = begin_search(walk, &PLAN_LISTENER(plan, listener)->hosts,
                                             PLAN_PARENT(PARENT_LISTENER, listener));
    uint32_t best = PLAN_NONE, root;
    while (best == PLAN_NONE && (root = next_host(plan, &search)) != PLAN_NONE) {
        best = match_path(walk, root);
        if (best == PLAN_NONE && PLAN_NODE(plan, root)->branch)
            return match_branch(walk, root);
    }
    return best;
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
    walk.subject.listener = match->listener;
    uint32_t best = match_hosts(&walk, match->listener);
    scratch->limit_hits += walk.limit_hits;
    if (best == PLAN_NONE)
        return;
    match->route = PLAN_MATCH(plan, best)->route;
    size_t prefix_len = PLAN_MATCH(plan, best)->prefix.len;
    match->prefix_len = prefix_len < request->path.len ? prefix_len
                                                       : request->path.len; /* a damaged plan could say more */
}
