/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/http_route.h"

#include "manifest/http_extras.h"
#include "manifest/http_route_check.h"
#include "manifest/schema_formats.h"

#define MATCH_VALUES_MAX 16
#define MATCHES_MAX 64
#define RULES_MAX 16
#define BACKENDS_MAX 16
#define FILTERS_MAX 16
#define HOSTNAMES_MAX 16
#define PARENTS_MAX 32
#define PATH_MAX_LENGTH 1024
#define HEADER_VALUE_MAX 4096
#define QUERY_VALUE_MAX 1024
#define WEIGHT_MAX 1000000

/* ----------------------------------------------------------------------------------------------------- matches */

static const char *const path_match_types[] = {"Exact", "PathPrefix", "RegularExpression", NULL};
static const struct schema_field path_match_rows[] = {
    {.name = "type",
     .help = "Whether the path must be equal, begin with the value element by element, or match it as a regular "
             "expression (PCRE2, the whole path).",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(http_path_match, type),
     .fallback = "PathPrefix",
     .values = path_match_types},
    {.name = "value",
     .help = "What the path is compared with.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_path_match, value),
     .max = PATH_MAX_LENGTH,
     .fallback = "/"},
};
static const struct schema path_match_schema = {
    .name = "HTTPPathMatch",
    .help = "Which paths match.",
    .size = sizeof(struct http_path_match),
    SCHEMA_ROWS(path_match_rows),
    .check = check_path_match,
};

