/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/policies.h"

#include "base/mem.h"
#include "compile/actions.h"
#include "compile/comparison_fields.h"
#include "compile/outcomes.h"
#include "compile/targets.h"

#include <stdlib.h>

struct policy_link {
    struct policy *policy;
    struct policy_link *next;
};
/* Those of one target, oldest first. */
struct policy_chain {
    struct policy_link *first, *last;
};

void policy_set_deinit(struct policy_set *set)
{
    mem_free(set->list);
    *set = (struct policy_set){0};
}

/* ------------------------------------------------------------------------------------------------------ targets */

/* Kind, key and section have no blank in them. */
static struct str target_key(struct compiler *compiler, enum kind_id kind, struct str key, struct str section)
{
    return arena_printf(&compiler->scratch, "%s %.*s %.*s", kind_table[kind].name, STR_ARG(key), STR_ARG(section));
}

static void add_target(struct compiler *compiler, struct policy *policy, struct str key)
{
    struct policy_chain *chain = map_find(&compiler->policies, key);
    if (!chain) {
        chain = arena_alloc(&compiler->scratch, sizeof(*chain));
        *chain = (struct policy_chain){0};
        map_add(&compiler->policies, key, chain);
    }
    if (chain->last && chain->last->policy == policy)
        return;
    struct policy_link *link = arena_alloc(&compiler->scratch, sizeof(*link));
    *link = (struct policy_link){.policy = policy};
    if (chain->last)
        chain->last->next = link;
    else
        chain->first = link;
    chain->last = link;
}

/* The names of a Gateway's listeners or a route's rules; those without a name are left out. */
static size_t section_names(struct compiler *compiler, const struct resource *resource, struct str **names)
{
    size_t count = 0;
    if (resource->kind->id == KIND_GATEWAY) {
        const struct gateway_spec *spec = ((const struct gateway *)resource->object)->spec;
        *names = arena_alloc(&compiler->scratch, (spec->listeners.count + 1) * sizeof(**names));
        for (size_t i = 0; i < spec->listeners.count; i++)
            (*names)[count++] = SCHEMA_ITEM(spec->listeners, struct gateway_listener, i)->name;
        return count;
    }
    if (resource->kind->id == KIND_VIRTUAL_SERVICE) {
        const struct virtual_service_spec *spec = ((const struct virtual_service *)resource->object)->spec;
        *names = arena_alloc(&compiler->scratch, (spec->http.count + 1) * sizeof(**names));
        for (size_t i = 0; i < spec->http.count; i++) {
            struct str name = SCHEMA_ITEM(spec->http, struct istio_route, i)->name;
            if (name.len > 0)
                (*names)[count++] = name;
        }
        return count;
    }
    const struct http_route_spec *spec = ((const struct http_route *)resource->object)->spec;
    *names = arena_alloc(&compiler->scratch, (spec->rules.count + 1) * sizeof(**names));
    for (size_t i = 0; i < spec->rules.count; i++) {
        struct str name = SCHEMA_ITEM(spec->rules, struct http_route_rule, i)->name;
        if (name.len > 0)
            (*names)[count++] = name;
    }
    return count;
}

static bool check_section(struct compiler *compiler, const struct object_ref *ref, const struct resource *resource)
{
    struct str *names;
    size_t count = section_names(compiler, resource, &names);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], ref->section_name))
            return true;
    }
    enum kind_id kind = resource->kind->id;
    const char *section = kind == KIND_VIRTUAL_SERVICE ? "http route" : kind_is_route(kind) ? "rule" : "listener";
    compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, "sectionName",
                    "%s %.*s has no %s named \"%.*s\", so the policy has no effect there%.*s", resource->kind->name,
                    STR_ARG(resource->name), section, STR_ARG(ref->section_name),
                    STR_ARG(compiler_hint_name(compiler, ref->section_name, names, count)));
    return false;
}

/* A policy counts in its own namespace only, and its references have none. */
static struct str target_hint(struct compiler *compiler, enum kind_id kind, struct str ns, struct str name)
{
    const struct aged_list *aged = &compiler->by_age[kind];
    for (size_t i = 0; i < aged->count; i++) {
        const struct resource *resource = aged->list[i].resource;
        if (str_eq(resource->name, name) && !compiler->options->is_cluster)
            return arena_printf(&compiler->scratch,
                                "; there is one in namespace %.*s: give the policy that namespace in its metadata",
                                STR_ARG(resource->ns));
    }
    return compiler_hint(compiler, kind, ns, name);
}

