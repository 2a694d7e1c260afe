/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/virtual_service.h"

#include "manifest/http_route.h"
#include "manifest/http_route_check.h"
#include "manifest/schema_formats.h"
#include "manifest/virtual_service_check.h"

/* Istio has no limits; these are far above what people write. */
#define HOSTS_MAX 512
#define GATEWAYS_MAX 64
#define ROUTES_MAX 2048
#define MATCHES_MAX 512
#define DESTINATIONS_MAX 128
#define MIRRORS_MAX 16
#define ORIGINS_MAX 64
#define TEXT_MAX 4096
#define BODY_MAX (1024 * 1024)

#define NOT_READ(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY, .flags = SCHEMA_UNSUPPORTED \
    }
#define DURATION(field, text, owner, member) \
    { \
        .name = field, .help = text, .type = SCHEMA_DURATION, SCHEMA_AT(owner, member), .min = 1, \
        .format = &format_decimal_duration \
    }

/* ------------------------------------------------------------------------------------------------------- actions */

static const struct schema_field weighted_rows[] = {
    {.name = "destination",
     .help = "Where requests are sent.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_weighted, destination),
     .flags = SCHEMA_REQUIRED,
     .of = &istio_destination_schema},
    {.name = "weight",
     .help = "The destination's share of requests, as a part of the sum of all; alone it gets all.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_weighted, weight),
     .max = 1000000},
    {.name = "headers",
     .help = "Edits of headers, for this destination only.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_weighted, headers),
     .of = &istio_headers_schema},
};
static const struct schema weighted_schema = {
    .name = "HTTPRouteDestination",
    .help = "A destination and its share of requests.",
    .size = sizeof(struct istio_weighted),
    SCHEMA_ROWS(weighted_rows),
};

static const char *const derive_ports[] = {"FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT", NULL};
static const struct schema_field redirect_rows[] = {
    {.name = "uri", .help = "The new path.", .type = SCHEMA_STRING, SCHEMA_AT(istio_redirect, uri), .max = TEXT_MAX},
    {.name = "prefixRewrite",
     .help = "What the prefix that matched becomes.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_redirect, prefix_rewrite),
     .max = TEXT_MAX},
    {.name = "authority",
     .help = "The new host.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_redirect, authority),
     .max = OBJECT_NAME_MAX},
    {.name = "scheme", .help = "The new scheme.", .type = SCHEMA_STRING, SCHEMA_AT(istio_redirect, scheme), .max = 16},
    {.name = "port",
     .help = "The new port.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_redirect, port),
     .min = 1,
     .max = 65535},
    {.name = "derivePort",
     .help = "Where the new port comes from.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(istio_redirect, derive_port),
     .values = derive_ports},
    {.name = "redirectCode",
     .help = "The status of the answer.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_redirect, code),
     .min = 300,
     .max = 399,
     .fallback = "301"},
};
static const struct schema redirect_schema = {
    .name = "HTTPRedirect",
    .help = "An answer that sends the client elsewhere.",
    .size = sizeof(struct istio_redirect),
    SCHEMA_ROWS(redirect_rows),
    .check = check_istio_redirect,
};

static const struct schema_field body_rows[] = {
    {.name = "string", .help = "As text.", .type = SCHEMA_STRING, SCHEMA_AT(istio_body, string), .max = BODY_MAX},
    {.name = "bytes",
     .help = "In base64.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_body, bytes),
     .max = BODY_MAX * 4 / 3 + 4,
     .format = &format_base64},
};
static const struct schema body_schema = {
    .name = "HTTPBody",
    .help = "The body of an answer, in one of two forms.",
    .size = sizeof(struct istio_body),
    SCHEMA_ROWS(body_rows),
    .check = check_istio_body,
};
static const struct schema_field direct_response_rows[] = {
    {.name = "status",
     .help = "The status of the answer.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_direct_response, status),
     .flags = SCHEMA_REQUIRED,
     .min = 200,
     .max = 599},
    {.name = "body",
     .help = "The body of the answer; absent: empty.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_direct_response, body),
     .of = &body_schema},
};
static const struct schema direct_response_schema = {
    .name = "HTTPDirectResponse",
    .help = "An answer that needs no backend.",
    .size = sizeof(struct istio_direct_response),
    SCHEMA_ROWS(direct_response_rows),
};

