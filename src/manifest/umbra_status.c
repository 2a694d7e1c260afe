/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/umbra_status.h"

#include "manifest/meta.h"
#include "manifest/schema_formats.h"

/* As the APIs say. */
#define CONDITIONS_MAX 8
#define ANCESTORS_MAX 16
#define CONDITION_TYPE_MAX 316
#define REASON_MAX 1024
#define MESSAGE_MAX 32768

/* -------------------------------------------------------------------------------------------------- conditions */

static const struct schema_format format_time = {
    .name = "a time",
    .openapi = "date-time",
    .example = "2026-01-31T12:00:00Z",
};
static const struct schema_format format_condition_type = {
    .name = "the name of a condition",
    .pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
               "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
    .example = "Accepted",
};
static const struct schema_format format_reason = {
    .name = "a word",
    .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    .example = "TargetNotFound",
};

static const char *const states[] = {"True", "False", "Unknown", NULL};
static const struct schema_field condition_rows[] = {
    {.name = "type",
     .help = "What it is about: Accepted, ResolvedRefs or umbra.dev/CopiesFlow.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .max = CONDITION_TYPE_MAX,
     .format = &format_condition_type},
    {.name = "status", .help = "Whether it is so.", .type = SCHEMA_STRING, .flags = SCHEMA_REQUIRED, .values = states},
    {.name = "reason",
     .help = "Why, in one word, for programs.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = REASON_MAX,
     .format = &format_reason},
    {.name = "message",
     .help = "Why, in a sentence that says what to mend; may be empty.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .max = MESSAGE_MAX},
    {.name = "observedGeneration",
     .help = "The metadata.generation that was judged; smaller than the resource's own: the newest change was not yet "
             "looked at.",
     .type = SCHEMA_INT},
    {.name = "lastTransitionTime",
     .help = "Since when the status, True, False or Unknown, is what it is.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .format = &format_time},
};
static const struct schema condition_schema = {
    .name = "Condition",
    .help = "One thing that is so, or is not.",
    SCHEMA_ROWS(condition_rows),
};

/* --------------------------------------------------------------------------------------------------- ancestors */

static const struct schema_field ancestor_ref_rows[] = {
    {.name = "group", .help = "The API group of the target.", .type = SCHEMA_STRING, .format = &format_group},
    {.name = "kind", .help = "The kind of the target.", .type = SCHEMA_STRING, .format = &format_kind},
    {.name = "namespace", .help = "The namespace of the target.", .type = SCHEMA_STRING, .format = &format_dns_label},
    {.name = "name",
     .help = "The name of the target.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "sectionName",
     .help = "The rule or listener of the target; absent: all of it.",
     .type = SCHEMA_STRING,
     .format = &format_section_name},
    {.name = "port",
     .help = "The port of the target; Umbra's policies have none.",
     .type = SCHEMA_INT,
     .min = 1,
     .max = 65535},
};
static const struct schema ancestor_ref_schema = {
    .name = "ParentReference",
    .help = "A route or Gateway.",
    SCHEMA_ROWS(ancestor_ref_rows),
};
static const struct schema_field ancestor_rows[] = {
    {.name = "ancestorRef",
     .help = "The target: one of spec.targetRefs.",
     .type = SCHEMA_OBJECT,
     .flags = SCHEMA_REQUIRED,
     .of = &ancestor_ref_schema},
    {.name = "controllerName",
     .help = "Who says so; Umbra is umbra.dev/gateway-controller.",
     .type = SCHEMA_STRING,
     .flags = SCHEMA_REQUIRED,
     .format = &format_domain_path},
    {.name = "conditions",
     .help = "Accepted: whether the policy counts there. ResolvedRefs: whether compare.control can be used. "
             "umbra.dev/CopiesFlow: whether copies flow, for all mirrors of the policy together.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CONDITIONS_MAX,
     .of = &condition_schema,
     .key = "type"},
};
static const struct schema ancestor_schema = {
    .name = "PolicyAncestorStatus",
    .help = "What became of the policy at one of its targets.",
    SCHEMA_ROWS(ancestor_rows),
};
static const struct schema_field policy_status_rows[] = {
    {.name = "ancestors",
     .help = "What became of the policy, for each of its targets.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     .max = ANCESTORS_MAX,
     .of = &ancestor_schema},
};
const struct schema mirror_policy_status_schema = {
    .name = "PolicyStatus",
    .help = "What became of the policy.",
    SCHEMA_ROWS(policy_status_rows),
};

#define CONDITION_AT(list, type, field) list "[?(@.type==\"" type "\")]." field
#define OF_POLICY(type, field) CONDITION_AT(".status.ancestors[*].conditions", type, field)
static const struct kind_column policy_columns[] = {
    {"Target", "string", ".spec.targetRefs[*].name", "The routes or Gateways whose mirrors the policy is for.", false},
    {"Accepted", "string", OF_POLICY("Accepted", "status"), "Whether the policy counts.", false},
    {"CopiesFlow", "string", OF_POLICY("umbra.dev/CopiesFlow", "status"), "Whether copies flow.", false},
    {"Suspended", "boolean", ".spec.suspend", "Whether the policy stops all copies.", false},
    {"Age", "date", ".metadata.creationTimestamp", "How long ago the policy was made.", false},
    {"Reason", "string", OF_POLICY("Accepted", "reason"), "Why the policy counts, or does not.", true},
    {"Flow", "string", OF_POLICY("umbra.dev/CopiesFlow", "reason"), "Why copies flow, or do not.", true},
};
const struct kind_view mirror_policy_view = {
    .short_name = "mpol",
    .columns = policy_columns,
    .column_count = sizeof(policy_columns) / sizeof(policy_columns[0]),
};

/* ---------------------------------------------------------------------------------------------------- Backends */

static const struct schema_field backend_status_rows[] = {
    {.name = "conditions",
     .help = "Accepted: whether requests and copies may go there. ResolvedRefs: whether its certificates can be used.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     .max = CONDITIONS_MAX,
     .of = &condition_schema,
     .key = "type"},
};
const struct schema backend_status_schema = {
    .name = "BackendStatus",
    .help = "What became of the Backend.",
    SCHEMA_ROWS(backend_status_rows),
};

#define OF_BACKEND(type, field) CONDITION_AT(".status.conditions", type, field)
static const struct kind_column backend_columns[] = {
    {"Accepted", "string", OF_BACKEND("Accepted", "status"), "Whether requests and copies may go there.", false},
    {"Host", "string", ".spec.endpoints[*].host", "Where it is.", false},
    {"Port", "string", ".spec.endpoints[*].port", "The port there.", false},
    {"Protocol", "string", ".spec.protocol", "What it speaks.", false},
    {"Age", "date", ".metadata.creationTimestamp", "How long ago the Backend was made.", false},
    {"Reason", "string", OF_BACKEND("Accepted", "reason"), "Why it is accepted, or not.", true},
};
const struct kind_view backend_view = {
    .short_name = "ubackend",
    .columns = backend_columns,
    .column_count = sizeof(backend_columns) / sizeof(backend_columns[0]),
};