static void report_no_target(struct compiler *compiler, enum kind_id kind, struct str ns, const struct object_ref *ref)
{
    if (compiler_is_left_out(compiler, kind, ns, ref->name) || compiler->has_unread[kind])
        return;
    compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, "name",
                    "there is no %s %.*s in namespace %.*s, so the policy has no effect there%.*s",
                    kind_table[kind].name, STR_ARG(ref->name), STR_ARG(ns),
                    STR_ARG(target_hint(compiler, kind, ns, ref->name)));
}

static void add_ref(struct compiler *compiler, struct policy *policy, const struct object_ref *ref)
{
    enum kind_id kind =
        kind_find_in_group(ref->group, ref->kind)->id; /* the schema lets routes and Gateways pass only */
    struct str ns = policy->aged->resource->ns;
    const struct resource *resource = manifests_find(compiler->out->manifests, kind, ns, ref->name);
    if (!resource) {
        report_no_target(compiler, kind, ns, ref);
        return;
    }
    if (ref->section_name.len > 0 && !check_section(compiler, ref, resource))
        return;
    struct str key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(ns), STR_ARG(ref->name));
    add_target(compiler, policy, target_key(compiler, kind, key, ref->section_name));
}

/* What is not among the resources under its name, because of an error, may be the target of any policy. */
static void find_unread(struct compiler *compiler)
{
    const struct manifests *manifests = compiler->out->manifests;
    for (size_t i = 0; i < manifests->problems.count; i++) {
        const struct problem *problem = &manifests->problems.list[i];
        struct str ns = problem->ns.len > 0 ? problem->ns : STR("default");
        for (size_t kind = 0; kind < KIND_COUNT && problem->severity == SEVERITY_ERROR; kind++) {
            bool is_of_kind = problem->kind.len == 0 ||
                              str_eq(problem->kind, str_from_c(kind_title(&kind_table[kind])));
            bool is_named = manifests_has(manifests, kind, ns, problem->name) &&
                            !str_eq(problem->field, STR("metadata.name"));
            compiler->has_unread[kind] |= is_of_kind && !is_named;
        }
    }
}

void policies_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_MIRROR_POLICY];
    compiler->policy_list = arena_alloc(&compiler->scratch, (aged->count + 1) * sizeof(*compiler->policy_list));
    compiler->policy_count = aged->count;
    find_unread(compiler);
    for (size_t i = 0; i < aged->count; i++) {
        struct policy *policy = &compiler->policy_list[i];
        *policy = (struct policy){
            .aged = &aged->list[i],
            .spec = ((const struct mirror_policy *)aged->list[i].resource->object)->spec,
        };
        for (size_t j = 0; j < policy->spec->target_refs.count; j++)
            add_ref(compiler, policy, SCHEMA_ITEM(policy->spec->target_refs, struct object_ref, j));
        if (policy->spec->request && policy->spec->request->headers)
            actions_check_edits(compiler, policy->spec->request->headers);
    }
}

/* ------------------------------------------------------------------------------------------- those of a mirror */

static void add_entry(struct policy_set *set, struct policy *policy, enum policy_level level)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 16;
        set->list = mem_grow(set->list, set->capacity * sizeof(*set->list));
    }
    set->list[set->count++] = (struct policy_entry){.policy = policy, .level = level};
    policy->is_considered = true;
}

/* The policies of a listener or its Gateway. One that several listeners of the route have is taken once. */
static void add_site_policies(struct compiler *compiler, struct str key, enum policy_level level, size_t site,
                              const struct attachment *attachment, struct policy_set *set)
{
    const struct policy_chain *chain = map_find(&compiler->policies, key);
    for (const struct policy_link *link = chain ? chain->first : NULL; link; link = link->next) {
        struct policy *policy = link->policy;
        if (policy->serial != attachment->serial) {
            policy->serial = attachment->serial;
            policy->last_site = policy->sites = policy->levels = 0;
        }
        if (!(policy->levels & 1u << level))
            add_entry(set, policy, level);
        policy->levels |= 1u << level;
        policy->sites += policy->last_site != site;
        policy->last_site = site;
    }
}

static void add_chain(struct compiler *compiler, struct str key, enum policy_level level, struct policy_set *set)
{
    const struct policy_chain *chain = map_find(&compiler->policies, key);
    for (const struct policy_link *link = chain ? chain->first : NULL; link; link = link->next)
        add_entry(set, link->policy, level);
}

