/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/policy_judgement.h"
#include "manifest/schema_formats.h"
#include "manifest/umbra_kinds.h"
#include "manifest/umbra_status.h"

#define TARGETS_MAX 16
#define SOURCES_MAX 128 /* each is compared with each client's address */
#define NAMES_MAX 64    /* of headers, cookies, query parameters */
#define REDACTED_MAX 16 /* cookies, parameters: a request may have thousands, each compared with all of these */
#define TOKEN_MAX 256
#define HOUR_MS (60 * 60 * 1000)
#define MIB (1024 * 1024)

#define RULES_OF(table) .rules = (table), .rule_count = sizeof(table) / sizeof((table)[0])

/* --------------------------------------------------------------------------------------------------- references */

#define ISTIO_GROUP "networking.istio.io"

static void check_target_ref(const void *object, struct problems *problems)
{
    const struct object_ref *ref = object;
    bool is_istio = str_eq(ref->group, STR(ISTIO_GROUP)), is_virtual = str_eq(ref->kind, STR("VirtualService"));
    if (is_virtual && !is_istio)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, ref->node, "group",
                            "a VirtualService is of another group: write group: " ISTIO_GROUP);
    else if (is_istio && !is_virtual)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(ref->node, "kind"),
                     "of the group " ISTIO_GROUP " only a VirtualService can be a target");
}
static const struct schema_rule target_ref_rules[] = {
    {"(self.group == '" ISTIO_GROUP "') == (self.kind == 'VirtualService')",
     "a VirtualService is of the group " ISTIO_GROUP ", and all others of gateway.networking.k8s.io"},
};
static const char *const target_groups[] = {"gateway.networking.k8s.io", ISTIO_GROUP, NULL};
static const char *const target_kinds[] = {"HTTPRoute", "GRPCRoute", "Gateway", "VirtualService", NULL};
static const struct schema_field target_ref_rows[] = {
    {.name = "group",
     .help = "The API group of the target.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .fallback = "gateway.networking.k8s.io",
     .values = target_groups},
    {.name = "kind",
     .help = "The kind of the target.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .flags = SCHEMA_REQUIRED,
     .values = target_kinds},
    {.name = "name",
     .help = "The name of the target, which is in the policy's own namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "sectionName",
     .help =
         "One rule of the route, or one http route of the VirtualService, by its name, or one listener of the Gateway; "
         "absent: all.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, section_name),
     .format = &format_section_name},
};
static const struct schema target_ref_schema = {
    .name = "PolicyTargetReference",
    .help = "A route or Gateway whose mirrors the policy is for.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(target_ref_rows),
    .check = check_target_ref,
    .rules = target_ref_rules,
    .rule_count = sizeof(target_ref_rules) / sizeof(target_ref_rules[0]),
};

