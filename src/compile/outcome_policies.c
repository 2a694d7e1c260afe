/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/outcomes.h"
#include "compile/siblings.h"
#include "manifest/backend_tls_policy.h"

/* ---- BackendTLSPolicies: their ancestors are the Gateways by which requests come to their targets ---- */

static bool is_reached(const struct outcome_reach *reach, const struct resource *gateway)
{
    for (size_t i = 0; reach && i < reach->count; i++) {
        if (reach->gateways[i] == gateway)
            return true;
    }
    return false;
}

/* What keeps the policy from counting for what comes by the Gateway: there must be a target for which it does. */
static struct trouble judge_targets(struct compiler *compiler, const struct outcome_track *track,
                                    const struct schema_list *refs, const struct resource *gateway)
{
    struct trouble found = track->whole.troubles[ASPECT_ACCEPTED];
    bool is_good = false;
    if (found.reason)
        return found;
    for (size_t i = 0; i < track->part_count; i++) {
        const struct object_ref *ref = SCHEMA_ITEM(*refs, struct object_ref, i);
        const struct trouble *trouble = &track->parts[i].troubles[ASPECT_ACCEPTED];
        if (!is_reached(outcomes_reach_of(compiler, ref->kind, track->resource->ns, ref->name), gateway))
            continue;
        if (trouble->reason && !found.reason)
            found = *trouble;
        is_good |= !trouble->reason;
    }
    if (is_good) /* then it is worth knowing only */
        found.reason = NULL;
    if (!found.reason && (track->is_dead || track->is_kept))
        found = (struct trouble){
            .reason = "NoValidCACertificate",
            .texts = {track->is_kept ? STR("no certificate of an authority that there is now can be used, so those of "
                                           "before stay in force until one can")
                                     : STR("no certificate of an authority can be used, so its backends get nothing, "
                                           "rather than plain text")},
            .count = 1};
    return found;
}

static struct outcome_ref gateway_ref(const struct resource *gateway)
{
    return (struct outcome_ref){
        .group = STR(GATEWAY_GROUP), .kind = STR("Gateway"), .ns = gateway->ns, .name = gateway->name};
}

/* Of a policy that can't be read the targets are those that it has in its text. */
static size_t find_gateways(struct compiler *compiler, const struct resource *policy, const struct resource **gateways)
{
    const struct node *refs = node_find(node_find(policy->node, STR("spec")), STR("targetRefs"));
    size_t count = 0;
    for (const struct node *node = refs ? refs->first : NULL; node; node = node->next) {
        struct str kind = str_or(node_text(node, STR("kind")), STR("Service")), name = node_text(node, STR("name"));
        const struct outcome_reach *reach = outcomes_reach_of(compiler, kind, policy->ns, str_or(name, STR("")));
        for (size_t i = 0; reach && i < reach->count && count < OUTCOME_ANCESTORS_MAX; i++) {
            struct outcome_reach known = {.count = count};
            memcpy(known.gateways, gateways, count * sizeof(*gateways));
            if (!is_reached(&known, reach->gateways[i]))
                gateways[count++] = reach->gateways[i];
        }
    }
    return count;
}

bool outcome_of_tls_policy(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *policy = track->resource, *gateways[OUTCOME_ANCESTORS_MAX];
    const struct backend_tls_policy *object = policy->object;
    outcome->branch_count = find_gateways(compiler, policy, gateways);
    struct outcome_branch *branches = arena_alloc(compiler->arena, (outcome->branch_count + 1) * sizeof(*branches));
    for (size_t i = 0; i < outcome->branch_count; i++) {
        struct outcome_conditions *conditions = &branches[i].conditions;
        branches[i] = (struct outcome_branch){.ref = gateway_ref(gateways[i])};
        struct trouble accepted = policy->is_bad
                                      ? outcome_badness(compiler, policy, "Invalid")
                                      : judge_targets(compiler, track, &object->spec->target_refs, gateways[i]);
        outcome_add_judged(compiler, conditions, "Accepted", &accepted, "Accepted");
        if (!policy->is_bad)
            outcome_add_judged(compiler, conditions, "ResolvedRefs", &track->whole.troubles[ASPECT_REFS],
                               "ResolvedRefs");
    }
    outcome->branches = branches;
    return true;
}

/* ---- MirrorPolicies: their ancestors are their targets ---- */

static struct outcome_ref target_ref(const struct resource *policy, const struct node *node)
{
    return (struct outcome_ref){
        .group = node_text(node, STR("group")),
        .kind = node_text(node, STR("kind")),
        .ns = policy->ns,
        .name = node_text(node, STR("name")),
        .section_name = node_text(node, STR("sectionName")),
    };
}

