/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/groups.h"

#include "analyze/slots.h"
#include "base/mem.h"

#include <stdlib.h>
#include <xxhash.h>

void group_set_init(struct groups *groups, struct store *store, struct room *room, enum plan_samples samples)
{
    *groups = (struct groups){.store = store, .room = room};
    map_init(&groups->by_label);
    map_init(&groups->routes);
    list_init(&groups->unsaved);
    list_init(&groups->changed);
    list_init(&groups->due);
    policy_init(&groups->default_policy, samples);
}

static struct str own(struct str text)
{
    return (struct str){mem_dup(text.ptr ? text.ptr : "", text.len), text.len};
}

static void disown(struct str *text)
{
    mem_free((char *)text->ptr);
    *text = STR_NONE;
}

/* Its counts go; what was not given to the store before goes with them. */
static void forget(struct groups *groups, struct group *group)
{
    if (group->has_verdict)
        verdict_deinit(&group->verdict);
    group->has_verdict = false;
    if (group->tally) {
        tally_free(group->tally);
        room_give(groups->room, GROUP_TALLY_BYTES);
    }
    group->tally = NULL;
    list_remove(&group->unsaved);
    group_judged(group, 0);
}

static void forget_revisions(struct group *group)
{
    disown(&group->live_revision);
    disown(&group->shadow_revision);
    for (size_t i = 0; i < group->live_revision_count; i++)
        disown(&group->live_revisions[i]);
    mem_free(group->live_revisions);
    group->live_revisions = NULL;
    group->live_revision_count = 0;
}

static void group_free(struct groups *groups, struct group *group)
{
    forget(groups, group);
    forget_revisions(group);
    list_remove(&group->of_route);
    disown(&group->mirror);
    mem_free(group);
}

static void route_free(struct route_state *route)
{
    if (route->endpoints)
        endpoint_tree_free(route->endpoints);
    disown(&route->label);
    mem_free(route);
}

void group_set_deinit(struct groups *groups)
{
    for (size_t i = 0; i < groups->by_label.count; i++) {
        if (groups->by_label.entries[i].value)
            group_free(groups, groups->by_label.entries[i].value);
    }
    for (size_t i = 0; i < groups->routes.count; i++) {
        if (groups->routes.entries[i].value)
            route_free(groups->routes.entries[i].value);
    }
    map_deinit(&groups->by_label);
    map_deinit(&groups->routes);
    policies_deinit(&groups->policies);
    policy_deinit(&groups->default_policy);
}

/* Joins labels; empty when they are too long to be any. `out` has 2 * GROUP_LABEL_MAX bytes. */
static struct str join(struct str route, struct str mirror, char *out)
{
    if (route.len >= GROUP_LABEL_MAX || mirror.len >= GROUP_LABEL_MAX)
        return STR_NONE;
    memcpy(out, route.ptr ? route.ptr : "", route.len);
    out[route.len] = '\0';
    memcpy(out + route.len + 1, mirror.ptr ? mirror.ptr : "", mirror.len);
    return (struct str){out, route.len + 1 + mirror.len};
}

struct group *group_set_find(const struct groups *groups, struct str route, struct str mirror)
{
    char text[2 * GROUP_LABEL_MAX];
    struct str key = join(route, mirror, text);
    return key.len > 0 ? map_find(&groups->by_label, key) : NULL;
}

static struct route_state *route_add(struct groups *groups, struct str label)
{
    struct route_state *route = map_find(&groups->routes, label);
    if (route)
        return route;
    route = mem_alloc(sizeof(struct route_state));
    route->label = own(label);
    list_init(&route->groups);
    map_add(&groups->routes, label, route);
    return route;
}

static struct group *group_add(struct groups *groups, struct str route, struct str mirror)
{
    char text[2 * GROUP_LABEL_MAX];
    struct str key = join(route, mirror, text);
    if (key.len == 0)
        return NULL;
    struct group *group = mem_alloc(sizeof(struct group));
    group->route = route_add(groups, route);
    group->mirror = own(mirror);
    group->policy = &groups->default_policy;
    list_init(&group->of_route);
    list_init(&group->unsaved);
    list_init(&group->changed);
    list_add(&group->route->groups, &group->of_route);
    map_add(&groups->by_label, key, group);
    return group;
}

/* ---- revisions ---- */

static uint64_t hash_of_revisions(struct str live, struct str shadow)
{
    return XXH3_64bits_withSeed(shadow.ptr, shadow.len, XXH3_64bits(live.ptr, live.len));
}

static bool is_retired(const struct group *group, uint64_t hash)
{
    for (size_t i = 0; i < group->retired_count && i < GROUP_RETIRED; i++) {
        if (group->retired[i] == hash)
            return true;
    }
    return false;
}

static void retire(struct group *group)
{
    if (group->is_known)
        group->retired[group->retired_count++ % GROUP_RETIRED] = hash_of_revisions(group->live_revision,
                                                                                   group->shadow_revision);
}