static const char *const value_match_types[] = {"Exact", "RegularExpression", NULL};
static const struct schema_field header_match_rows[] = {
    {.name = "type",
     .help = "Whether the value must be equal or match a regular expression (PCRE2, the whole value).",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(http_value_match, type),
     .fallback = "Exact",
     .values = value_match_types},
    {.name = "name",
     .help = "The header's name; case does not count.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_value_match, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_header_name},
    {.name = "value",
     .help = "What the header's value is compared with.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_value_match, value),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = HEADER_VALUE_MAX},
};
const struct schema http_header_match_schema = {
    .name = "HTTPHeaderMatch",
    .help = "Which value of a header matches.",
    .size = sizeof(struct http_value_match),
    SCHEMA_ROWS(header_match_rows),
    .check = check_value_match,
};
static const struct schema_field query_match_rows[] = {
    {.name = "type",
     .help = "Whether the value must be equal or match a regular expression (PCRE2, the whole value).",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(http_value_match, type),
     .fallback = "Exact",
     .values = value_match_types},
    {.name = "name",
     .help = "The query parameter's name; case counts.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_value_match, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_header_name},
    {.name = "value",
     .help = "What the query parameter's value is compared with.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_value_match, value),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = QUERY_VALUE_MAX},
};
static const struct schema query_match_schema = {
    .name = "HTTPQueryParamMatch",
    .help = "Which value of a query parameter matches.",
    .size = sizeof(struct http_value_match),
    SCHEMA_ROWS(query_match_rows),
    .check = check_value_match,
};

static const struct schema_field match_rows[] = {
    {.name = "path",
     .help = "Which paths match; absent: all.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_match, path),
     .fallback = "{}",
     .of = &path_match_schema},
    {.name = "headers",
     .help = "Headers that must all match.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_match, headers),
     .max = MATCH_VALUES_MAX,
     .of = &http_header_match_schema,
     .key = "name"},
    {.name = "queryParams",
     .help = "Query parameters that must all match.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_match, query_params),
     .max = MATCH_VALUES_MAX,
     .of = &query_match_schema,
     .key = "name"},
    {.name = "method",
     .help = "The method that matches; absent: all.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_route_match, method),
     .values = http_methods},
};
static const struct schema match_schema = {
    .name = "HTTPRouteMatch",
    .help = "Conditions that a request must all meet.",
    .size = sizeof(struct http_route_match),
    SCHEMA_ROWS(match_rows),
};

/* -------------------------------------------------------------------------------------------------------- rules */

static const struct schema_field http_backend_ref_rows[] = {
    {.name = "group",
     .help = "The API group of the backend; empty for a Service, `umbra.dev` for a Backend.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_backend_ref, ref.group),
     .fallback = "",
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of the backend: Service or Backend.",
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
     .help = "The backend's share of requests, as a part of the sum of all weights of the rule; 0: none.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_backend_ref, weight),
     .max = WEIGHT_MAX,
     .fallback = "1"},
    {.name = "filters",
     .help = "What is done to the requests that this backend gets.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_backend_ref, filters),
     .max = FILTERS_MAX,
     .of = &http_filter_schema},
};
static const struct schema http_backend_ref_schema = {
    .name = "HTTPBackendRef",
    .help = "A backend and its share of requests.",
    .size = sizeof(struct http_backend_ref),
    SCHEMA_ROWS(http_backend_ref_rows),
    .check = check_http_backend_ref,
};

static const struct schema_field timeouts_rows[] = {
    {.name = "request",
     .help = "How long the whole answer may take, retries included; 0s: no limit.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(http_timeouts, request)},
    {.name = "backendRequest",
     .help = "How long one attempt at a backend may take; 0s: no limit.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(http_timeouts, backend_request)},
};
static const struct schema timeouts_schema = {
    .name = "HTTPRouteTimeouts",
    .help = "How long answers may take.",
    .size = sizeof(struct http_timeouts),
    SCHEMA_ROWS(timeouts_rows),
    .check = check_timeouts,
};

static const struct schema_field retry_rows[] = {
    {.name = "codes",
     .help = "Statuses of answers after which the request is sent again.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_INT,
     SCHEMA_AT(http_retry, codes),
     .item_min = 400,
     .item_max = 599,
     .key = ""},
    {.name = "attempts",
     .help = "How often a request is sent again at most.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_retry, attempts),
     .min = 1,
     .max = INT32_MAX},
    {.name = "backoff",
     .help = "How long to wait before a request is sent again.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(http_retry, backoff)},
};
static const struct schema retry_schema = {
    .name = "HTTPRouteRetry",
    .help = "When a request is sent to a backend again.",
    .size = sizeof(struct http_retry),
    SCHEMA_ROWS(retry_rows),
};

static const struct schema_field rule_rows[] = {
    {.name = "name",
     .help = "The rule's name, which is in metrics and which policies may name; else its number from 0 is used.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_route_rule, name),
     .format = &format_section_name},
    {.name = "matches",
     .help = "Which requests the rule is for: those that meet one of these; absent: all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, matches),
     .max = MATCHES_MAX,
     .fallback = "[{}]",
     .of = &match_schema},
    {.name = "filters",
     .help = "What is done to requests and answers on their way.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, filters),
     .max = FILTERS_MAX,
     .of = &http_filter_schema},
    {.name = "backendRefs",
     .help = "The live backends.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, backend_refs),
     .max = BACKENDS_MAX,
     .of = &http_backend_ref_schema},
    {.name = "timeouts",
     .help = "How long answers may take.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, timeouts),
     .of = &timeouts_schema},
    {.name = "retry",
     .help = "When a request is sent to a backend again.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, retry),
     .flags = SCHEMA_EXPERIMENTAL,
     .of = &retry_schema},
    {.name = "sessionPersistence",
     .help = "Keeps a session at one endpoint.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_rule, session_persistence),
     .flags = SCHEMA_EXPERIMENTAL | SCHEMA_UNSUPPORTED,
     .of = &session_persistence_schema},
};
static const struct schema rule_schema = {
    .name = "HTTPRouteRule",
    .help = "Which requests go to which backends, and what is done to them.",
    .size = sizeof(struct http_route_rule),
    SCHEMA_ROWS(rule_rows),
    .check = check_http_rule,
};

/* -------------------------------------------------------------------------------------------------------- route */

static const struct schema_field parent_ref_rows[] = {
    {.name = "group",
     .help = "The API group of the parent.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(parent_ref, group),
     .fallback = "gateway.networking.k8s.io",
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of the parent; Umbra serves Gateways.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(parent_ref, kind),
     .fallback = "Gateway",
     .format = &format_kind},
    {.name = "namespace",
     .help = "The namespace of the parent; absent: the route's.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(parent_ref, ns),
     .format = &format_dns_label},
    {.name = "name",
     .help = "The name of the Gateway.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(parent_ref, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "sectionName",
     .help = "The listener of the Gateway; absent: all that take the route.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(parent_ref, section_name),
     .format = &format_section_name},
    {.name = "port",
     .help = "Listeners with this port only.",
     .type = SCHEMA_INT,
     SCHEMA_AT(parent_ref, port),
     .min = 1,
     .max = 65535},
};
const struct schema http_parent_ref_schema = {
    .name = "ParentReference",
    .help = "A Gateway, or one of its listeners, that the route attaches to.",
    .size = sizeof(struct parent_ref),
    SCHEMA_ROWS(parent_ref_rows),
};

static const char *const default_scopes[] = {"All", "None", NULL};
static const struct schema_field http_route_spec_rows[] = {
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
     .help = "The hosts that the route is for; may begin with `*.`; absent: those of the listener.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_route_spec, hostnames),
     .max = HOSTNAMES_MAX,
     .format = &format_hostname},
    {.name = "rules",
     .help = "Which requests go where; the most specific match wins, whatever the order.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_route_spec, rules),
     .min = 1,
     .max = RULES_MAX,
     .fallback = "[{}]",
     .of = &rule_schema},
};
static const struct schema http_route_spec_schema = {
    .name = "HTTPRouteSpec",
    .help = "Which requests go where.",
    .size = sizeof(struct http_route_spec),
    SCHEMA_ROWS(http_route_spec_rows),
    .check = check_http_route_spec,
};
static const struct schema_field http_route_rows[] = {
    OBJECT_HEAD_ROWS("HTTPRoute"),
    {.name = "spec",
     .help = "Which requests go where.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_route, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &http_route_spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema http_route_schema = {
    .name = "HTTPRoute",
    .help = "Which requests go to which live backends, and which shadows get copies.",
    .size = sizeof(struct http_route),
    SCHEMA_ROWS(http_route_rows),
};
