/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/grpc_route.h"

#include "manifest/grpc_route_check.h"
#include "manifest/http_extras.h"
#include "manifest/http_route_check.h"
#include "manifest/schema_formats.h"

#define MATCH_HEADERS_MAX 16
#define MATCHES_MAX 64
#define RULES_MAX 16
#define BACKENDS_MAX 16
#define FILTERS_MAX 16
#define HOSTNAMES_MAX 16
#define PARENTS_MAX 32
#define NAME_MAX_LENGTH 1024
#define WEIGHT_MAX 1000000

/* ----------------------------------------------------------------------------------------------------- matches */

static const char *const method_match_types[] = {"Exact", "RegularExpression", NULL};
static const struct schema_field method_match_rows[] = {
    {.name = "type",
     .help = "Whether service and method must be equal or match a regular expression (PCRE2, the whole name).",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(grpc_method_match, type),
     .fallback = "Exact",
     .values = method_match_types},
    {.name = "service",
     .help = "The service with its package, as shop.v1.Checkout; absent: all.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(grpc_method_match, service),
     .max = NAME_MAX_LENGTH},
    {.name = "method",
     .help = "The method of the service, as GetCart; absent: all.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(grpc_method_match, method),
     .max = NAME_MAX_LENGTH},
};
static const struct schema method_match_schema = {
    .name = "GRPCMethodMatch",
    .help = "Which methods match: those with the path /service/method.",
    .size = sizeof(struct grpc_method_match),
    SCHEMA_ROWS(method_match_rows),
    .check = check_grpc_method_match,
};

static const struct schema_field match_rows[] = {
    {.name = "method",
     .help = "Which methods match; absent: all.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_match, rpc),
     .of = &method_match_schema},
    {.name = "headers",
     .help = "Headers (metadata) that must all match.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_match, headers),
     .max = MATCH_HEADERS_MAX,
     .of = &http_header_match_schema,
     .key = "name"},
};
static const struct schema match_schema = {
    .name = "GRPCRouteMatch",
    .help = "Conditions that a call must all meet.",
    .size = sizeof(struct http_route_match),
    SCHEMA_ROWS(match_rows),
};

/* ----------------------------------------------------------------------------------------------------- filters */

/* The first of enum http_filter_type. */
static const char *const filter_types[] = {
    [FILTER_REQUEST_HEADERS] = "RequestHeaderModifier",
    [FILTER_RESPONSE_HEADERS] = "ResponseHeaderModifier",
    [FILTER_MIRROR] = "RequestMirror",
    [FILTER_EXTENSION] = "ExtensionRef",
    NULL,
};
static const struct schema_field filter_rows[] = {
    {.name = "type",
     .help = "What the filter does; the member of that name says how.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(http_filter, type),
     .flags = SCHEMA_REQUIRED,
     .values = filter_types},
    {.name = "requestHeaderModifier",
     .help = "Changes headers (metadata) of the call.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, request_headers),
     .of = &http_header_filter_schema},
    {.name = "responseHeaderModifier",
     .help = "Changes headers (initial metadata) of the answer.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, response_headers),
     .of = &http_header_filter_schema},
    {.name = "requestMirror",
     .help = "Sends copies of calls to a shadow; a rule may have many such filters.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, mirror),
     .of = &http_mirror_filter_schema},
    {.name = "extensionRef",
     .help = "A filter of another implementation.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, extension),
     .of = &local_ref_schema},
};
static const struct schema filter_schema = {
    .name = "GRPCRouteFilter",
    .help = "Something that is done to calls or answers on their way.",
    .size = sizeof(struct http_filter),
    SCHEMA_ROWS(filter_rows),
    .check = check_filter,
};

/* -------------------------------------------------------------------------------------------------------- rules */

