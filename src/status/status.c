/* SPDX-License-Identifier: Apache-2.0 */
#include "status/status.h"

#include "compile/gateway_features.h"
#include "status/branches.h"
#include "status/conditions.h"
#include "status/flow.h"

#define PRESENT_MAX (8u * 1024 * 1024) /* bytes; API servers refuse objects over about 1.5 MB */
#define PARENTS_MAX 32
#define GATEWAY_GROUP_NAME "gateway.networking.k8s.io"

struct merge {
    const struct outcome *outcome;
    const struct status_now *now;
    json_t *status; /* being changed */
};

/* ---- parts ---- */

static json_t *merge_conditions(const struct merge *merge, const json_t *present, const struct outcome_conditions *ours,
                                const char *const *own_types)
{
    struct conditions_merge conditions = {
        .present = present,
        .ours = ours,
        .own_types = own_types,
        .generation = merge->outcome->generation,
        .now = merge->now->time,
    };
    return conditions_merge(&conditions);
}

static void set_own_conditions(const struct merge *merge)
{
    static const char *const own_types[] = {"Accepted", "Programmed", "ResolvedRefs", "SupportedVersion", NULL};
    const json_t *present = json_object_get(merge->status, "conditions");
    json_object_set_new(merge->status, "conditions",
                        merge_conditions(merge, present, &merge->outcome->conditions, own_types));
}

static void set_branches(const struct merge *merge, const char *list, const char *ref_name, size_t most)
{
    struct strbuf text = STRBUF_INIT;
    struct outcome_condition flow;
    bool is_policy = merge->outcome->resource->kind->id == KIND_MIRROR_POLICY;
    bool has_flow = is_policy && merge->now->flow && flow_condition(merge->outcome, merge->now->flow, &text, &flow);
    struct branches_merge branches = {
        .present = json_object_get(merge->status, list),
        .outcome = merge->outcome,
        .ref_name = ref_name,
        .most = most,
        .flow = has_flow ? &flow : NULL,
        .kept_type = is_policy ? CONDITION_COPIES_FLOW : NULL,
        .now = merge->now->time,
    };
    json_t *merged = branches_merge(&branches);
    bool is_there = json_object_get(merge->status, list) != NULL;
    if (is_there || json_array_size(merged) > 0)
        json_object_set_new(merge->status, list, merged);
    else
        json_decref(merged);
    strbuf_deinit(&text);
}

/* ---- Gateways ---- */

static const json_t *find_listener(const json_t *list, struct str name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (str_eq(member_text(json_array_get(list, i), "name"), name))
            return json_array_get(list, i);
    }
    return NULL;
}

static json_t *kinds_new(uint32_t kinds)
{
    json_t *list = json_array();
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds & 1u << i)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s}", "group", kind_table[i].group, "kind", kind_table[i].name));
    }
    return list;
}

static void set_listeners(const struct merge *merge)
{
    const json_t *present = json_object_get(merge->status, "listeners");
    json_t *list = json_array();
    for (size_t i = 0; i < merge->outcome->listener_count; i++) {
        const struct outcome_listener *listener = &merge->outcome->listeners[i];
        const json_t *before = json_object_get(find_listener(present, listener->name), "conditions");
        json_t *entry = json_object();
        json_object_set_new(entry, "name", text_new(listener->name));
        json_object_set_new(entry, "supportedKinds", kinds_new(listener->kinds));
        json_object_set_new(entry, "attachedRoutes", json_integer(listener->attached_routes));
        json_object_set_new(entry, "conditions", merge_conditions(merge, before, &listener->conditions, NULL));
        json_array_append_new(list, entry);
    }
    json_object_set_new(merge->status, "listeners", list);
}

static void set_addresses(const struct merge *merge)
{
    json_t *list = json_array();
    for (size_t i = 0; i < merge->outcome->address_count; i++) {
        const struct outcome_address *address = &merge->outcome->addresses[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "type", json_string(address->is_hostname ? "Hostname" : "IPAddress"));
        json_object_set_new(entry, "value", text_new(address->value));
        json_array_append_new(list, entry);
    }
    if (json_array_size(list) > 0)
        json_object_set(merge->status, "addresses", list);
    else
        json_object_del(merge->status, "addresses");
    json_decref(list);
}

