/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that Umbra reads: one row each, with its schema. Adding a kind is a row in kind.c and a file with its tables.
 * Lifetime: constant. Thread: any. */
#pragma once

#include "manifest/schema.h"

struct kind_view;

enum kind_id {
    KIND_NAMESPACE,
    KIND_SERVICE,
    KIND_SECRET,
    KIND_CONFIG_MAP,
    KIND_ENDPOINT_SLICE,
    KIND_GATEWAY_CLASS,
    KIND_GATEWAY,
    KIND_HTTP_ROUTE,
    KIND_BACKEND_TLS_POLICY,
    KIND_GRPC_ROUTE,
    KIND_REFERENCE_GRANT,
    KIND_BACKEND,
    KIND_MIRROR_POLICY,
    KIND_POD,
    KIND_ISTIO_GATEWAY,
    KIND_VIRTUAL_SERVICE,
    KIND_DESTINATION_RULE,
    KIND_SERVICE_ENTRY,
    KIND_COUNT
};

struct kind {
    enum kind_id id;
    const char *name, *plural; /* "HTTPRoute", "httproutes" */
    bool has_namesake;         /* another group has a kind of that name */
    const char *title;         /* for people, where the name alone would mean that one; NULL: the name */
    const char *group;         /* "" is core */
    const char *versions[4];   /* NULL-terminated, the preferred one first */
    bool is_namespaced;
    bool has_crd;                            /* Umbra's own: deploy/crd is generated from it */
    const struct kind_view *view;            /* of those: what kubectl shows (manifest/umbra_status.h) */
    const char *policy;                      /* how it attaches to others (GEP-713): "Direct"; NULL: it is no policy */
    const struct schema_format *name_format; /* of metadata.name */
    const struct schema *schema;             /* of the whole object; its struct begins with struct object_head */
};

extern const struct kind kind_table[KIND_COUNT];

/* "HTTPRoute", "Istio Gateway": what messages and headings call it. */
static inline const char *kind_title(const struct kind *kind)
{
    return kind->title ? kind->title : kind->name;
}

/* Read into struct http_route. */
static inline bool kind_is_route(enum kind_id kind)
{
    return kind == KIND_HTTP_ROUTE || kind == KIND_GRPC_ROUTE;
}

/* The kind of an apiVersion ("gateway.networking.k8s.io/v1") and a kind; NULL when Umbra does not know it. *is_version
 * is false when group and kind are known and the version is not (the kind is returned then). */
const struct kind *kind_find(struct str api_version, struct str name, bool *is_version);
/* The kind of a group, or NULL. */
const struct kind *kind_find_in_group(struct str group, struct str name);
/* The first kind of that name, whatever its group, or NULL. Several groups have a Gateway. */
const struct kind *kind_find_by_name(struct str name);

/* "gateway.networking.k8s.io/v1" into its parts; the core group is "". */
void api_version_split(struct str api_version, struct str *group, struct str *version);
/* The reverse, with one of the kind's versions. */
void kind_add_api_version(const struct kind *kind, const char *version, struct strbuf *out);
