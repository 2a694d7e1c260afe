/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/service_entry.h"

#include "manifest/quote.h"
#include "manifest/schema_formats.h"

#define HOSTS_MAX 256
#define PORTS_MAX 256
#define ENDPOINTS_MAX 4096
#define LABELS_MAX 64
#define NAMES_MAX 64
#define ADDRESS_MAX 256

#define NOT_READ(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY, .flags = SCHEMA_UNSUPPORTED \
    }
#define OF_ISTIO(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY \
    }

static const struct schema_field port_rows[] = {
    {.name = "number",
     .help = "The port's number, which destinations name.",
     .type = SCHEMA_INT,
     SCHEMA_AT(service_entry_port, number),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
    {.name = "name",
     .help = "The port's name, which endpoints use too.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_entry_port, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 256},
    {.name = "protocol",
     .help = "What is spoken: HTTP, HTTP2 and GRPC (HTTP/2 without TLS), HTTPS and TLS (what is sent there is TLS "
             "already).",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_entry_port, protocol),
     .max = 256},
    {.name = "targetPort",
     .help = "The port of the endpoints; absent: the same.",
     .type = SCHEMA_INT,
     SCHEMA_AT(service_entry_port, target_port),
     .min = 1,
     .max = 65535},
};
static const struct schema port_schema = {
    .name = "ServicePort",
    .help = "A port of the hosts.",
    .size = sizeof(struct service_entry_port),
    SCHEMA_ROWS(port_rows),
};

static const struct schema_field endpoint_rows[] = {
    {.name = "address",
     .help = "An IP address, for the resolution DNS a name, or `unix:///path`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_entry_endpoint, address),
     .max = ADDRESS_MAX},
    {.name = "ports",
     .help = "Other ports than the hosts', by their names.",
     .type = SCHEMA_MAP,
     .item = SCHEMA_INT,
     SCHEMA_AT(service_entry_endpoint, ports),
     .max = PORTS_MAX,
     .item_min = 1,
     .item_max = 65535},
    {.name = "labels",
     .help = "Labels, which subsets look at.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(service_entry_endpoint, labels),
     .max = LABELS_MAX,
     .format = &format_label_value},
    NOT_READ("weight", "The endpoint's share of requests."),
    NOT_READ("network", "The network that the endpoint is in."),
    OF_ISTIO("locality", "Where the endpoint is."),
    OF_ISTIO("serviceAccount", "Who the endpoint runs as."),
};
static const struct schema endpoint_schema = {
    .name = "WorkloadEntry",
    .help = "Where the hosts are.",
    .size = sizeof(struct service_entry_endpoint),
    SCHEMA_ROWS(endpoint_rows),
};

static bool is_unix(struct str address)
{
    return str_starts_with(address, STR("unix://"));
}

static void check_endpoints(const struct service_entry_spec *spec, struct problems *problems)
{
    bool is_dns = spec->resolution.value == RESOLUTION_DNS || spec->resolution.value == RESOLUTION_DNS_ROUND_ROBIN;
    for (uint32_t i = 0; i < spec->endpoints.count; i++) {
        const struct service_entry_endpoint *endpoint = SCHEMA_ITEM(spec->endpoints, struct service_entry_endpoint, i);
        struct str address = endpoint->address;
        char quoted[QUOTE_TEXT];
        bool is_name = format_precise_hostname.is_valid(address), is_ip = format_ip.is_valid(address);
        if (address.len == 0)
            problems_add_member(problems, SEVERITY_ERROR, STR_NONE, endpoint->node, "address", "is missing");
        else if (!is_ip && !is_unix(address) && !(is_dns && is_name))
            problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(endpoint->node, "address"), "%s is no %s",
                         quote_short(address, quoted),
                         is_dns ? "name and no IP address" : "IP address; a name needs resolution: DNS");
        if (is_unix(address) && (address.len < 8 || address.ptr[7] != '/'))
            problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(endpoint->node, "address"),
                         "needs a whole path: unix:///path");
    }
}

static void check_spec(const void *object, struct problems *problems)
{
    const struct service_entry_spec *spec = object;
    check_endpoints(spec, problems);
    check_export_to(&spec->export_to, problems);
    if (spec->resolution.value == RESOLUTION_NONE && spec->endpoints.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(spec->node, "resolution"),
                     "NONE has no endpoints: write STATIC or DNS");
    if (spec->resolution.value == RESOLUTION_DNS_ROUND_ROBIN && spec->endpoints.count > 1)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, spec->endpoints.node,
                     "DNS_ROUND_ROBIN has one endpoint at most");
    bool is_for_workloads = node_find(spec->node, STR("workloadSelector")) != NULL;
    if (is_for_workloads && spec->endpoints.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, spec->endpoints.node,
                     "may not stand beside workloadSelector: remove either");
}

static const char *const resolutions[] = {"NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS", NULL};
static const struct schema_field spec_rows[] = {
    {.name = "hosts",
     .help = "The hosts, which destinations name.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(service_entry_spec, hosts),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = HOSTS_MAX,
     .format = &format_hostname},
    {.name = "ports",
     .help = "The ports of the hosts.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(service_entry_spec, ports),
     .max = PORTS_MAX,
     .of = &port_schema,
     .key = "number"},
    {.name = "resolution",
     .help =
         "Where the addresses come from. `STATIC`: the endpoints. `DNS`: the endpoints' names, or the host. `NONE` and "
         "`DYNAMIC_DNS` have none that could be known before a request.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(service_entry_spec, resolution),
     .fallback = "NONE",
     .values = resolutions},
    {.name = "endpoints",
     .help = "Where the hosts are.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(service_entry_spec, endpoints),
     .max = ENDPOINTS_MAX,
     .of = &endpoint_schema},
    {.name = "subjectAltNames",
     .help = "Names, one of which the hosts' certificates must be for.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(service_entry_spec, subject_alt_names),
     .max = NAMES_MAX,
     .item_min = 1,
     .item_max = OBJECT_NAME_MAX},
    OF_ISTIO("addresses", "Addresses by which sidecars know the hosts."),
    OF_ISTIO("location", "Whether the hosts are in the mesh."),
    NOT_READ("workloadSelector", "Which workloads are the hosts' endpoints."),
    EXPORT_TO_ROW(service_entry_spec),
};
static const struct schema spec_schema = {
    .name = "ServiceEntrySpec",
    .help = "Hosts, their ports and where they are.",
    .size = sizeof(struct service_entry_spec),
    SCHEMA_ROWS(spec_rows),
    .check = check_spec,
};
static const struct schema_field service_entry_rows[] = {
    OBJECT_HEAD_ROWS("ServiceEntry"),
    {.name = "spec",
     .help = "Hosts, their ports and where they are.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(service_entry, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema service_entry_schema = {
    .name = "ServiceEntry",
    .help = "Hosts that no Service has, for VirtualServices.",
    .size = sizeof(struct service_entry),
    SCHEMA_ROWS(service_entry_rows),
};
