/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/meta.h"

#include "manifest/schema_formats.h"

#define LABEL_VALUE_MAX 63

static const struct schema_field meta_rows[] = {
    {.name = "name",
     .help = "The resource's name, unique among its kind in its namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_meta, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "The namespace that the resource is in; `default` where a file says none.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_meta, ns),
     .format = &format_dns_label},
    {.name = "labels",
     .help = "Names and values that selectors look at.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(object_meta, labels)},
    {.name = "annotations",
     .help = "Notes of tools and people.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(object_meta, annotations)},
    {.name = "creationTimestamp",
     .help = "When the resource was made; of two routes that match alike, the older one wins.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_meta, creation_timestamp)},
    {.name = "generation",
     .help = "How often the resource's content was changed.",
     .type = SCHEMA_INT,
     SCHEMA_AT(object_meta, generation)},
    /* What an API server adds. */
    {.name = "uid", .help = "Kept by the API server.", .type = SCHEMA_ANY},
    {.name = "resourceVersion", .help = "Kept by the API server.", .type = SCHEMA_ANY},
    {.name = "generateName", .help = "Where the API server began the name from.", .type = SCHEMA_ANY},
    {.name = "deletionTimestamp", .help = "When the deletion was asked for.", .type = SCHEMA_ANY},
    {.name = "deletionGracePeriodSeconds", .help = "How long the deletion may take.", .type = SCHEMA_ANY},
    {.name = "finalizers", .help = "Who wants to be asked before the deletion.", .type = SCHEMA_ANY},
    {.name = "ownerReferences", .help = "What the resource belongs to.", .type = SCHEMA_ANY},
    {.name = "managedFields", .help = "Which tool has set which field.", .type = SCHEMA_ANY},
    {.name = "selfLink", .help = "The address that old API servers gave the resource.", .type = SCHEMA_ANY},
};
const struct schema object_meta_schema = {
    .name = "ObjectMeta",
    .help = "What all resources have in common.",
    .size = sizeof(struct object_meta),
    SCHEMA_ROWS(meta_rows),
};

struct str pairs_find(const struct schema_list *pairs, struct str key)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct schema_pair *pair = SCHEMA_ITEM(*pairs, struct schema_pair, i);
        if (str_eq(pair->key, key))
            return pair->value;
    }
    return STR_NONE;
}

const struct node *place_of(const struct node *owner, const char *member)
{
    const struct node *node = node_find(owner, str_from_c(member));
    return node ? node : owner;
}

static bool is_label_value(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_end = i == 0 || i + 1 == text.len;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && (is_end || (c != '-' && c != '_' && c != '.')))
            return false;
    }
    return true;
}

const struct schema_format format_label_value = {
    .name = "a label's value",
    .pattern = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    .example = "payments",
    .is_valid = is_label_value,
    .max_len = LABEL_VALUE_MAX,
};

bool is_qualified_name(struct str key)
{
    size_t slash = str_find_char(key, '/');
    struct str name = key;
    if (slash < key.len) {
        struct str prefix = str_slice(key, 0, slash);
        if (prefix.len >= OBJECT_NAME_MAX || !format_dns_name.is_valid(prefix))
            return false;
        name = str_slice(key, slash + 1, key.len);
    }
    return name.len > 0 && name.len <= LABEL_VALUE_MAX && is_label_value(name);
}

/* -------------------------------------------------------------------------------------------------- references */

void check_service_port(struct str group, struct str kind, const struct schema_int *port, const struct node *at,
                        struct problems *problems)
{
    if (group.len == 0 && str_eq(kind, STR("Service")) && !port->is_set)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, at, "port",
                            "a reference to a Service needs a port: add \"port:\" with the Service's port number");
}

static void check_backend_ref(const void *object, struct problems *problems)
{
    const struct object_ref *ref = object;
    check_service_port(ref->group, ref->kind, &ref->port, ref->node, problems);
}

static const struct schema_field backend_ref_rows[] = {
    {.name = "group",
     .help = "The API group of what is meant; empty for a Service, `umbra.dev` for a Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .fallback = "",
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what is meant: Service or Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .fallback = "Service",
     .format = &format_kind},
    {.name = "name",
     .help = "The name of the Service or Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "The namespace of the Service or Backend; absent: that of the resource that names it.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, ns),
     .format = &format_dns_label},
    {.name = "port",
     .help = "The port of the Service, which must be given; a Backend has its own.",
     .type = SCHEMA_INT,
     SCHEMA_AT(object_ref, port),
     .min = 1,
     .max = 65535},
};
const struct schema backend_ref_schema = {
    .name = "BackendObjectReference",
    .help = "Names a Service or a Backend.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(backend_ref_rows),
    .check = check_backend_ref,
};

