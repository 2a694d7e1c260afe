/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/http_extras.h"
#include "manifest/http_route.h"
#include "manifest/http_route_check.h"
#include "manifest/schema_formats.h"

#define HEADERS_MAX 16
#define HEADER_VALUE_MAX 4096
#define PATH_MAX_LENGTH 1024
#define CORS_MAX 64

/* ------------------------------------------------------------------------------------------------------ headers */

static const struct schema_field http_header_rows[] = {
    {.name = "name",
     .help = "The header's name; case does not count.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_header, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_header_name},
    {.name = "value",
     .help = "The header's value.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_header, value),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = HEADER_VALUE_MAX,
     .format = &format_header_value},
};
static const struct schema http_header_schema = {
    .name = "HTTPHeader",
    .help = "A header and its value.",
    .size = sizeof(struct http_header),
    SCHEMA_ROWS(http_header_rows),
};
static const struct schema_field http_header_filter_rows[] = {
    {.name = "set",
     .help = "Headers that get this value, whatever they had.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_header_filter, set),
     .max = HEADERS_MAX,
     .of = &http_header_schema,
     .key = "name"},
    {.name = "add",
     .help = "Headers that get this value besides those that they have.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(http_header_filter, add),
     .max = HEADERS_MAX,
     .of = &http_header_schema,
     .key = "name"},
    {.name = "remove",
     .help = "Names of headers that are taken away.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_header_filter, remove),
     .max = HEADERS_MAX,
     .key = ""},
};
const struct schema http_header_filter_schema = {
    .name = "HTTPHeaderFilter",
    .help = "Changes headers.",
    .size = sizeof(struct http_header_filter),
    SCHEMA_ROWS(http_header_filter_rows),
};

/* ------------------------------------------------------------------------------------------- redirect and rewrite */

static const char *const path_modifier_types[] = {"ReplaceFullPath", "ReplacePrefixMatch", NULL};
static const struct schema_field path_modifier_rows[] = {
    {.name = "type",
     .help = "Whether the whole path is replaced, or the prefix that matched.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(http_path_modifier, type),
     .flags = SCHEMA_REQUIRED,
     .values = path_modifier_types},
    {.name = "replaceFullPath",
     .help = "What comes in place of the whole path.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_path_modifier, full),
     .max = PATH_MAX_LENGTH},
    {.name = "replacePrefixMatch",
     .help = "What comes in place of the prefix that matched.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_path_modifier, prefix),
     .max = PATH_MAX_LENGTH},
};
static const struct schema path_modifier_schema = {
    .name = "HTTPPathModifier",
    .help = "Changes the path.",
    .size = sizeof(struct http_path_modifier),
    SCHEMA_ROWS(path_modifier_rows),
    .check = check_path_modifier,
};

static const char *const redirect_schemes[] = {"http", "https", NULL};
static const char *const redirect_codes[] = {"301", "302", "303", "307", "308", NULL};
static const struct schema_field redirect_rows[] = {
    {.name = "scheme",
     .help = "The scheme of the new address; absent: that of the request.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_redirect, scheme),
     .values = redirect_schemes},
    {.name = "hostname",
     .help = "The host of the new address; absent: that of the request.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_redirect, hostname),
     .format = &format_precise_hostname},
    {.name = "path",
     .help = "The path of the new address; absent: that of the request.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_redirect, path),
     .of = &path_modifier_schema},
    {.name = "port",
     .help = "The port of the new address; absent: that of the scheme, or else the listener's.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_redirect, port),
     .min = 1,
     .max = 65535},
    {.name = "statusCode",
     .help = "The status of the answer.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_redirect, status),
     .fallback = "302",
     .values = redirect_codes},
};
static const struct schema redirect_schema = {
    .name = "HTTPRequestRedirectFilter",
    .help = "Sends the client to another address.",
    .size = sizeof(struct http_redirect),
    SCHEMA_ROWS(redirect_rows),
};

static const struct schema_field rewrite_rows[] = {
    {.name = "hostname",
     .help = "The host that the backend sees.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_rewrite, hostname),
     .format = &format_precise_hostname},
    {.name = "path",
     .help = "The path that the backend sees.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_rewrite, path),
     .of = &path_modifier_schema},
};
static const struct schema rewrite_schema = {
    .name = "HTTPURLRewriteFilter",
    .help = "Changes host and path before the request goes to the backend.",
    .size = sizeof(struct http_rewrite),
    SCHEMA_ROWS(rewrite_rows),
};

/* ------------------------------------------------------------------------------------------------------- mirror */

static const struct schema_field fraction_rows[] = {
    {.name = "numerator",
     .help = "How many requests of each `denominator` are copied.",
     .type = SCHEMA_INT,
     SCHEMA_AT(fraction, numerator),
     .flags = SCHEMA_REQUIRED,
     .max = INT32_MAX},
    {.name = "denominator",
     .help = "Of how many requests the numerator is meant.",
     .type = SCHEMA_INT,
     SCHEMA_AT(fraction, denominator),
     .min = 1,
     .max = INT32_MAX,
     .fallback = "100"},
};
static const struct schema fraction_schema = {
    .name = "Fraction",
    .help = "A share of requests.",
    .size = sizeof(struct fraction),
    SCHEMA_ROWS(fraction_rows),
    .check = check_fraction,
};
static const struct schema_field mirror_rows[] = {
    {.name = "backendRef",
     .help = "The shadow that gets the copies.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_mirror_filter, backend),
     .flags = SCHEMA_REQUIRED,
     .of = &backend_ref_schema},
    {.name = "percent",
     .help = "How many of a hundred requests are copied; absent: all.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_mirror_filter, percent),
     .max = 100,
     .finer = "fraction: {numerator: 5, denominator: 1000} for half a percent"},
    {.name = "fraction",
     .help = "The share of requests that are copied, where percent is too coarse.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_mirror_filter, fraction),
     .of = &fraction_schema},
};
const struct schema http_mirror_filter_schema = {
    .name = "HTTPRequestMirrorFilter",
    .help = "Sends copies of requests to a shadow, whose answers reach nobody.",
    .size = sizeof(struct http_mirror_filter),
    SCHEMA_ROWS(mirror_rows),
    .check = check_mirror,
};

/* --------------------------------------------------------------------------------------------------------- CORS */

const char *const http_methods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                    "CONNECT", "OPTIONS", "TRACE", "PATCH", NULL};
static const char *const cors_methods[] = {"GET",     "HEAD",  "POST",  "PUT", "DELETE", "CONNECT",
                                           "OPTIONS", "TRACE", "PATCH", "*",   NULL};