/* A rule has one set of mirrors, whichever way its requests come in. */
static void warn_of_spread(struct compiler *compiler, const struct aged *route, const struct policy_set *set,
                           size_t site_count)
{
    for (size_t i = 0; i < set->count; i++) {
        struct policy *policy = set->list[i].policy;
        if (policy->sites == site_count || policy->is_spread_said)
            continue;
        policy->is_spread_said = true;
        compiler_report(
            compiler, SEVERITY_WARNING, "", policy->spec->node, "targetRefs",
            "%s %.*s is attached to other listeners as well, and the policy counts for what it copies from there too; "
            "target the %s, or split it",
            route->resource->kind->name, STR_ARG(route->key), route->resource->kind->name);
    }
}

void policies_for_route(struct compiler *compiler, const struct aged *route, const struct attachment *attachment,
                        struct policy_set *set)
{
    set->count = set->route_count = 0;
    if (compiler->policies.live == 0)
        return;
    for (size_t i = 0; i < attachment->site_count; i++) {
        const struct listener_site *site = attachment->sites[i];
        struct str gateway = target_key(compiler, KIND_GATEWAY, site->gateway->key, STR(""));
        struct str listener = target_key(compiler, KIND_GATEWAY, site->gateway->key, site->spec->name);
        add_site_policies(compiler, gateway, LEVEL_GATEWAY, i + 1, attachment, set);
        add_site_policies(compiler, listener, LEVEL_LISTENER, i + 1, attachment, set);
    }
    warn_of_spread(compiler, route, set, attachment->site_count);
    add_chain(compiler, target_key(compiler, route->resource->kind->id, route->key, STR("")), LEVEL_ROUTE, set);
    set->route_count = set->count;
}

void policies_for_rule(struct compiler *compiler, const struct aged *route, struct str name, struct policy_set *set)
{
    set->count = set->route_count;
    if (name.len > 0 && compiler->policies.live > 0)
        add_chain(compiler, target_key(compiler, route->resource->kind->id, route->key, name), LEVEL_RULE, set);
}

/* What the policy's mirrorRef leaves open fits every mirror. */
static bool names_mirror(const struct policy *policy, const struct reference *shadow)
{
    const struct object_ref *ref = policy->spec->mirror_ref;
    return !ref || ((!ref->group.ptr || str_eq(ref->group, shadow->group)) &&
                    (!ref->kind.ptr || str_eq(ref->kind, shadow->kind)) &&
                    (!ref->ns.ptr || str_eq(ref->ns, shadow->ns)) && str_eq(ref->name, shadow->name) &&
                    (!ref->port.is_set || (shadow->has_port && ref->port.value == shadow->port)));
}

static void remember_name(struct policy *policy, struct str name)
{
    for (size_t i = 0; i < policy->name_count; i++) {
        if (str_eq(policy->names[i], name))
            return;
    }
    if (policy->name_count < POLICY_NAMES_MAX)
        policy->names[policy->name_count++] = name;
}

static bool is_equally_specific(const struct policy_entry *a, const struct policy_entry *b)
{
    return a->level == b->level && !a->policy->spec->mirror_ref == !b->policy->spec->mirror_ref;
}

/* The winner of every field comes first. */
static int compare_precedence(const void *a, const void *b)
{
    const struct policy_entry *left = a, *right = b;
    if (left->level != right->level)
        return left->level > right->level ? -1 : 1;
    if (!is_equally_specific(left, right))
        return left->policy->spec->mirror_ref ? -1 : 1;
    /* Rows of one list that is sorted by age and name. */
    return (left->policy->aged > right->policy->aged) - (left->policy->aged < right->policy->aged);
}

static void report_conflict(struct compiler *compiler, struct policy *loser, const struct policy *winner, size_t field)
{
    if (loser->conflicts & 1ull << field)
        return;
    loser->conflicts |= 1ull << field;
    compiler_report(
        compiler, SEVERITY_WARNING, "Conflicted", loser->spec->node, policy_fields[field].name,
        "MirrorPolicy %.*s says this for the same mirror and is %s, so it counts and this does not; take one "
        "out, or name a mirrorRef",
        STR_ARG(winner->aged->resource->name),
        winner->aged->resource->created_s < loser->aged->resource->created_s ? "older" : "first by name");
}

static void apply_field(struct compiler *compiler, const struct policy_entry *list, size_t count, size_t field,
                        struct policy_outcome *outcome)
{
    const struct policy_entry *winner = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct policy_entry *entry = &list[i];
        if (winner && !is_equally_specific(winner, entry))
            return;
        outcome->policy = entry->policy;
        if (!policy_fields[field].apply(entry->policy->spec, winner ? NULL : outcome))
            continue;
        if (winner && winner->policy != entry->policy)
            report_conflict(compiler, entry->policy, winner->policy, field);
        winner = winner ? winner : entry;
    }
}