static const struct schema_field mirror_ref_rows[] = {
    {.name = "group",
     .help = "The API group of the shadow; absent: any.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of the shadow; absent: any.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .format = &format_kind},
    {.name = "namespace",
     .help = "The namespace of the shadow; absent: the policy's.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, ns),
     .format = &format_dns_label},
    {.name = "name",
     .help = "The name of the shadow's Service or Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "port",
     .help = "The port of the shadow's backendRef; absent: any.",
     .type = SCHEMA_INT,
     SCHEMA_AT(object_ref, port),
     .min = 1,
     .max = 65535},
};
static const struct schema mirror_ref_schema = {
    .name = "PolicyMirrorReference",
    .help = "One mirror, by its shadow.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(mirror_ref_rows),
};

/* ----------------------------------------------------------------------------------------------------- sampling */

static void check_sampling_key(const void *object, struct problems *problems)
{
    const struct sampling_key *key = object;
    unsigned count = (key->header.ptr != NULL) + (key->cookie.ptr != NULL) + (key->query.ptr != NULL) +
                     (key->client_ip.value != 0) + (key->trace_id.value != 0);
    if (count != 1)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, key->node,
                     "names %u keys, and one is needed: header, cookie, query, clientIP: true or traceID: true", count);
}
static const struct schema_rule sampling_key_rules[] = {
    {"(has(self.header) ? 1 : 0) + (has(self.cookie) ? 1 : 0) + (has(self.query) ? 1 : 0) + "
     "(has(self.clientIP) && self.clientIP ? 1 : 0) + (has(self.traceID) && self.traceID ? 1 : 0) == 1",
     "one of header, cookie, query, clientIP and traceID is needed"},
};
static const struct schema_field sampling_key_rows[] = {
    {.name = "header",
     .help = "A header's value.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(sampling_key, header),
     .format = &format_header_name},
    {.name = "cookie",
     .help = "A cookie's value.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(sampling_key, cookie),
     .format = &format_header_name},
    {.name = "query",
     .help = "A query parameter's value.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(sampling_key, query),
     .min = 1,
     .max = TOKEN_MAX},
    {.name = "clientIP", .help = "The client's address.", .type = SCHEMA_BOOL, SCHEMA_AT(sampling_key, client_ip)},
    {.name = "traceID",
     .help = "The trace id of the header traceparent.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(sampling_key, trace_id)},
};
static const struct schema sampling_key_schema = {
    .name = "SamplingKey",
    .help = "What Hash looks at: requests with the same value are all copied, or none of them.",
    .size = sizeof(struct sampling_key),
    SCHEMA_ROWS(sampling_key_rows),
    .check = check_sampling_key,
    RULES_OF(sampling_key_rules),
};

static void check_sampling(const void *object, struct problems *problems)
{
    const struct policy_sampling *sampling = object;
    bool is_hash = sampling->mode.value == MODE_HASH;
    if (is_hash && !sampling->key)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, sampling->node, "key",
                            "the mode Hash needs a key: add it, as key: {header: x-user-id}");
    if (!is_hash && sampling->key)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, sampling->key->node,
                     "is for the mode Hash: set mode: Hash or remove it");
}
static const struct schema_rule sampling_rules[] = {
    {"(has(self.mode) && self.mode == 'Hash') == has(self.key)", "the mode Hash needs a key, and the others have none"},
};
static const char *const sampling_modes[] = {"Even", "Random", "Hash", NULL};
static const struct schema_field sampling_rows[] = {
    {.name = "mode",
     .help =
         "Even copies exactly the share that is asked for, Random each request by chance, Hash all requests with the "
         "same key or none.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(policy_sampling, mode),
     .fallback = "Even",
     .values = sampling_modes},
    {.name = "key",
     .help = "What Hash looks at; requests without it are sampled as Even does.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_sampling, key),
     .of = &sampling_key_schema},
    {.name = "salt",
     .help = "Another word chooses other keys; mirrors with the same key and salt copy the same requests.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(policy_sampling, salt),
     .max = TOKEN_MAX},
};
static const struct schema sampling_schema = {
    .name = "PolicySampling",
    .help = "Which requests are copied, of the share that the mirror asks for.",
    .size = sizeof(struct policy_sampling),
    SCHEMA_ROWS(sampling_rows),
    .is_layered = true,
    .check = check_sampling,
    RULES_OF(sampling_rules),
};

/* ------------------------------------------------------------------------------------------------------- limits */

static const struct schema_field limits_rows[] = {
    {.name = "requestsPerSecond",
     .help = "How many copies per second there may be; absent: no limit.",
     .type = SCHEMA_INT,
     SCHEMA_AT(policy_limits, requests_per_second),
     .min = 1,
     .max = 10000000},
    {.name = "inFlight",
     .help = "How many copies may be queued and on their way at a time.",
     .type = SCHEMA_INT,
     SCHEMA_AT(policy_limits, in_flight),
     .min = 1,
     .max = 1000000,
     .fallback = "1024"},
    {.name = "connections",
     .help = "How many connections to the shadow there may be.",
     .type = SCHEMA_INT,
     SCHEMA_AT(policy_limits, connections),
     .min = 1,
     .max = 65535,
     .fallback = "256"},
    {.name = "window",
     .help = "How far a shadow may lag behind the live request's body before its copy is given up.",
     .type = SCHEMA_QUANTITY,
     SCHEMA_AT(policy_limits, window),
     .min = 1024,
     .max = 1024 * MIB,
     .fallback = "1Mi"},
    {.name = "timeout",
     .help = "How long a copy waits for progress, in the queue, for the head of the answer and between its pieces.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(policy_limits, timeout),
     .min = 1,
     .max = HOUR_MS,
     .fallback = "15s"},
    {.name = "connectTimeout",
     .help = "How long a connection to the shadow may take to be made.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(policy_limits, connect_timeout),
     .min = 1,
     .max = HOUR_MS,
     .fallback = "1s"},
};
static const struct schema limits_schema = {
    .name = "PolicyLimits",
    .help = "What a mirror may use, in each gateway.",
    .size = sizeof(struct policy_limits),
    SCHEMA_ROWS(limits_rows),
    .is_layered = true,
};

