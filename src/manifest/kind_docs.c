/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/kind_docs.h"

#include "manifest/meta.h"
#include "manifest/quote.h"
#include "manifest/umbra_status.h"

#include <ctype.h>

/* The order of the page: what people write first. */
static const enum kind_id page_order[] = {
    KIND_HTTP_ROUTE,    KIND_GRPC_ROUTE,         KIND_MIRROR_POLICY,   KIND_BACKEND, KIND_GATEWAY,
    KIND_GATEWAY_CLASS, KIND_BACKEND_TLS_POLICY, KIND_REFERENCE_GRANT, KIND_SERVICE, KIND_ENDPOINT_SLICE,
    KIND_SECRET,        KIND_CONFIG_MAP,         KIND_NAMESPACE,       KIND_POD,     KIND_VIRTUAL_SERVICE,
    KIND_ISTIO_GATEWAY, KIND_DESTINATION_RULE,   KIND_SERVICE_ENTRY,
};
_Static_assert(sizeof(page_order) / sizeof(page_order[0]) == KIND_COUNT, "each kind is on the page");

/* So that the page says metadata.name. */
static const struct schema_field common_rows[] = {
    {.name = "metadata",
     .help = "Name, namespace and labels of the resource.",
     .type = SCHEMA_OBJECT,
     .flags = SCHEMA_REQUIRED,
     .of = &object_meta_schema},
};
static const struct schema common_schema = {.name = "Object", SCHEMA_ROWS(common_rows)};

static const char annotations[] =
    "\nAnnotations that Umbra acts on; a wrong one is a warning and does not count:\n\n"
    "| annotation | of | what it says |\n|---|---|---|\n"
    "| `umbra.dev/label` | Backend | The name in metrics, in status and in reports, in place of `namespace/name`: 1 to "
    "253 visible characters without quotes and backslashes. |\n"
    "| `umbra.dev/revision` | Backend, Service | Which revision runs there: 1 to 63 such characters, for instance an "
    "image's tag. A verdict is about one revision of live and one of the shadow, and starts anew when either changes. "
    "Absent: ~ and eight hexadecimal digits that stand for the label, the protocol, the names of TLS, and the hosts "
    "and "
    "ports "
    "(in a cluster, where pods come and go, without those of a Service). |\n";

static void add_table_head(struct strbuf *out)
{
    strbuf_add(out, STR("| field | type | default | what it says |\n|---|---|---|---|\n"));
}

static void add_kind(const struct kind *kind, struct strbuf *out)
{
    strbuf_printf(out, "\n## %s\n\n", kind_title(kind));
    for (size_t i = 0; kind->versions[i]; i++) {
        strbuf_add(out, i > 0 ? STR(" or `") : STR("`"));
        kind_add_api_version(kind, kind->versions[i], out);
        strbuf_add_char(out, '`');
    }
    strbuf_printf(out, ", %s. %s\n\n", kind->is_namespaced ? "in a namespace" : "cluster-wide", kind->schema->help);
    struct strbuf rows = STRBUF_INIT;
    schema_document(kind->schema, &rows);
    if (rows.len > 0) {
        add_table_head(out);
        strbuf_add(out, strbuf_str(&rows));
    }
    strbuf_deinit(&rows);
}

void kinds_reference(struct strbuf *out)
{
    strbuf_add(out, STR("# Rules\n\nGenerated from the tables in `src/manifest`; do not edit.\n\n"
                        "All kinds that Umbra reads, with all their fields. Other kinds are skipped with a note. An "
                        "unknown or wrong field is an error of its resource alone, which then stays as it was. Of an "
                        "object in a list, `[]` stands for any place. The CRDs of `Backend` and `MirrorPolicy` are in "
                        "`deploy/crd`.\n\n"
                        "Each kind has `apiVersion`, `kind` and:\n\n"));
    add_table_head(out);
    struct strbuf metadata = STRBUF_INIT;
    schema_document(&common_schema, &metadata);
    strbuf_add(out, strbuf_str(&metadata));
    strbuf_deinit(&metadata);
    strbuf_add(out, str_from_c(annotations));
    for (size_t i = 0; i < KIND_COUNT; i++)
        add_kind(&kind_table[page_order[i]], out);
}

void kind_crd_file(const struct kind *kind, struct strbuf *out)
{
    strbuf_printf(out, "%s_%s.yaml", kind->group, kind->plural);
}

static void add_names(const struct kind *kind, struct strbuf *out)
{
    strbuf_printf(out, "  names:\n    kind: %s\n    listKind: %sList\n    plural: %s\n    singular: ", kind->name,
                  kind->name, kind->plural);
    for (const char *c = kind->name; *c; c++)
        strbuf_add_char(out, (char)tolower((unsigned char)*c));
    strbuf_add_char(out, '\n');
    if (kind->view)
        strbuf_printf(out, "    shortNames:\n    - %s\n    categories:\n    - gateway-api\n    - umbra\n",
                      kind->view->short_name);
    strbuf_printf(out, "  scope: %s\n", kind->is_namespaced ? "Namespaced" : "Cluster");
}

static void add_line(struct strbuf *out, const char *key, const char *text)
{
    strbuf_printf(out, "%s: ", key);
    quote_yaml(out, str_from_c(text));
    strbuf_add_char(out, '\n');
}

static void add_columns(const struct kind_view *view, struct strbuf *out)
{
    strbuf_add(out, STR("    additionalPrinterColumns:\n"));
    for (size_t i = 0; i < view->column_count; i++) {
        const struct kind_column *column = &view->columns[i];
        add_line(out, "    - name", column->name);
        add_line(out, "      type", column->type);
        add_line(out, "      description", column->help);
        add_line(out, "      jsonPath", column->path);
        strbuf_add(out, column->is_wide ? STR("      priority: 1\n") : STR(""));
    }
}

void kind_crd(const struct kind *kind, struct strbuf *out)
{
    strbuf_printf(out,
                  "# Generated from the tables in src/manifest; do not edit.\n"
                  "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: %s.%s\n",
                  kind->plural, kind->group);
    if (kind->policy)
        strbuf_printf(out, "  labels:\n    gateway.networking.k8s.io/policy: %s\n", kind->policy);
    strbuf_printf(out, "spec:\n  group: %s\n", kind->group);
    add_names(kind, out);
    strbuf_add(out, STR("  versions:\n"));
    for (size_t i = 0; kind->versions[i]; i++) {
        strbuf_printf(out, "  - name: %s\n    served: true\n    storage: %s\n", kind->versions[i],
                      i == 0 ? "true" : "false");
        if (kind->view)
            add_columns(kind->view, out);
        strbuf_add(out, STR("    subresources:\n      status: {}\n    schema:\n      openAPIV3Schema:\n"));
        schema_crd(kind->schema, 8, out);
    }
}