static void judge_mirror_policy(struct compiler *compiler, const struct outcome_track *track, size_t part,
                                struct outcome_conditions *conditions)
{
    const struct resource *policy = track->resource;
    if (policy->is_bad) {
        struct trouble trouble = outcome_badness(compiler, policy, "Invalid");
        outcome_add_judged(compiler, conditions, "Accepted", &trouble, "Accepted");
        return;
    }
    const struct trouble *own = &track->parts[part].troubles[ASPECT_ACCEPTED],
                         *whole = &track->whole.troubles[ASPECT_ACCEPTED];
    outcome_add_judged(compiler, conditions, "Accepted", own->reason ? own : whole, "Accepted");
    outcome_add_judged(compiler, conditions, "ResolvedRefs", &track->whole.troubles[ASPECT_REFS], "ResolvedRefs");
}

static void add_mirrors(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    struct outcome_mirror *mirrors = arena_alloc(compiler->arena, (track->use_count + 1) * sizeof(*mirrors));
    for (size_t i = 0; i < track->use_count; i++) {
        const struct rule_mirror *mirror = track->uses[i].mirror;
        mirrors[i] = (struct outcome_mirror){
            .route = track->uses[i].route,
            .mirror = mirror->label,
            .is_suspended = mirror->is_suspended,
            .has_hosts = compiler->backends[mirror->backend].rule.host_count > 0,
        };
    }
    outcome->mirrors = mirrors;
    outcome->mirror_count = track->use_count;
}

/* A route that requests come to by Gateways of another Umbra alone: that one says what becomes of the policy there. */
static bool is_anothers(struct compiler *compiler, const struct outcome_ref *ref)
{
    static const enum kind_id kinds[] = {KIND_HTTP_ROUTE, KIND_GRPC_ROUTE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct resource *route = str_eq(ref->kind, str_from_c(kind_table[kinds[i]].name))
                                           ? manifests_find_any(compiler->out->manifests, kinds[i], ref->ns, ref->name)
                                           : NULL;
        if (route && route->node)
            return !outcomes_has_own_parent(compiler, route) && siblings_have_parent(compiler, route);
    }
    return false;
}

/* Makes room for `more` beside those of all. */
static struct outcome_ref *extend_others(struct compiler *compiler, struct outcome *outcome, size_t more)
{
    struct outcome_ref *list = arena_alloc(compiler->arena, (outcome->other_count + more) * sizeof(*list));
    if (outcome->other_count > 0)
        memcpy(list, outcome->others, outcome->other_count * sizeof(*list));
    outcome->others = list;
    return list;
}

bool outcome_of_mirror_policy(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *policy = track->resource;
    const struct node *refs = node_find(node_find(policy->node, STR("spec")), STR("targetRefs"));
    size_t part = 0;
    struct outcome_branch *branches = arena_alloc(compiler->arena, OUTCOME_ANCESTORS_MAX * sizeof(*branches));
    struct outcome_ref *others = extend_others(compiler, outcome, OUTCOME_ANCESTORS_MAX);
    size_t most = outcome->other_count + OUTCOME_ANCESTORS_MAX;
    for (const struct node *node = refs ? refs->first : NULL; node; node = node->next, part++) {
        struct outcome_branch branch = {.ref = target_ref(policy, node)};
        bool is_whole = branch.ref.name.len > 0 && (policy->is_bad || part < track->part_count);
        if (!is_whole || outcome->branch_count == OUTCOME_ANCESTORS_MAX)
            continue;
        if (is_anothers(compiler, &branch.ref)) {
            if (outcome->other_count < most)
                others[outcome->other_count++] = branch.ref;
            continue;
        }
        judge_mirror_policy(compiler, track, part, &branch.conditions);
        branches[outcome->branch_count++] = branch;
    }
    outcome->branches = branches;
    add_mirrors(compiler, track, outcome);
    return true;
}

/* ---- Backends ---- */

bool outcome_of_backend(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *backend = track->resource;
    struct trouble accepted = track->whole.troubles[ASPECT_ACCEPTED];
    if (backend->is_bad)
        accepted = outcome_badness(compiler, backend, "Invalid");
    outcome_add_judged(compiler, &outcome->conditions, "Accepted", &accepted, "Accepted");
    if (!backend->is_bad)
        outcome_add_judged(compiler, &outcome->conditions, "ResolvedRefs", &track->whole.troubles[ASPECT_REFS],
                           "ResolvedRefs");
    return true;
}