/* ------------------------------------------------------------------------------------------------------ request */

static void check_host(const void *object, struct problems *problems)
{
    const struct policy_host *host = object;
    bool is_literal = host->type.value == HOST_LITERAL;
    if (is_literal && !host->value.ptr)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, host->node, "value",
                            "the type Literal needs the host that copies get: add value");
    if (!is_literal && host->value.ptr)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(host->node, "value"),
                     "is for the type Literal: set type: Literal or remove it");
}
static const struct schema_rule host_rules[] = {
    {"(has(self.type) && self.type == 'Literal') == has(self.value)",
     "the type Literal needs a value, and the others have none"},
};

/* What may stand in a Host field: a name or an address with a port or without. */
static bool is_authority(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        (c != '\0' && strchr("-._~[]:", c));
        if (!is_plain)
            return false;
    }
    return text.len > 0;
}
static const struct schema_format format_authority = {
    .name = "a host",
    .pattern = "^[A-Za-z0-9._~:\\[\\]-]+$",
    .example = "shadow.example.com",
    .is_valid = is_authority,
    .min_len = 1,
    .max_len = 255,
};
static const char *const host_types[] = {"Preserve", "Suffix", "Literal", NULL};
static const struct schema_field host_rows[] = {
    {.name = "type",
     .help = "Whether copies keep live's host, get `-shadow` behind it before the port, or get the value.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(policy_host, type),
     .fallback = "Preserve",
     .values = host_types},
    {.name = "value",
     .help = "The host that copies get, for the type Literal.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(policy_host, value),
     .format = &format_authority},
};
static const struct schema host_schema = {
    .name = "PolicyHost",
    .help = "The host of copies.",
    .size = sizeof(struct policy_host),
    SCHEMA_ROWS(host_rows),
    .is_layered = true,
    .check = check_host,
    RULES_OF(host_rules),
};

static const struct schema_field redact_rows[] = {
    {.name = "headers",
     .help = "Headers that copies do not get.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_redact, headers),
     .max = NAMES_MAX,
     .format = &format_header_name},
    {.name = "cookies",
     .help = "Cookies that copies do not get.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_redact, cookies),
     .max = REDACTED_MAX,
     .format = &format_header_name},
    {.name = "query",
     .help = "Query parameters that copies do not get.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(policy_redact, query),
     .max = REDACTED_MAX,
     .item_min = 1,
     .item_max = TOKEN_MAX},
};
static const struct schema redact_schema = {
    .name = "PolicyRedact",
    .help = "What copies do not get.",
    .size = sizeof(struct policy_redact),
    SCHEMA_ROWS(redact_rows),
};

static const char *const trace_modes[] = {"Unsampled", "Inherit", "NewRoot", NULL};
static const struct schema_field marker_rows[] = {
    {.name = "header",
     .help = "The header that marks a copy, and by which it is never copied again.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(policy_marker, header),
     .fallback = "X-Umbra-Shadow",
     .format = &format_header_name},
    {.name = "baggage",
     .help = "Whether the header baggage of copies gets the member `umbra.shadow`.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(policy_marker, baggage),
     .fallback = "true"},
    {.name = "trace",
     .help = "Whether a copy's trace is not recorded, is a part of live's, or begins anew.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(policy_marker, trace),
     .fallback = "Unsampled",
     .values = trace_modes},
};
static const struct schema marker_schema = {
    .name = "PolicyMarker",
    .help = "How a copy can be told from a live request.",
    .size = sizeof(struct policy_marker),
    SCHEMA_ROWS(marker_rows),
    .is_layered = true,
};