static void set_features(const struct merge *merge)
{
    json_t *list = json_array();
    for (size_t i = 0; merge->outcome->has_features && i < gateway_feature_count; i++)
        json_array_append_new(list, json_pack("{s:s}", "name", gateway_features[i]));
    if (json_array_size(list) > 0)
        json_object_set(merge->status, "supportedFeatures", list);
    else
        json_object_del(merge->status, "supportedFeatures");
    json_decref(list);
}

/* ---- the whole ---- */

static void change(const struct merge *merge)
{
    switch (merge->outcome->resource->kind->id) {
    case KIND_MIRROR_POLICY:
    case KIND_BACKEND_TLS_POLICY: set_branches(merge, "ancestors", "ancestorRef", OUTCOME_ANCESTORS_MAX); break;
    case KIND_HTTP_ROUTE:
    case KIND_GRPC_ROUTE: set_branches(merge, "parents", "parentRef", PARENTS_MAX); break;
    case KIND_GATEWAY:
        set_own_conditions(merge);
        set_listeners(merge);
        set_addresses(merge);
        break;
    case KIND_GATEWAY_CLASS:
        set_own_conditions(merge);
        set_features(merge);
        break;
    default: set_own_conditions(merge); break;
    }
}

/* The object that the outcome is of: a later one of the same name has another uid. */
static bool is_it(const json_t *present, const struct resource *resource)
{
    const json_t *metadata = json_object_get(present, "metadata");
    struct str uid = node_text(node_find(resource->node, STR("metadata")), STR("uid")), group, version;
    api_version_split(member_text(present, "apiVersion"), &group, &version);
    return str_eq(member_text(present, "kind"), str_from_c(resource->kind->name)) &&
           str_eq(group, str_from_c(resource->kind->group)) && str_eq(member_text(metadata, "name"), resource->name) &&
           (resource->ns.len == 0 || str_eq(member_text(metadata, "namespace"), resource->ns)) &&
           member_text(metadata, "resourceVersion").len > 0 &&
           (uid.len == 0 || str_eq(uid, member_text(metadata, "uid")));
}

static int add_bytes(const char *bytes, size_t len, void *out)
{
    strbuf_add(out, (struct str){bytes, len});
    return 0;
}

/* What a PUT to …/status needs; the server takes the rest from what it has. */
static void write_object(const json_t *present, json_t *status, struct strbuf *out)
{
    static const char *const members[] = {"name", "namespace", "uid", "resourceVersion"};
    const json_t *from = json_object_get(present, "metadata");
    json_t *metadata = json_object(), *object = json_object();
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(from, members[i]);
        if (value)
            json_object_set(metadata, members[i], value);
    }
    json_object_set(object, "apiVersion", json_object_get(present, "apiVersion"));
    json_object_set(object, "kind", json_object_get(present, "kind"));
    json_object_set_new(object, "metadata", metadata);
    json_object_set(object, "status", status);
    (void)json_dump_callback(object, add_bytes, out, JSON_COMPACT);
    json_decref(object);
}

enum status_result status_merge(const struct outcome *outcome, struct str present, const struct status_now *now,
                                struct strbuf *out)
{
    json_t *object = present.len <= PRESENT_MAX
                         ? json_loadb(present.ptr ? present.ptr : "", present.len, JSON_ALLOW_NUL, NULL)
                         : NULL;
    if (!object || !is_it(object, outcome->resource)) {
        json_decref(object);
        return STATUS_FOREIGN;
    }
    const json_t *before = json_object_get(object, "status");
    json_t *status = json_is_object(before) ? json_deep_copy(before) : json_object();
    struct merge merge = {.outcome = outcome, .now = now, .status = status};
    change(&merge);
    bool is_same = before ? json_equal(before, status) : json_object_size(status) == 0;
    if (!is_same)
        write_object(object, status, out);
    json_decref(status);
    json_decref(object);
    return is_same ? STATUS_SAME : STATUS_CHANGED;
}
