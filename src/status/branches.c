/* SPDX-License-Identifier: Apache-2.0 */
#include "status/branches.h"

#include "compile/compile.h"
#include "status/conditions.h"

/* ---- references ---- */

static void set_text(json_t *object, const char *name, struct str text)
{
    if (text.ptr)
        json_object_set_new(object, name, text_new(text));
}

static json_t *ref_new(const struct outcome_ref *ref)
{
    json_t *object = json_object();
    set_text(object, "group", ref->group);
    set_text(object, "kind", ref->kind);
    set_text(object, "namespace", ref->ns);
    set_text(object, "name", ref->name);
    set_text(object, "sectionName", ref->section_name);
    if (ref->port > 0)
        json_object_set_new(object, "port", json_integer(ref->port));
    return object;
}

static bool is_text(const json_t *object, const char *name, struct str text, struct str fallback)
{
    struct str have = member_text(object, name);
    return str_eq(have.ptr ? have : fallback, text.ptr ? text : fallback);
}

/* Whether an entry is about the same parent, with the defaults of the API on both sides. */
static bool is_ref(const json_t *object, const struct outcome_ref *ref, struct str ns)
{
    return is_text(object, "group", ref->group, STR("gateway.networking.k8s.io")) &&
           is_text(object, "kind", ref->kind, STR("Gateway")) && is_text(object, "namespace", ref->ns, ns) &&
           is_text(object, "name", ref->name, STR("")) && is_text(object, "sectionName", ref->section_name, STR("")) &&
           json_integer_value(json_object_get(object, "port")) == ref->port;
}

/* ---- entries ---- */

static json_t *entry_new(const struct branches_merge *merge, const struct outcome_branch *branch, const json_t *before)
{
    struct outcome_conditions ours = branch->conditions;
    if (merge->flow && ours.count < OUTCOME_CONDITIONS_MAX)
        ours.list[ours.count++] = *merge->flow;
    struct conditions_merge conditions = {
        .present = json_object_get(before, "conditions"),
        .ours = &ours,
        .kept_type = merge->kept_type,
        .generation = merge->outcome->generation,
        .now = merge->now,
    };
    json_t *entry = json_object();
    json_object_set_new(entry, merge->ref_name, ref_new(&branch->ref));
    json_object_set_new(entry, "controllerName", json_string(COMPILE_CONTROLLER));
    json_object_set_new(entry, "conditions", conditions_merge(&conditions));
    return entry;
}

static bool is_of_another_umbra(const struct branches_merge *merge, const json_t *entry)
{
    const struct outcome *outcome = merge->outcome;
    const json_t *ref = json_object_get(entry, merge->ref_name);
    for (size_t i = 0; i < outcome->other_count; i++) {
        const struct outcome_ref *other = &outcome->others[i];
        if (is_text(ref, "group", other->group, STR("gateway.networking.k8s.io")) &&
            is_text(ref, "kind", other->kind, STR("Gateway")) &&
            is_text(ref, "namespace", other->ns, outcome->resource->ns) && is_text(ref, "name", other->name, STR("")))
            return true;
    }
    return false;
}

static bool is_ours(const struct branches_merge *merge, const json_t *entry)
{
    return str_eq(member_text(entry, "controllerName"), STR(COMPILE_CONTROLLER)) && !is_of_another_umbra(merge, entry);
}

static const json_t *find_entry(const struct branches_merge *merge, const json_t *list,
                                const struct outcome_branch *branch)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        if (is_ours(merge, entry) &&
            is_ref(json_object_get(entry, merge->ref_name), &branch->ref, merge->outcome->resource->ns))
            return entry;
    }
    return NULL;
}

static const struct outcome_branch *find_branch(const struct branches_merge *merge, const json_t *entry)
{
    const struct outcome *outcome = merge->outcome;
    for (size_t i = 0; i < outcome->branch_count; i++) {
        if (is_ref(json_object_get(entry, merge->ref_name), &outcome->branches[i].ref, outcome->resource->ns))
            return &outcome->branches[i];
    }
    return NULL;
}

static size_t count_others(const struct branches_merge *merge)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(merge->present); i++)
        count += !is_ours(merge, json_array_get(merge->present, i));
    return count;
}

json_t *branches_merge(const struct branches_merge *merge)
{
    json_t *list = json_array();
    size_t others = count_others(merge), room = merge->most > others ? merge->most - others : 0;
    for (size_t i = 0; i < json_array_size(merge->present); i++) {
        json_t *before = json_array_get(merge->present, i);
        const struct outcome_branch *branch = is_ours(merge, before) ? find_branch(merge, before) : NULL;
        if (!is_ours(merge, before)) {
            json_array_append(list, before);
        } else if (branch && room > 0 && !find_entry(merge, list, branch)) {
            json_array_append_new(list, entry_new(merge, branch, before));
            room--;
        }
    }
    for (size_t i = 0; i < merge->outcome->branch_count && room > 0; i++) {
        const struct outcome_branch *branch = &merge->outcome->branches[i];
        if (find_entry(merge, list, branch))
            continue;
        json_array_append_new(list, entry_new(merge, branch, NULL));
        room--;
    }
    return list;
}
