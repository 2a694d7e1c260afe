/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of networking.istio.io have in common: how texts are compared, destinations, shares, edits of headers.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/meta.h"

/* At most one is there (ptr not NULL); none: whether there is a value at all. In a map, node->key is the name. */
struct string_match {
    const struct node *node;
    struct str exact, prefix, regex;
};

struct istio_port {
    const struct node *node;
    struct schema_int number;
};
struct istio_destination {
    const struct node *node;
    struct str host, subset;
    struct istio_port *port;
};

struct istio_share {
    const struct node *node;
    struct schema_int value; /* millionths of all */
};

struct istio_header_edits {
    const struct node *node;
    struct schema_list set, add; /* struct schema_pair */
    struct schema_list remove;   /* struct str */
};
struct istio_headers {
    const struct node *node;
    struct istio_header_edits *request, *response;
};

extern const struct schema string_match_schema, istio_port_schema, istio_destination_schema, istio_share_schema,
    istio_headers_schema;

extern const struct schema_format format_istio_host;    /* of requests: a name, "*.name", "*" or an IP address */
extern const struct schema_format format_istio_gateway; /* "name", "namespace/name" or "mesh" */

/* A row `exportTo` of the owner, which is read to be said. */
#define EXPORT_TO_ROW(owner) \
    { \
        .name = "exportTo", .help = "Which namespaces may use this; `*` for all.", .type = SCHEMA_LIST, \
        .item = SCHEMA_STRING, SCHEMA_AT(owner, export_to), .item_min = 1, .item_max = OBJECT_NAME_MAX \
    }
/* Warns when it says anything but "all". */
void check_export_to(const struct schema_list *export_to, struct problems *problems);
/* The names in a map whose keys are headers. */
void check_header_names(const struct schema_list *map, struct problems *problems);