static const struct schema_field backend_ref_rows[] = {
    {.name = "group",
     .help = "The API group of the backend; empty for a Service, `umbra.dev` for a Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_backend_ref, ref.group),
     .fallback = "",
     .format = &format_group},
    {.name = "kind",
     .help =
         "The kind of the backend: Service or Backend. Both are spoken to in HTTP/2 here, also where they do not say "
         "so, unless a Backend has protocol: HTTP written.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_backend_ref, ref.kind),
     .fallback = "Service",
     .format = &format_kind},
    {.name = "name",
     .help = "The name of the Service or Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_backend_ref, ref.name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "The namespace of the Service or Backend; absent: the route's; another one needs a ReferenceGrant.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_backend_ref, ref.ns),
     .format = &format_dns_label},
    {.name = "port",
     .help = "The port of the Service, which must be given; a Backend has its own.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_backend_ref, ref.port),
     .min = 1,
     .max = 65535},
    {.name = "weight",
     .help = "The backend's share of calls, as a part of the sum of all weights of the rule; 0: none.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_backend_ref, weight),
     .max = WEIGHT_MAX,
     .fallback = "1"},
    {.name = "filters",
     .help = "What is done to the calls that this backend gets.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_backend_ref, filters),
     .max = FILTERS_MAX,
     .of = &filter_schema},
};
static const struct schema backend_ref_of_grpc_schema = {
    .name = "GRPCBackendRef",
    .help = "A backend and its share of calls.",
    .size = sizeof(struct http_backend_ref),
    SCHEMA_ROWS(backend_ref_rows),
    .check = check_http_backend_ref,
};

static const struct schema_field rule_rows[] = {
    {.name = "name",
     .help = "The rule's name, which is in metrics and which policies may name; else its number from 0 is used.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_route_rule, name),
     .format = &format_section_name},
    {.name = "matches",
     .help = "Which calls the rule is for: those that meet one of these; absent: all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, matches),
     .max = MATCHES_MAX,
     .of = &match_schema},
    {.name = "filters",
     .help = "What is done to calls and answers on their way.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, filters),
     .max = FILTERS_MAX,
     .of = &filter_schema},
    {.name = "backendRefs",
     .help = "The live backends.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, backend_refs),
     .max = BACKENDS_MAX,
     .of = &backend_ref_of_grpc_schema},
    {.name = "sessionPersistence",
     .help = "Keeps a session at one endpoint.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, session_persistence),
     .flags = SCHEMA_EXPERIMENTAL | SCHEMA_UNSUPPORTED,
     .of = &session_persistence_schema},
};
static const struct schema rule_schema = {
    .name = "GRPCRouteRule",
    .help = "Which calls go to which backends, and what is done to them.",
    .size = sizeof(struct http_route_rule),
    SCHEMA_ROWS(rule_rows),
    .check = check_grpc_rule,
};

/* -------------------------------------------------------------------------------------------------------- route */

static const char *const default_scopes[] = {"All", "None", NULL};
static const struct schema_field spec_rows[] = {
    {.name = "parentRefs",
     .help = "The Gateways that the route attaches to.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_spec, parent_refs),
     .max = PARENTS_MAX,
     .of = &http_parent_ref_schema},
    {.name = "useDefaultGateways",
     .help = "Attaches the route to Gateways that take routes which name none.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_route_spec, default_gateways),
     .flags = SCHEMA_EXPERIMENTAL | SCHEMA_UNSUPPORTED,
     .values = default_scopes},
    {.name = "hostnames",
     .help = "The hosts that the route is for; may begin with `*.`; absent: those of the listener. A listener takes "
             "HTTPRoutes and GRPCRoutes for different hosts only: of two for the same host the older one counts.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_route_spec, hostnames),
     .max = HOSTNAMES_MAX,
     .format = &format_hostname},
    {.name = "rules",
     .help = "Which calls go where; the most specific match wins, whatever the order.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_spec, rules),
     .max = RULES_MAX,
     .of = &rule_schema},
};
static const struct schema spec_schema = {
    .name = "GRPCRouteSpec",
    .help = "Which calls go where.",
    .size = sizeof(struct http_route_spec),
    SCHEMA_ROWS(spec_rows),
    .check = check_http_route_spec,
};
static const struct schema_field grpc_route_rows[] = {
    OBJECT_HEAD_ROWS("GRPCRoute"),
    {.name = "spec",
     .help = "Which calls go where.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema grpc_route_schema = {
    .name = "GRPCRoute",
    .help = "Which gRPC calls go to which live backends, and which shadows get copies.",
    .size = sizeof(struct http_route),
    SCHEMA_ROWS(grpc_route_rows),
};
