/* SPDX-License-Identifier: Apache-2.0 */
#include "sample_schema.h"

#include "manifest/schema_formats.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)
#define ROWS(array) .fields = (array), .field_count = COUNT(array)

static const char *const path_types[] = {"Exact", "PathPrefix", "RegularExpression", NULL};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", NULL};
static const char *const statuses[] = {"301", "302", NULL};
static const char *const modes[] = {"Even", "Random", "Off", NULL};

static const struct schema_field path_rows[] = {
    {.name = "type",
     .help = "How the value is compared.",
     .type = SCHEMA_ENUM,
     AT(sample_path, type),
     .fallback = "PathPrefix",
     .values = path_types},
    {.name = "value",
     .help = "The path | its start.",
     .type = SCHEMA_STRING,
     AT(sample_path, value),
     .max = 16,
     .fallback = "/"},
    {.name = "mode", .help = "How else.", .type = SCHEMA_STRING, AT(sample_path, mode)},
};
static const struct schema path_schema = {
    .name = "SamplePath", .help = "A path.", .size = sizeof(struct sample_path), ROWS(path_rows)};

static const struct schema_field header_rows[] = {
    {.name = "name",
     .help = "The header's name.",
     .type = SCHEMA_STRING,
     AT(sample_header, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_header_name},
    {.name = "value",
     .help = "The header's value.",
     .type = SCHEMA_STRING,
     AT(sample_header, value),
     .flags = SCHEMA_REQUIRED,
     .min = 2,
     .max = 4096},
};
static const struct schema header_schema = {
    .name = "SampleHeader", .help = "A header.", .size = sizeof(struct sample_header), ROWS(header_rows)};

static const struct schema_field match_rows[] = {
    {.name = "path",
     .help = "The path that is asked for.",
     .type = SCHEMA_OBJECT,
     AT(sample_match, path),
     .fallback = "{}",
     .of = &path_schema},
    {.name = "headers",
     .help = "Headers that must be there.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     AT(sample_match, headers),
     .max = 16,
     .of = &header_schema,
     .key = "name"},
    {.name = "method", .help = "The method.", .type = SCHEMA_STRING, AT(sample_match, method), .values = methods},
};
static const struct schema match_schema = {
    .name = "SampleMatch", .help = "What is matched.", .size = sizeof(struct sample_match), ROWS(match_rows)};

static void check_rule(const void *object, struct problems *problems)
{
    const struct sample_rule *rule = object;
    if (rule->matches.count > 1 && !rule->name.ptr)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, rule->node, "name",
                            "is missing; a rule with several matches needs one");
}

static const struct schema_rule rule_rules[] = {
    {"has(self.name) || self.matches.size() < 2", "a rule with several matches needs a name"},
};
static const struct schema_field rule_rows[] = {
    {.name = "name",
     .help = "The rule's name.",
     .type = SCHEMA_STRING,
     AT(sample_rule, name),
     .flags = SCHEMA_EXPERIMENTAL,
     .format = &format_section_name},
    {.name = "matches",
     .help = "Any of these must match.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     AT(sample_rule, matches),
     .min = 1,
     .max = 2,
     .fallback = "[{}]",
     .of = &match_schema},
    {.name = "weight",
     .help = "Its share.",
     .type = SCHEMA_INT,
     AT(sample_rule, weight),
     .max = 1000000,
     .fallback = "1"},
    {.name = "codes",
     .help = "Statuses after which it is tried again.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_INT,
     AT(sample_rule, codes),
     .item_min = 400,
     .item_max = 599,
     .key = ""},
};
static const struct schema rule_schema = {
    .name = "SampleRule",
    .help = "A rule.",
    .size = sizeof(struct sample_rule),
    ROWS(rule_rows),
    .check = check_rule,
    .rules = rule_rules,
    .rule_count = COUNT(rule_rules),
};

static const struct schema_field login_rows[] = {
    {.name = "user", .help = "Who.", .type = SCHEMA_STRING, AT(sample_login, user), .format = &format_dns_label},
    {.name = "password",
     .help = "With what.",
     .type = SCHEMA_STRING,
     AT(sample_login, password),
     .flags = SCHEMA_SECRET,
     .format = &format_base64},
    {.name = "pin",
     .help = "And a number.",
     .type = SCHEMA_INT,
     AT(sample_login, pin),
     .flags = SCHEMA_SECRET,
     .min = 1000,
     .max = 9999},
};
static const struct schema login_schema = {
    .name = "SampleLogin", .help = "A login.", .size = sizeof(struct sample_login), ROWS(login_rows)};