static const struct schema_field cors_rows[] = {
    {.name = "allowOrigins",
     .help = "Pages of which origins may use the answers.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_cors, allow_origins),
     .max = CORS_MAX,
     .format = &format_origin,
     .key = ""},
    {.name = "allowCredentials",
     .help = "Whether such pages may send credentials.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(http_cors, allow_credentials)},
    {.name = "allowMethods",
     .help = "Which methods such pages may use.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_cors, allow_methods),
     .max = 9,
     .values = cors_methods,
     .key = ""},
    {.name = "allowHeaders",
     .help = "Which headers such pages may send.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_cors, allow_headers),
     .max = CORS_MAX,
     .format = &format_header_name,
     .key = ""},
    {.name = "exposeHeaders",
     .help = "Which headers of answers such pages may read.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(http_cors, expose_headers),
     .max = CORS_MAX,
     .format = &format_header_name,
     .key = ""},
    {.name = "maxAge",
     .help = "For how many seconds a browser may remember this.",
     .type = SCHEMA_INT,
     SCHEMA_AT(http_cors, max_age),
     .min = 1,
     .max = INT32_MAX,
     .fallback = "5"},
};
static const struct schema cors_schema = {
    .name = "HTTPCORSFilter",
    .help = "Tells browsers which pages may use the answers.",
    .size = sizeof(struct http_cors),
    SCHEMA_ROWS(cors_rows),
    .check = check_cors,
};

/* ------------------------------------------------------------------------------------------------------- filters */

static const char *const filter_types[] = {
    [FILTER_REQUEST_HEADERS] = "RequestHeaderModifier",
    [FILTER_RESPONSE_HEADERS] = "ResponseHeaderModifier",
    [FILTER_MIRROR] = "RequestMirror",
    [FILTER_EXTENSION] = "ExtensionRef",
    [FILTER_REDIRECT] = "RequestRedirect",
    [FILTER_REWRITE] = "URLRewrite",
    [FILTER_CORS] = "CORS",
    [FILTER_EXTERNAL_AUTH] = "ExternalAuth",
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
     .help = "Changes headers of the request.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, request_headers),
     .of = &http_header_filter_schema},
    {.name = "responseHeaderModifier",
     .help = "Changes headers of the answer.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, response_headers),
     .of = &http_header_filter_schema},
    {.name = "requestMirror",
     .help = "Sends copies of requests to a shadow; a rule may have many such filters.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, mirror),
     .of = &http_mirror_filter_schema},
    {.name = "requestRedirect",
     .help = "Sends the client to another address.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, redirect),
     .of = &redirect_schema},
    {.name = "urlRewrite",
     .help = "Changes host and path before the request goes to the backend.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, rewrite),
     .of = &rewrite_schema},
    {.name = "cors",
     .help = "Tells browsers which pages may use the answers.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, cors),
     .of = &cors_schema},
    {.name = "extensionRef",
     .help = "A filter of another implementation.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, extension),
     .of = &local_ref_schema},
    {.name = "externalAuth",
     .help = "Asks a service whether a request may pass; routes with it are refused, because this version can't ask.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_filter, external_auth),
     .flags = SCHEMA_EXPERIMENTAL,
     .of = &http_external_auth_schema},
};
const struct schema http_filter_schema = {
    .name = "HTTPRouteFilter",
    .help = "Something that is done to requests or answers on their way.",
    .size = sizeof(struct http_filter),
    SCHEMA_ROWS(filter_rows),
    .check = check_filter,
};