/* Somebody said it, of every backend that it joins; else it is the same whatever is put there. */
static bool is_named_revision(struct str revision)
{
    return str_find_char(revision, '~') == revision.len;
}

static void set_revisions(struct groups *groups, struct group *group, struct str live, struct str shadow)
{
    struct str new_live = own(live), new_shadow = own(shadow);
    retire(group);
    bool is_named = is_named_revision(live) && is_named_revision(shadow);
    group->since_ns = group->is_known ? groups->wall_ns : is_named ? 0 : groups->run_begin_ns;
    forget(groups, group);
    forget_revisions(group);
    group->live_revision = new_live;
    group->shadow_revision = new_shadow;
    group->is_known = true;
    delivery_begin(&group->delivery);
}

static bool is_live_revision(const struct group *group, struct str revision)
{
    for (size_t i = 0; i < group->live_revision_count; i++) {
        if (str_eq(group->live_revisions[i], revision))
            return true;
    }
    return group->live_revision_count == 0 && str_eq(group->live_revision, revision);
}

struct group *group_set_get(struct groups *groups, struct str route, struct str mirror, struct str live_revision,
                            struct str shadow_revision)
{
    struct group *group = group_set_find(groups, route, mirror);
    if (!group && !groups->has_plan && groups->by_label.live < GROUPS_UNPLANNED)
        group = group_add(groups, route, mirror);
    if (!group) {
        groups->counts.no_group++;
        return NULL;
    }
    bool is_present = group->is_known && is_live_revision(group, live_revision) &&
                      str_eq(group->shadow_revision, shadow_revision);
    if (is_present)
        return group;
    if (groups->has_plan || is_retired(group, hash_of_revisions(live_revision, shadow_revision))) {
        groups->counts.other_revision++;
        return NULL;
    }
    set_revisions(groups, group, live_revision, shadow_revision);
    return group;
}

/* ---- the plan ---- */

struct revisions {
    struct str *list; /* sorted, each once */
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    const struct str *one = a, *other = b;
    size_t shorter = one->len < other->len ? one->len : other->len;
    int order = shorter > 0 ? memcmp(one->ptr, other->ptr, shorter) : 0;
    return order ? order : (one->len > other->len) - (one->len < other->len);
}

static bool has(struct plan_range range, uint32_t index)
{
    return index >= range.first && index - range.first < range.count;
}

/* Of the backends whose requests the mirror copies. */
static struct revisions live_revisions(const struct plan *plan, uint32_t mirror, struct arena *arena)
{
    const struct plan_route *route = PLAN_ROUTE(plan, PLAN_MIRROR(plan, mirror)->route);
    bool is_of_rule = has(route->mirrors, mirror);
    struct revisions revisions = {arena_alloc(arena, (route->backends.count + 1) * sizeof(struct str)), 0};
    for (uint32_t i = 0; i < route->backends.count; i++) {
        const struct plan_weighted *weighted = PLAN_WEIGHTED(plan, route->backends.first + i);
        if (weighted->backend != PLAN_NONE && (is_of_rule || has(weighted->mirrors, mirror)))
            revisions.list[revisions.count++] = plan_text(plan, PLAN_BACKEND(plan, weighted->backend)->revision);
    }
    qsort(revisions.list, revisions.count, sizeof(struct str), by_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < revisions.count; i++) {
        if (kept == 0 || !str_eq(revisions.list[kept - 1], revisions.list[i]))
            revisions.list[kept++] = revisions.list[i];
    }
    revisions.count = kept;
    return revisions;
}

static struct str joined(const struct revisions *revisions, struct arena *arena)
{
    struct str text = STR("");
    for (size_t i = 0; i < revisions->count; i++)
        text = arena_printf(arena, "%.*s%s%.*s", STR_ARG(text), i > 0 ? "+" : "", STR_ARG(revisions->list[i]));
    return text;
}

static void set_mirror(struct groups *groups, const struct plan *plan, uint32_t index, const struct policies *policies)
{
    const struct plan_mirror *mirror = PLAN_MIRROR(plan, index);
    struct str route = plan_text(plan, PLAN_ROUTE(plan, mirror->route)->label), label = plan_text(plan, mirror->label);
    struct group *group = group_set_find(groups, route, label);
    if (!group)
        group = group_add(groups, route, label);
    if (!group)
        return;
    struct arena arena;
    arena_init(&arena, NULL, 0);
    struct revisions live = live_revisions(plan, index, &arena);
    struct str live_text = joined(&live, &arena);
    struct str shadow_text = plan_text(plan, PLAN_BACKEND(plan, mirror->backend)->revision);
    group->policy = &policies->list[mirror->comparison];
    group->is_planned = true;
    group->has_control = index + 1 < plan->mirrors.count && PLAN_MIRROR(plan, index + 1)->is_control &&
                         PLAN_MIRROR(plan, index + 1)->route == mirror->route;
    bool is_same = group->is_known && str_eq(group->live_revision, live_text) &&
                   str_eq(group->shadow_revision, shadow_text) && group->rules_hash == group->policy->rules_hash;
    group->rules_hash = group->policy->rules_hash;
    if (!is_same)
        set_revisions(groups, group, live_text, shadow_text);
    if (!is_same && live.count > 0) {
        group->live_revisions = mem_alloc(live.count * sizeof(struct str));
        group->live_revision_count = live.count;
        for (size_t i = 0; i < live.count; i++)
            group->live_revisions[i] = own(live.list[i]);
    }
    if (group->tally) {
        tally_set_thresholds(group->tally, &group->policy->thresholds);
        group_changed(groups, group, group->due_at);
    }
    arena_deinit(&arena);
}

