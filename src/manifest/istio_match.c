/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions of a VirtualService's routes. */
#include "manifest/schema_formats.h"
#include "manifest/virtual_service.h"
#include "manifest/virtual_service_check.h"

#define VALUES_MAX 64
#define LABELS_MAX 32
#define GATEWAYS_MAX 64

#define TEXT(field, text, member) \
    { \
        .name = field, .help = text, .type = SCHEMA_OBJECT, SCHEMA_AT(istio_match, member), .of = &string_match_schema \
    }
#define TEXTS_BY_NAME(field, text, member) \
    { \
        .name = field, .help = text, .type = SCHEMA_MAP, .item = SCHEMA_OBJECT, SCHEMA_AT(istio_match, member), \
        .max = VALUES_MAX, .of = &string_match_schema \
    }

static const struct schema_field match_rows[] = {
    {.name = "name",
     .help = "A name for people.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_match, name),
     .max = OBJECT_NAME_MAX},
    TEXT("uri", "Which paths match; the query does not count.", uri),
    TEXT("scheme", "Which schemes match: what the listener speaks.", scheme),
    TEXT("method", "Which methods match; case counts.", method),
    TEXT("authority", "Which hosts match, as the client wrote them.", authority),
    TEXTS_BY_NAME("headers", "Headers that must all match, by their names.", headers),
    TEXTS_BY_NAME("withoutHeaders", "Headers that must not match, by their names.", without_headers),
    TEXTS_BY_NAME("queryParams", "Query parameters that must all match, by their names.", query_params),
    {.name = "ignoreUriCase",
     .help = "Whether upper and lower case are the same in `uri`, for `exact` and `prefix`.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(istio_match, ignore_uri_case)},
    {.name = "port",
     .help = "The port of the listener that the request comes in by.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_match, port),
     .min = 1,
     .max = 65535},
    {.name = "sourceLabels",
     .help = "Requests of Pods with these labels, told by their addresses.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_match, source_labels),
     .max = LABELS_MAX,
     .format = &format_label_value},
    {.name = "sourceNamespace",
     .help = "Requests of Pods in this namespace, told by their addresses.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_match, source_namespace),
     .format = &format_dns_label},
    {.name = "gateways",
     .help = "Requests that come in by these Gateways; absent: by all of the VirtualService.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(istio_match, gateways),
     .max = GATEWAYS_MAX,
     .format = &format_istio_gateway},
    {.name = "statPrefix", .help = "A name for Envoy's statistics.", .type = SCHEMA_ANY, .flags = SCHEMA_UNSUPPORTED},
};
const struct schema istio_match_schema = {
    .name = "HTTPMatchRequest",
    .help = "Conditions that a request must all meet.",
    .size = sizeof(struct istio_match),
    SCHEMA_ROWS(match_rows),
    .check = check_istio_match,
};
