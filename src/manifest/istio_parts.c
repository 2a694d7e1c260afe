/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/istio_parts.h"

#include "manifest/http_route_check.h"
#include "manifest/quote.h"
#include "manifest/regex_check.h"
#include "manifest/schema_formats.h"

#define MATCH_TEXT_MAX 4096
#define EDITS_MAX 64

/* ------------------------------------------------------------------------------------------------------ formats */

static bool is_istio_host(struct str text)
{
    return str_eq(text, STR("*")) || format_hostname.is_valid(text) || format_ip.is_valid(text);
}
const struct schema_format format_istio_host = {
    .name = "a host",
    .example = "*.example.com",
    .is_valid = is_istio_host,
    .min_len = 1,
    .max_len = OBJECT_NAME_MAX,
};

static bool is_istio_gateway(struct str text)
{
    size_t slash = str_find_char(text, '/');
    if (slash == text.len)
        return format_dns_name.is_valid(text);
    return format_dns_label.is_valid(str_slice(text, 0, slash)) &&
           format_dns_name.is_valid(str_slice(text, slash + 1, text.len));
}
const struct schema_format format_istio_gateway = {
    .name = "a Gateway",
    .example = "istio-ingress/public",
    .is_valid = is_istio_gateway,
    .min_len = 1,
    .max_len = OBJECT_NAME_MAX + 64,
};

/* ------------------------------------------------------------------------------------------------------- matches */

static void check_string_match(const void *object, struct problems *problems)
{
    const struct string_match *match = object;
    int count = (match->exact.ptr != NULL) + (match->prefix.ptr != NULL) + (match->regex.ptr != NULL);
    if (count > 1)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, match->node,
                     "has more than one of exact, prefix and regex: leave one");
    if (match->regex.ptr)
        regex_check(match->regex, place_of(match->node, "regex"), problems);
}
static const struct schema_field string_match_rows[] = {
    {.name = "exact",
     .help = "The whole text must be equal.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(string_match, exact),
     .max = MATCH_TEXT_MAX},
    {.name = "prefix",
     .help = "The text must begin with this, character by character.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(string_match, prefix),
     .max = MATCH_TEXT_MAX},
    {.name = "regex",
     .help = "The whole text must match this regular expression (PCRE2, which reads RE2's).",
     .type = SCHEMA_STRING,
     SCHEMA_AT(string_match, regex),
     .max = MATCH_TEXT_MAX},
};
const struct schema string_match_schema = {
    .name = "StringMatch",
    .help = "How a text is compared: one of three ways.",
    .size = sizeof(struct string_match),
    SCHEMA_ROWS(string_match_rows),
    .check = check_string_match,
};

/* ---------------------------------------------------------------------------------------------------- destinations */

static const struct schema_field port_rows[] = {
    {.name = "number",
     .help = "The port's number.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_port, number),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
};
const struct schema istio_port_schema = {
    .name = "PortSelector",
    .help = "A port of a host.",
    .size = sizeof(struct istio_port),
    SCHEMA_ROWS(port_rows),
};

static const struct schema_field destination_rows[] = {
    {.name = "host",
     .help =
         "A Service, as `name` (in the resource's own namespace) or `name.namespace.svc.cluster.local`, or a host of a "
         "ServiceEntry.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_destination, host),
     .flags = SCHEMA_REQUIRED,
     .format = &format_precise_hostname},
    {.name = "subset",
     .help = "Only the pods of this subset of the host's DestinationRule.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_destination, subset),
     .format = &format_dns_label},
    {.name = "port",
     .help = "The port; may be left out where the host has one port only.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_destination, port),
     .of = &istio_port_schema},
};
const struct schema istio_destination_schema = {
    .name = "Destination",
    .help = "Where requests are sent.",
    .size = sizeof(struct istio_destination),
    SCHEMA_ROWS(destination_rows),
};

static const struct schema_field share_rows[] = {
    {.name = "value",
     .help = "A number from 0 to 100, which may have decimals.",
     .type = SCHEMA_SHARE,
     SCHEMA_AT(istio_share, value),
     .max = 1000000},
};
const struct schema istio_share_schema = {
    .name = "Percent",
    .help = "A share of requests, in percent.",
    .size = sizeof(struct istio_share),
    SCHEMA_ROWS(share_rows),
};

/* --------------------------------------------------------------------------------------------------------- headers */

void check_header_names(const struct schema_list *map, struct problems *problems)
{
    for (const struct node *member = map->node ? map->node->first : NULL; member; member = member->next) {
        char quoted[QUOTE_TEXT];
        if (!format_header_name.is_valid(member->key) && !str_eq(member->key, STR(":authority")))
            problems_add(problems, SEVERITY_ERROR, STR_NONE, member, "%s is not a header name (like \"%s\")",
                         quote_short(member->key, quoted), format_header_name.example);
    }
}

/* "%REQ(x-user)%": Envoy puts in what it means. */
static bool has_variable(struct str value)
{
    size_t start = str_find_char(value, '%');
    struct str rest = str_slice(value, start + (start < value.len), value.len);
    return rest.len > 0 && rest.ptr[0] >= 'A' && rest.ptr[0] <= 'Z' && str_find_char(rest, '%') < rest.len;
}

static void check_header_values(const struct schema_list *map, struct problems *problems)
{
    for (const struct node *member = map->node ? map->node->first : NULL; member; member = member->next) {
        char quoted[QUOTE_TEXT];
        if (has_variable(member->text))
            problems_add(problems, SEVERITY_WARNING, STR_NONE, member,
                         "%s is sent as it stands: variables of Envoy are not acted on by this version",
                         quote_short(member->text, quoted));
    }
}

static void check_header_edits(const void *object, struct problems *problems)
{
    const struct istio_header_edits *edits = object;
    check_header_names(&edits->set, problems);
    check_header_names(&edits->add, problems);
    check_header_values(&edits->set, problems);
    check_header_values(&edits->add, problems);
}
static const struct schema_field header_edits_rows[] = {
    {.name = "set",
     .help = "Headers that get these values.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_header_edits, set),
     .max = EDITS_MAX,
     .format = &format_header_value},
    {.name = "add",
     .help = "Values that are added to headers.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_header_edits, add),
     .max = EDITS_MAX,
     .format = &format_header_value},
    {.name = "remove",
     .help = "Names of headers that are taken out.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(istio_header_edits, remove),
     .max = EDITS_MAX,
     .format = &format_header_name},
};
static const struct schema header_edits_schema = {
    .name = "HeaderOperations",
    .help = "What is done to headers: remove first, then set, then add.",
    .size = sizeof(struct istio_header_edits),
    SCHEMA_ROWS(header_edits_rows),
    .check = check_header_edits,
};
static const struct schema_field headers_rows[] = {
    {.name = "request",
     .help = "Of the request, before it goes on; copies get the same.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_headers, request),
     .of = &header_edits_schema},
    {.name = "response",
     .help = "Of the answer, before it goes back.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_headers, response),
     .of = &header_edits_schema},
};
const struct schema istio_headers_schema = {
    .name = "Headers",
    .help = "Edits of headers.",
    .size = sizeof(struct istio_headers),
    SCHEMA_ROWS(headers_rows),
};

/* --------------------------------------------------------------------------------------------------------- exportTo */

void check_export_to(const struct schema_list *export_to, struct problems *problems)
{
    for (uint32_t i = 0; i < export_to->count; i++) {
        if (str_eq(*SCHEMA_ITEM(*export_to, struct str, i), STR("*")))
            return;
    }
    if (export_to->count > 0)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, export_to->node,
                     "is not acted on by this version: the resource counts for all namespaces");
}
