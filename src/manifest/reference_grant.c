/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/gateway.h"
#include "manifest/schema_formats.h"

#define GRANT_ENTRIES_MAX 16

static const struct schema_field reference_from_rows[] = {
    {.name = "group",
     .help = "The API group of what refers.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_from, group),
     .flags = SCHEMA_REQUIRED,
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what refers, as HTTPRoute.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_from, kind),
     .flags = SCHEMA_REQUIRED,
     .format = &format_kind},
    {.name = "namespace",
     .help = "The namespace of what refers.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_from, ns),
     .flags = SCHEMA_REQUIRED,
     .format = &format_dns_label},
};
static const struct schema reference_from_schema = {
    .name = "ReferenceGrantFrom",
    .help = "Who may refer.",
    .size = sizeof(struct reference_from),
    SCHEMA_ROWS(reference_from_rows),
};
static const struct schema_field reference_to_rows[] = {
    {.name = "group",
     .help = "The API group of what is referred to; empty for a Service or Secret.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_to, group),
     .flags = SCHEMA_REQUIRED,
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what is referred to.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_to, kind),
     .flags = SCHEMA_REQUIRED,
     .format = &format_kind},
    {.name = "name",
     .help = "The name of what is referred to; absent: all of that kind in the grant's namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(reference_to, name),
     .min = 1,
     .max = OBJECT_NAME_MAX},
};
static const struct schema reference_to_schema = {
    .name = "ReferenceGrantTo",
    .help = "What may be referred to.",
    .size = sizeof(struct reference_to),
    SCHEMA_ROWS(reference_to_rows),
};
static const struct schema_field reference_grant_spec_rows[] = {
    {.name = "from",
     .help = "Who may refer.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(reference_grant_spec, from),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = GRANT_ENTRIES_MAX,
     .of = &reference_from_schema},
    {.name = "to",
     .help = "What in the grant's own namespace may be referred to.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(reference_grant_spec, to),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = GRANT_ENTRIES_MAX,
     .of = &reference_to_schema},
};
static const struct schema reference_grant_spec_schema = {
    .name = "ReferenceGrantSpec",
    .help = "Who may refer to what.",
    .size = sizeof(struct reference_grant_spec),
    SCHEMA_ROWS(reference_grant_spec_rows),
};
static const struct schema_field reference_grant_rows[] = {
    OBJECT_HEAD_ROWS("ReferenceGrant"),
    {.name = "spec",
     .help = "Who may refer to what.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(reference_grant, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &reference_grant_spec_schema},
};
const struct schema reference_grant_schema = {
    .name = "ReferenceGrant",
    .help = "Allows resources of other namespaces to refer to resources of its own.",
    .size = sizeof(struct reference_grant),
    SCHEMA_ROWS(reference_grant_rows),
};