static const struct schema_field regex_rewrite_rows[] = {
    {.name = "match",
     .help = "A regular expression; each part of the path that it matches is replaced.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_regex_rewrite, match),
     .max = TEXT_MAX},
    {.name = "rewrite",
     .help = "What it becomes; `\\1` is the first group.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_regex_rewrite, rewrite),
     .max = TEXT_MAX},
};
static const struct schema regex_rewrite_schema = {
    .name = "RegexRewrite",
    .help = "How a path is changed by a regular expression.",
    .size = sizeof(struct istio_regex_rewrite),
    SCHEMA_ROWS(regex_rewrite_rows),
    .check = check_istio_regex_rewrite,
};
static const struct schema_field rewrite_rows[] = {
    {.name = "uri",
     .help = "What the path becomes, or the prefix where a prefix was matched.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_rewrite, uri),
     .max = TEXT_MAX},
    {.name = "authority",
     .help = "What Host becomes.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_rewrite, authority),
     .max = OBJECT_NAME_MAX},
    {.name = "uriRegexRewrite",
     .help = "Changes the path by a regular expression.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_rewrite, regex),
     .of = &regex_rewrite_schema},
};
static const struct schema rewrite_schema = {
    .name = "HTTPRewrite",
    .help = "What of the request is changed before it goes on.",
    .size = sizeof(struct istio_rewrite),
    SCHEMA_ROWS(rewrite_rows),
    .check = check_istio_rewrite,
};

static const struct schema_field retries_rows[] = {
    {.name = "attempts",
     .help = "How often a request is sent again at most; 0: never.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_retries, attempts),
     .max = INT32_MAX},
    DURATION("perTryTimeout", "How long one attempt may take; absent: as `timeout`.", istio_retries, per_try_timeout),
    {.name = "retryOn",
     .help = "After what a request is sent again: words and statuses, by commas; absent: `connect-failure`, "
             "`refused-stream` and 503.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_retries, retry_on),
     .max = TEXT_MAX},
    DURATION("backoff", "How long to wait before a request is sent again; absent: 25ms.", istio_retries, backoff),
    NOT_READ("retryRemoteLocalities", "Whether retries go to other localities."),
    NOT_READ("retryIgnorePreviousHosts", "Whether retries avoid endpoints that were tried."),
};
static const struct schema retries_schema = {
    .name = "HTTPRetry",
    .help = "When a request is sent again.",
    .size = sizeof(struct istio_retries),
    SCHEMA_ROWS(retries_rows),
    .check = check_istio_retries,
};

static const struct schema_field mirror_rows[] = {
    {.name = "destination",
     .help = "Who gets copies.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_mirror, destination),
     .flags = SCHEMA_REQUIRED,
     .of = &istio_destination_schema},
    {.name = "percentage",
     .help = "The share of requests that is copied; absent: all.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_mirror, percentage),
     .of = &istio_share_schema},
};
static const struct schema mirror_schema = {
    .name = "HTTPMirrorPolicy",
    .help = "A shadow and its share of copies.",
    .size = sizeof(struct istio_mirror),
    SCHEMA_ROWS(mirror_rows),
};

#define TEXTS(field, text, member) \
    { \
        .name = field, .help = text, .type = SCHEMA_LIST, .item = SCHEMA_STRING, SCHEMA_AT(istio_cors, member), \
        .max = ORIGINS_MAX, .item_max = OBJECT_NAME_MAX \
    }