/* Mirrors that the plan does not have, and routes without any. */
static void remove_unplanned(struct groups *groups)
{
    for (size_t i = 0; i < groups->by_label.count; i++) {
        struct group *group = groups->by_label.entries[i].value;
        if (!group || group->is_planned)
            continue;
        char text[2 * GROUP_LABEL_MAX];
        map_remove(&groups->by_label, join(group->route->label, group->mirror, text));
        group_free(groups, group);
    }
    for (size_t i = 0; i < groups->routes.count; i++) {
        struct route_state *route = groups->routes.entries[i].value;
        if (!route || !list_is_empty(&route->groups))
            continue;
        map_remove(&groups->routes, route->label);
        route_free(route);
    }
}

void group_set_set_plan(struct groups *groups, const struct plan *plan)
{
    struct policies policies;
    policies_init(&policies, plan);
    for (size_t i = 0; i < groups->by_label.count; i++) {
        struct group *group = groups->by_label.entries[i].value;
        if (group)
            group->is_planned = false;
    }
    for (uint32_t i = 0; i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        if (!mirror->is_control && mirror->comparison < policies.count)
            set_mirror(groups, plan, i, &policies);
    }
    remove_unplanned(groups);
    policies_deinit(&groups->policies);
    groups->policies = policies;
    groups->has_plan = true;
}

/* ---- tallies ---- */

struct tally_key group_key(const struct group *group)
{
    return (struct tally_key){group->route->label, group->mirror, group->live_revision, group->shadow_revision};
}

bool group_has_room(struct groups *groups, const struct group *group)
{
    if (group->tally)
        return true;
    if (!room_take(groups->room, GROUP_TALLY_BYTES))
        return false;
    room_give(groups->room, GROUP_TALLY_BYTES);
    return true;
}

struct tally *group_tally(struct groups *groups, struct group *group)
{
    if (group->tally)
        return group->tally;
    if (!room_take(groups->room, GROUP_TALLY_BYTES))
        groups->room->used += GROUP_TALLY_BYTES;
    struct tally_key key = group_key(group);
    group->tally = tally_new(&key);
    slots_load(groups, group, group->tally, group->since_ns);
    tally_set_thresholds(group->tally, &group->policy->thresholds);
    return group->tally;
}

void group_changed(struct groups *groups, struct group *group, uint64_t fresh)
{
    bool was_due = group->fresh >= group->due_at && list_is_linked(&group->changed);
    if (!list_is_linked(&group->unsaved))
        list_add(&groups->unsaved, &group->unsaved);
    if (!list_is_linked(&group->changed)) {
        list_add(&groups->changed, &group->changed);
        group->changed_ns = groups->now_ns;
    }
    group->fresh += fresh;
    if (was_due || group->fresh < group->due_at)
        return;
    list_remove(&group->changed);
    list_add(&groups->due, &group->changed);
}

void group_judged(struct group *group, uint64_t due_after)
{
    list_remove(&group->changed);
    group->fresh = 0;
    group->due_at = due_after + 1;
}

/* ---- endpoints ---- */

struct route_state *group_set_route(struct groups *groups, struct str label)
{
    struct route_state *route = map_find(&groups->routes, label);
    bool may_add = !groups->has_plan && groups->routes.live < GROUPS_UNPLANNED && label.len < GROUP_LABEL_MAX;
    return route || !may_add ? route : route_add(groups, label);
}

static void rename_in(struct route_state *route, struct str from, struct str to)
{
    for (struct list *node = route->groups.next; node != &route->groups; node = node->next) {
        struct group *group = CONTAINER_OF(node, struct group, of_route);
        if (group->tally)
            tally_rename_endpoint(group->tally, from, to);
    }
}

struct str group_set_endpoint(struct groups *groups, struct route_state *route, struct str method, struct str target,
                              bool is_call)
{
    if (!route->endpoints)
        route->endpoints = endpoint_tree_new();
    struct str name = endpoint_of(route->endpoints, method, target, is_call), from, to;
    while (endpoint_renamed(route->endpoints, &from, &to)) {
        groups->counts.renamed++;
        rename_in(route, from, to);
    }
    return name;
}