static const struct schema_field request_rows[] = {
    {.name = "host",
     .help = "The host of copies; absent: live's.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_request, host),
     .of = &host_schema},
    {.name = "headers",
     .help = "Changes headers of copies, after all filters of the route.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_request, headers),
     .of = &http_header_filter_schema},
    {.name = "redact",
     .help = "What copies do not get.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_request, redact),
     .of = &redact_schema},
    {.name = "marker",
     .help = "How a copy can be told from a live request.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(policy_request, marker),
     .of = &marker_schema},
    {.name = "keepCredentials",
     .help = "Whether copies that leave the route's namespace keep Authorization, Cookie, Proxy-Authorization and "
             "X-Api-Key.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(policy_request, keep_credentials),
     .fallback = "false"},
};
static const struct schema request_schema = {
    .name = "PolicyRequest",
    .help = "What is different in copies.",
    .size = sizeof(struct policy_request),
    SCHEMA_ROWS(request_rows),
    .is_layered = true,
};

/* ------------------------------------------------------------------------------------------------------- policy */

static void check_policy_spec(const void *object, struct problems *problems)
{
    const struct mirror_policy_spec *spec = object;
    if (spec->target_refs.count == 0)
        problems_add_member(
            problems, SEVERITY_WARNING, STR_NONE, spec->node, "targetRefs",
            "names nothing, so the policy has no effect: name an HTTPRoute, a GRPCRoute, a VirtualService or a "
            "Gateway");
}
static const struct schema_field policy_spec_rows[] = {
    {.name = "targetRefs",
     .help = "The routes and Gateways whose mirrors the policy is for; what is more specific wins, field by field.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, target_refs),
     .max = TARGETS_MAX,
     .of = &target_ref_schema},
    {.name = "mirrorRef",
     .help = "Only the mirror with this shadow; absent: every mirror of the target.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, mirror_ref),
     .of = &mirror_ref_schema},
    {.name = "suspend",
     .help = "Stops all copies, in all replicas, for as long as it is true.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(mirror_policy_spec, suspend),
     .fallback = "false"},
    {.name = "methods",
     .help = "Only requests with these methods are copied; absent: all that the route matches.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(mirror_policy_spec, methods),
     .max = 9,
     .values = http_methods,
     .key = ""},
    {.name = "sources",
     .help = "Only requests of clients with these addresses are copied; absent: of all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(mirror_policy_spec, sources),
     .max = SOURCES_MAX,
     .format = &format_cidr},
    {.name = "sampling",
     .help = "Which requests are copied, of the share that the mirror asks for.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, sampling),
     .of = &sampling_schema},
    {.name = "limits",
     .help = "What a mirror may use, in each gateway.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, limits),
     .of = &limits_schema},
    {.name = "request",
     .help = "What is different in copies.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, request),
     .of = &request_schema},
    {.name = "compare",
     .help = "How answers of live and shadow are compared.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, compare),
     .of = &policy_compare_schema},
    {.name = "verdict",
     .help = "When a shadow passes.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy_spec, verdict),
     .of = &policy_verdict_schema},
};
static const struct schema policy_spec_schema = {
    .name = "MirrorPolicySpec",
    .help = "What is copied and how.",
    .size = sizeof(struct mirror_policy_spec),
    SCHEMA_ROWS(policy_spec_rows),
    .is_layered = true,
    .check = check_policy_spec,
};
static const struct schema_field mirror_policy_rows[] = {
    OBJECT_HEAD_ROWS("MirrorPolicy"),
    {.name = "spec",
     .help = "What is copied and how.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(mirror_policy, spec),
     .fallback = "{}",
     .of = &policy_spec_schema},
    OBJECT_OWN_STATUS_ROW(&mirror_policy_status_schema),
};
const struct schema mirror_policy_schema = {
    .name = "MirrorPolicy",
    .help = "What is copied to shadows and how; without one, each mirror copies what its route says.",
    .size = sizeof(struct mirror_policy),
    SCHEMA_ROWS(mirror_policy_rows),
};