static const struct schema_field cors_rows[] = {
    {.name = "allowOrigins",
     .help = "Which origins may ask; `exact` ones are acted on.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_cors, allow_origins),
     .max = ORIGINS_MAX,
     .of = &string_match_schema},
    TEXTS("allowOrigin", "The same, as Istio wrote it before.", allow_origin),
    TEXTS("allowMethods", "Which methods may be used.", allow_methods),
    TEXTS("allowHeaders", "Which headers may be sent.", allow_headers),
    TEXTS("exposeHeaders", "Which headers of answers may be read.", expose_headers),
    DURATION("maxAge", "How long a browser may keep the answer to a preflight.", istio_cors, max_age),
    {.name = "allowCredentials",
     .help = "Whether requests may have credentials.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(istio_cors, allow_credentials)},
    NOT_READ("unmatchedPreflights", "Whether preflights of other origins go to the backend."),
};
static const struct schema cors_schema = {
    .name = "CorsPolicy",
    .help = "What pages of other origins may do.",
    .size = sizeof(struct istio_cors),
    SCHEMA_ROWS(cors_rows),
    .check = check_istio_cors,
};

static const struct schema_field delegate_rows[] = {
    {.name = "name",
     .help = "The other VirtualService.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_delegate, name),
     .max = OBJECT_NAME_MAX},
    {.name = "namespace",
     .help = "Its namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_delegate, ns),
     .max = OBJECT_NAME_MAX},
};
static const struct schema delegate_schema = {
    .name = "Delegate",
    .help = "Another VirtualService that has the routes.",
    .size = sizeof(struct istio_delegate),
    SCHEMA_ROWS(delegate_rows),
};

/* -------------------------------------------------------------------------------------------------------- routes */

static const struct schema_field route_rows[] = {
    {.name = "name",
     .help = "The route's name, which is in metrics and which policies may name; else its number from 0 is used.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_route, name),
     .max = OBJECT_NAME_MAX},
    {.name = "match",
     .help = "Which requests the route is for: those that meet one of these; absent: all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, matches),
     .max = MATCHES_MAX,
     .of = &istio_match_schema},
    {.name = "route",
     .help = "The live backends.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, routes),
     .max = DESTINATIONS_MAX,
     .of = &weighted_schema},
    {.name = "redirect",
     .help = "Sends the client elsewhere.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, redirect),
     .of = &redirect_schema},
    {.name = "directResponse",
     .help = "Answers at once.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, direct_response),
     .of = &direct_response_schema},
    {.name = "rewrite",
     .help = "What of the request is changed before it goes on.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, rewrite),
     .of = &rewrite_schema},
    DURATION("timeout", "How long the whole answer may take, retries included; absent: no limit.", istio_route,
             timeout),
    {.name = "retries",
     .help = "When a request is sent again; absent: never, but for connects that fail (Istio: twice).",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, retries),
     .of = &retries_schema},
    {.name = "headers",
     .help = "Edits of headers.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, headers),
     .of = &istio_headers_schema},
    {.name = "mirror",
     .help = "Who gets copies.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, mirror),
     .of = &istio_destination_schema},
    {.name = "mirrorPercentage",
     .help = "The share of requests that `mirror` gets copies of; absent: all; 0: none.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, mirror_percentage),
     .of = &istio_share_schema},
    {.name = "mirrorPercent",
     .help = "The same as a whole number, as Istio wrote it before; counts where `mirrorPercentage` is absent.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_route, mirror_percent),
     .max = 100,
     .finer = "mirrorPercentage: {value: …}"},
    {.name = "mirror_percent",
     .help = "The same, as Istio spelt it at first.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_route, mirror_percent_old),
     .max = 100,
     .finer = "mirrorPercentage: {value: …}"},
    {.name = "mirrors",
     .help = "Several shadows, each with its own share of copies.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, mirrors),
     .max = MIRRORS_MAX,
     .of = &mirror_schema},
    {.name = "corsPolicy",
     .help = "What pages of other origins may do.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, cors),
     .of = &cors_schema},
    {.name = "delegate",
     .help = "Another VirtualService that has the routes. This version does not look there: such requests get 500.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_route, delegate),
     .of = &delegate_schema},
    NOT_READ("fault", "Faults for tests of clients."),
};
const struct schema istio_route_schema = {
    .name = "HTTPRoute",
    .help = "Which requests go where.",
    .size = sizeof(struct istio_route),
    SCHEMA_ROWS(route_rows),
    .check = check_istio_route,
};

static const struct schema_field spec_rows[] = {
    {.name = "hosts",
     .help = "Requests for these hosts: names, `*.name`, `*` for all. A short name stands for itself.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(virtual_service_spec, hosts),
     .max = HOSTS_MAX,
     .format = &format_istio_host},
    {.name = "gateways",
     .help = "Where requests come in: Gateways of Istio or of the Gateway API, as `name` or `namespace/name`. `mesh`, "
             "which "
             "is also meant where none is written, has no meaning here.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(virtual_service_spec, gateways),
     .max = GATEWAYS_MAX,
     .format = &format_istio_gateway},
    {.name = "http",
     .help = "Which requests go where; the first route that matches counts.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(virtual_service_spec, http),
     .max = ROUTES_MAX,
     .of = &istio_route_schema},
    NOT_READ("tls", "Where TLS goes that is not opened."),
    NOT_READ("tcp", "Where connections go that are not looked into."),
    EXPORT_TO_ROW(virtual_service_spec),
};
static const struct schema virtual_service_spec_schema = {
    .name = "VirtualServiceSpec",
    .help = "Which requests for which hosts go where.",
    .size = sizeof(struct virtual_service_spec),
    SCHEMA_ROWS(spec_rows),
    .check = check_virtual_service_spec,
};
static const struct schema_field virtual_service_rows[] = {
    OBJECT_HEAD_ROWS("VirtualService"),
    {.name = "spec",
     .help = "Which requests for which hosts go where.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(virtual_service, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &virtual_service_spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema virtual_service_schema = {
    .name = "VirtualService",
    .help = "Istio's routes: which requests for which hosts go where, and who gets copies.",
    .size = sizeof(struct virtual_service),
    SCHEMA_ROWS(virtual_service_rows),
};