/* What there is when no policy says anything. */
static const struct rule_comparison *plain_comparison(struct compiler *compiler)
{
    if (!compiler->comparison) {
        compiler->comparison = arena_alloc(compiler->arena, sizeof(*compiler->comparison));
        rule_comparison_init(compiler->comparison);
        /* In a cluster whoever may read reports need not be one who may read requests. */
        compiler->comparison->samples = compiler->options->is_cluster ? KEEP_FIELDS : KEEP_FULL;
    }
    return compiler->comparison;
}

static struct reference control_reference(const struct policy *policy)
{
    return reference_make(policy->spec->compare->control->backend, policy->aged->resource);
}

size_t policies_resolve_control(struct compiler *compiler, struct policy *policy, bool is_grpc)
{
    struct policy_control_target *target = &policy->control[is_grpc];
    if (!target->is_known) {
        struct reference reference = control_reference(policy);
        reference.is_grpc = is_grpc;
        target->is_known = true;
        target->backend = targets_resolve(compiler, &reference, TARGET_CONTROL);
    }
    return target->backend;
}

static void choose_control(const struct compiler *compiler, const struct policy_outcome *outcome,
                           const struct reference *shadow, struct control_choice *control)
{
    *control = (struct control_choice){.policy = outcome->control};
    if (!outcome->control)
        return;
    struct rule_mirror copy = *outcome->mirror;
    struct str ns = control_reference(outcome->control).ns;
    bool leaves = compiler->options->is_cluster &&
                  (!str_eq(shadow->from_ns, shadow->ns) || !str_eq(shadow->from_ns, ns));
    policy_outcome_redact(outcome, leaves && !outcome->keeps_credentials, &copy);
    control->redactions = copy.redactions;
    control->redaction_count = copy.redaction_count;
}

void policies_apply(struct compiler *compiler, const struct policy_set *set, const struct reference *shadow,
                    struct rule_mirror *mirror, struct control_choice *control)
{
    struct policy_outcome outcome = {.arena = compiler->arena, .mirror = mirror, .plain = plain_comparison(compiler)};
    struct policy_entry *list = arena_alloc(&compiler->scratch, (set->count + 1) * sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct policy *policy = set->list[i].policy;
        remember_name(policy, shadow->name);
        if (!names_mirror(policy, shadow))
            continue;
        policy->is_used = true;
        outcomes_use(compiler, policy->aged->resource, set->rule, mirror);
        list[count++] = set->list[i];
    }
    qsort(list, count, sizeof(*list), compare_precedence);
    for (size_t field = 0; count > 0 && field < policy_field_count; field++)
        apply_field(compiler, list, count, field, &outcome);
    /* The schema ties Hash and key together in each policy; one that wins with another mode leaves a key over. */
    if (mirror->sampling != SAMPLING_HASH)
        mirror->key = KEY_NONE;
    bool leaves = compiler->options->is_cluster && !str_eq(shadow->from_ns, shadow->ns);
    policy_outcome_redact(&outcome, leaves && !outcome.keeps_credentials, mirror);
    comparison_finish(&outcome);
    choose_control(compiler, &outcome, shadow, control);
    if (compiler->options->compares_nothing)
        mirror->comparison = NULL;
}

void policies_pass(const struct policy_set *set, const struct reference *shadow)
{
    for (size_t i = 0; i < set->count; i++) {
        remember_name(set->list[i].policy, shadow->name);
        set->list[i].policy->is_used |= names_mirror(set->list[i].policy, shadow);
    }
}

void policies_finish(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->policy_count; i++) {
        struct policy *policy = &compiler->policy_list[i];
        const struct object_ref *ref = policy->spec->mirror_ref;
        if (!policy->is_considered || policy->is_used)
            continue;
        if (policy->name_count == 0)
            compiler_report(compiler, SEVERITY_NOTE, "", policy->spec->node, "targetRefs",
                            "none of its targets has a mirror, so the policy changes nothing; a mirror is a filter of "
                            "type RequestMirror in a route");
        else
            compiler_report(compiler, SEVERITY_WARNING, "TargetNotFound", ref->node, NULL,
                            "no mirror of its targets leads there, so the policy has no effect%.*s",
                            STR_ARG(compiler_hint_name(compiler, ref->name, policy->names, policy->name_count)));
    }
}