static const struct schema_field secret_ref_rows[] = {
    {.name = "group",
     .help = "The API group of what is meant; empty for a Secret.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .fallback = "",
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what is meant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .fallback = "Secret",
     .format = &format_kind},
    {.name = "name",
     .help = "The name of the Secret.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "The namespace of the Secret; absent: that of the resource that names it.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, ns),
     .format = &format_dns_label},
};
const struct schema secret_ref_schema = {
    .name = "SecretObjectReference",
    .help = "Names a Secret.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(secret_ref_rows),
};

static const struct schema_field foreign_ref_rows[] = {
    {.name = "group",
     .help = "The API group of what is meant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .flags = SCHEMA_REQUIRED,
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what is meant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .flags = SCHEMA_REQUIRED,
     .format = &format_kind},
    {.name = "name",
     .help = "The name of what is meant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "The namespace of what is meant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, ns),
     .format = &format_dns_label},
};
const struct schema foreign_ref_schema = {
    .name = "ObjectReference",
    .help = "Names a resource of any kind.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(foreign_ref_rows),
};
/* Without the last row, the namespace. */
const struct schema local_ref_schema = {
    .name = "LocalObjectReference",
    .help = "Names a resource of any kind in the same namespace.",
    .size = sizeof(struct object_ref),
    .fields = foreign_ref_rows,
    .field_count = sizeof(foreign_ref_rows) / sizeof(foreign_ref_rows[0]) - 1,
};

/* --------------------------------------------------------------------------------------------------- selectors */

static const char *const label_operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

static void check_requirement(const void *object, struct problems *problems)
{
    const struct label_requirement *requirement = object;
    bool needs_values = requirement->operator.value == LABEL_IN || requirement->operator.value == LABEL_NOT_IN;
    const char *name = label_operators[requirement->operator.value];
    if (needs_values && requirement->values.count == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, requirement->node, "values",
                            "the operator %s needs at least one value", name);
    if (!needs_values && requirement->values.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(requirement->node, "values"),
                     "the operator %s takes no values: remove them, or say In or NotIn", name);
}

static const struct schema_field requirement_rows[] = {
    {.name = "key",
     .help = "The label's name.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(label_requirement, key),
     .flags = SCHEMA_REQUIRED},
    {.name = "operator",
     .help = "How the label is compared with the values.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(label_requirement, operator),
     .flags = SCHEMA_REQUIRED,
     .values = label_operators},
    {.name = "values",
     .help = "The values for In and NotIn.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(label_requirement, values)},
};
static const struct schema requirement_schema = {
    .name = "LabelSelectorRequirement",
    .help = "One condition on a label.",
    .size = sizeof(struct label_requirement),
    SCHEMA_ROWS(requirement_rows),
    .check = check_requirement,
};

static const struct schema_field label_selector_rows[] = {
    {.name = "matchLabels",
     .help = "Labels that must have exactly these values.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(label_selector, match_labels)},
    {.name = "matchExpressions",
     .help = "Conditions on labels, all of which must hold.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(label_selector, match_expressions),
     .of = &requirement_schema},
};
const struct schema label_selector_schema = {
    .name = "LabelSelector",
    .help = "Chooses resources by their labels; an empty one chooses all.",
    .size = sizeof(struct label_selector),
    SCHEMA_ROWS(label_selector_rows),
};

static bool requirement_holds(const struct label_requirement *requirement, const struct schema_list *labels)
{
    struct str value = pairs_find(labels, requirement->key);
    bool is_there = value.ptr != NULL, is_among = false;
    for (uint32_t i = 0; i < requirement->values.count; i++)
        is_among |= is_there && str_eq(value, *SCHEMA_ITEM(requirement->values, struct str, i));
    switch ((enum label_operator)requirement->operator.value) {
    case LABEL_IN: return is_among;
    case LABEL_NOT_IN: return !is_among;
    case LABEL_EXISTS: return is_there;
    case LABEL_DOES_NOT_EXIST: return !is_there;
    }
    return false;
}

bool label_selector_matches(const struct label_selector *selector, const struct schema_list *labels)
{
    for (uint32_t i = 0; i < selector->match_labels.count; i++) {
        const struct schema_pair *wanted = SCHEMA_ITEM(selector->match_labels, struct schema_pair, i);
        struct str value = pairs_find(labels, wanted->key);
        if (!value.ptr || !str_eq(value, wanted->value))
            return false;
    }
    for (uint32_t i = 0; i < selector->match_expressions.count; i++) {
        if (!requirement_holds(SCHEMA_ITEM(selector->match_expressions, struct label_requirement, i), labels))
            return false;
    }
    return true;
}
