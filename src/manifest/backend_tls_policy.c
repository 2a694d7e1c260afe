/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/backend_tls_policy.h"

#include "manifest/schema_formats.h"

#define TARGETS_MAX 16
#define CA_REFS_MAX 8
#define ALT_NAMES_MAX 5
#define OPTIONS_MAX 16
#define OPTION_VALUE_MAX 4096

static const struct schema_field target_ref_rows[] = {
    {.name = "group",
     .help = "The API group of what is meant; empty for a Service, `umbra.dev` for a Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .flags = SCHEMA_REQUIRED,
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of what is meant: Service or Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .flags = SCHEMA_REQUIRED,
     .format = &format_kind},
    {.name = "name",
     .help = "The name of the Service or Backend, in the policy's namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "sectionName",
     .help = "The name of a port of the Service; absent: all of its ports.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, section_name),
     .format = &format_section_name},
};
static const struct schema target_ref_schema = {
    .name = "LocalPolicyTargetReferenceWithSectionName",
    .help = "Names a backend, or one of its ports.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(target_ref_rows),
};

/* A URI that has a scheme and an authority, as the API's pattern asks for. */
static bool is_full_uri(struct str text)
{
    size_t colon = str_find_char(text, ':');
    return colon > 0 && !memchr(text.ptr, '/', colon) && !memchr(text.ptr, '?', colon) &&
           !memchr(text.ptr, '#', colon) && str_starts_with(str_slice(text, colon + 1, text.len), STR("//"));
}
static const struct schema_format format_full_uri = {
    .name = "a URI with its scheme",
    .pattern = "^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?",
    .example = "spiffe://example.com/ns/shop/sa/api",
    .is_valid = is_full_uri,
    .min_len = 1,
    .max_len = 253,
};

static void check_alt_name(const void *object, struct problems *problems)
{
    const struct subject_alt_name *name = object;
    bool is_uri = name->type.value == ALT_NAME_URI;
    const char *own = is_uri ? "uri" : "hostname", *other = is_uri ? "hostname" : "uri";
    if ((is_uri ? name->uri : name->hostname).len == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, name->node, own, "is missing: the type %s needs it",
                            is_uri ? "URI" : "Hostname");
    if ((is_uri ? name->hostname : name->uri).len > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(name->node, other),
                     "does not belong to the type %s: remove it, or write type: %s", is_uri ? "URI" : "Hostname",
                     is_uri ? "Hostname" : "URI");
}
static const char *const alt_name_types[] = {"Hostname", "URI", NULL};
static const struct schema_field alt_name_rows[] = {
    {.name = "type",
     .help = "Which kind of name it is.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(subject_alt_name, type),
     .flags = SCHEMA_REQUIRED,
     .values = alt_name_types},
    {.name = "hostname",
     .help = "The DNS name, for the type Hostname; may begin with `*.`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(subject_alt_name, hostname),
     .format = &format_hostname},
    {.name = "uri",
     .help = "The URI, for the type URI, as SPIFFE has them.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(subject_alt_name, uri),
     .format = &format_full_uri},
};
static const struct schema alt_name_schema = {
    .name = "SubjectAltName",
    .help = "A name that the backend's certificate may have.",
    .size = sizeof(struct subject_alt_name),
    SCHEMA_ROWS(alt_name_rows),
    .check = check_alt_name,
};

static bool is_well_known(struct str text)
{
    return str_eq(text, STR("System")) || format_domain_path.is_valid(text);
}
static const struct schema_format format_well_known = {
    .name = "System, or a name as example.com/authorities",
    .pattern = "^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/"
               "([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$",
    .example = "System",
    .is_valid = is_well_known,
    .min_len = 1,
    .max_len = 253,
};