static const struct schema_field spec_rows[] = {
    {.name = "hostnames",
     .help = "The hosts.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     AT(sample_spec, hostnames),
     .max = 3,
     .format = &format_hostname,
     .key = ""},
    {.name = "rules",
     .help = "The rules.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     AT(sample_spec, rules),
     .of = &rule_schema},
    {.name = "timeout",
     .help = "How long.",
     .type = SCHEMA_DURATION,
     AT(sample_spec, timeout),
     .max = 3600000,
     .fallback = "15s"},
    {.name = "window", .help = "How much.", .type = SCHEMA_QUANTITY, AT(sample_spec, window), .max = 16 << 20},
    {.name = "share", .help = "Which part.", .type = SCHEMA_PERCENT, AT(sample_spec, share), .max = 1000000},
    {.name = "suspend", .help = "Not now.", .type = SCHEMA_BOOL, AT(sample_spec, suspend), .fallback = "false"},
    {.name = "status",
     .help = "The redirect's status.",
     .type = SCHEMA_INT,
     AT(sample_spec, status),
     .fallback = "302",
     .values = statuses},
    {.name = "mode", .help = "How.", .type = SCHEMA_ENUM, AT(sample_spec, mode), .values = modes},
    {.name = "replicas",
     .help = "How many.",
     .type = SCHEMA_INT,
     AT(sample_spec, replicas),
     .flags = SCHEMA_UNSUPPORTED},
    {.name = "targetPort", .help = "Where.", .type = SCHEMA_NAME_OR_NUMBER, AT(sample_spec, target_port)},
    {.name = "namespace", .help = "Whose.", .type = SCHEMA_STRING, AT(sample_spec, ns), .format = &format_dns_label},
    {.name = "labels", .help = "Words.", .type = SCHEMA_MAP, AT(sample_spec, labels), .max = 3, .item_max = 63},
    {.name = "secrets",
     .help = "Secrets.",
     .type = SCHEMA_MAP,
     AT(sample_spec, secrets),
     .flags = SCHEMA_SECRET,
     .format = &format_base64},
    {.name = "login", .help = "A login.", .type = SCHEMA_OBJECT, AT(sample_spec, login), .of = &login_schema},
    {.name = "modes",
     .help = "Other ways.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_ENUM,
     AT(sample_spec, modes),
     .values = modes},
    {.name = "notes", .help = "Not read.", .type = SCHEMA_ANY},
};
static const struct schema spec_schema = {
    .name = "SampleSpec", .help = "What is wanted.", .size = sizeof(struct sample_spec), ROWS(spec_rows)};

static const struct schema_field meta_rows[] = {
    {.name = "name",
     .help = "Its name.",
     .type = SCHEMA_STRING,
     AT(sample_meta, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_dns_name},
    {.name = "labels", .help = "Its labels.", .type = SCHEMA_MAP, AT(sample_meta, labels)},
};
static const struct schema meta_schema = {
    .name = "SampleMeta", .help = "Its name and labels.", .size = sizeof(struct sample_meta), ROWS(meta_rows)};

static const struct schema_field sample_rows[] = {
    {.name = "apiVersion", .help = "The version.", .type = SCHEMA_STRING, AT(sample, api_version)},
    {.name = "kind", .help = "The kind.", .type = SCHEMA_STRING, AT(sample, kind)},
    {.name = "metadata",
     .help = "Its name.",
     .type = SCHEMA_OBJECT,
     AT(sample, metadata),
     .flags = SCHEMA_REQUIRED,
     .of = &meta_schema},
    {.name = "spec",
     .help = "What is wanted.",
     .type = SCHEMA_OBJECT,
     AT(sample, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    {.name = "status", .help = "What is.", .type = SCHEMA_ANY},
};
const struct schema sample_schema = {
    .name = "Sample", .help = "A sample: all of it.", .size = sizeof(struct sample), ROWS(sample_rows)};

static void on_document(void *user, const struct document *document)
{
    struct sample_load *load = user;
    load->sample = (struct sample){0};
    load->is_decoded = document->root && !document->is_broken &&
                       schema_decode(&sample_schema, document->root, &load->arena, &load->problems, &load->sample,
                                     load->from_server);
}

void sample_load(struct sample_load *load, struct str text, bool from_server)
{
    *load = (struct sample_load){.source = {STR("f.yaml")}, .from_server = from_server};
    arena_init(&load->arena, NULL, 0);
    problems_init(&load->problems);
    struct str copy = arena_copy(&load->arena, text);
    if (!document_parse(copy, &load->source, &load->arena, &load->problems, on_document, load))
        load->is_decoded = false;
}

void sample_unload(struct sample_load *load)
{
    problems_deinit(&load->problems);
    arena_deinit(&load->arena);
}