static void check_validation(const void *object, struct problems *problems)
{
    const struct backend_validation *validation = object;
    if (validation->ca_refs.count > 0 && validation->well_known.len > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(validation->node, "wellKnownCACertificates"),
                     "says something else than caCertificateRefs: remove one of them");
    if (validation->ca_refs.count == 0 && validation->well_known.len == 0)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, validation->node, "caCertificateRefs",
                            "is missing: name the ConfigMap that has the authorities' certificates as ca.crt, or "
                            "write wellKnownCACertificates: System");
}
static const struct schema_field validation_rows[] = {
    {.name = "caCertificateRefs",
     .help = "Whom backends are trusted by: ConfigMaps, or Secrets, that have certificates of authorities as `ca.crt`.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(backend_validation, ca_refs),
     .max = CA_REFS_MAX,
     .of = &local_ref_schema},
    {.name = "wellKnownCACertificates",
     .help = "In place of `caCertificateRefs`: `System`, the authorities of the system.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_validation, well_known),
     .format = &format_well_known},
    {.name = "hostname",
     .help = "The server name (SNI), and what the certificate must be for unless there are `subjectAltNames`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_validation, hostname),
     .flags = SCHEMA_REQUIRED,
     .format = &format_precise_hostname},
    {.name = "subjectAltNames",
     .help = "Names of which the certificate must have one, in place of `hostname`.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(backend_validation, alt_names),
     .max = ALT_NAMES_MAX,
     .of = &alt_name_schema},
};
static const struct schema validation_schema = {
    .name = "BackendTLSPolicyValidation",
    .help = "How the certificates of backends are checked.",
    .size = sizeof(struct backend_validation),
    SCHEMA_ROWS(validation_rows),
    .check = check_validation,
};

static bool is_same_target(const struct object_ref *a, const struct object_ref *b)
{
    return str_eq(a->group, b->group) && str_eq(a->kind, b->kind) && str_eq(a->name, b->name);
}

static void check_spec(const void *object, struct problems *problems)
{
    const struct backend_tls_policy_spec *spec = object;
    for (uint32_t i = 1; i < spec->target_refs.count; i++) {
        const struct object_ref *later = SCHEMA_ITEM(spec->target_refs, struct object_ref, i);
        for (uint32_t j = 0; j < i; j++) {
            const struct object_ref *earlier = SCHEMA_ITEM(spec->target_refs, struct object_ref, j);
            bool is_whole = later->section_name.len == 0 || earlier->section_name.len == 0;
            if (!is_same_target(earlier, later) || (!is_whole && !str_eq(earlier->section_name, later->section_name)))
                continue;
            problems_add(problems, SEVERITY_ERROR, STR_NONE, later->node,
                         "names the same as targetRefs[%u]: remove one, or give each the sectionName of another port",
                         j);
            break;
        }
    }
}
static const struct schema_field spec_rows[] = {
    {.name = "targetRefs",
     .help = "The Services or Backends that are spoken to over TLS.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(backend_tls_policy_spec, target_refs),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = TARGETS_MAX,
     .of = &target_ref_schema},
    {.name = "validation",
     .help = "How the certificates of backends are checked.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend_tls_policy_spec, validation),
     .flags = SCHEMA_REQUIRED,
     .of = &validation_schema},
    {.name = "options",
     .help = "Settings of implementations by name; Umbra has none. One of `umbra.dev` or without a domain makes the "
             "policy invalid, those of others are said to have no effect.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(backend_tls_policy_spec, options),
     .max = OPTIONS_MAX,
     .item_max = OPTION_VALUE_MAX},
};
static const struct schema spec_schema = {
    .name = "BackendTLSPolicySpec",
    .help = "Which backends, and how they are checked.",
    .size = sizeof(struct backend_tls_policy_spec),
    SCHEMA_ROWS(spec_rows),
    .check = check_spec,
};
static const struct schema_field backend_tls_policy_rows[] = {
    OBJECT_HEAD_ROWS("BackendTLSPolicy"),
    {.name = "spec",
     .help = "Which backends, and how they are checked.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend_tls_policy, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema backend_tls_policy_schema = {
    .name = "BackendTLSPolicy",
    .help =
        "Says that requests and copies go to a backend over TLS, and how its certificate is checked. While a policy "
        "has an error, its backends get none at all, never plain ones.",
    .size = sizeof(struct backend_tls_policy),
    SCHEMA_ROWS(backend_tls_policy_rows),
};
