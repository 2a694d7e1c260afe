/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/service.h"

#include "manifest/quote.h"
#include "manifest/schema_formats.h"

#define SLICE_ENDPOINTS_MAX 1000
#define SLICE_ADDRESSES_MAX 100
#define SLICE_PORTS_MAX 100

/* -------------------------------------------------------------------------------------------------- Namespace */

static const struct schema_field namespace_rows[] = {
    OBJECT_HEAD_ROWS("Namespace"),
    {.name = "spec", .help = "Of no meaning here.", .type = SCHEMA_ANY},
    OBJECT_STATUS_ROW,
};
const struct schema namespace_schema = {
    .name = "Namespace",
    .help = "Its labels decide which routes a listener takes, where the listener chooses namespaces by labels.",
    .size = sizeof(struct namespace_object),
    SCHEMA_ROWS(namespace_rows),
};

/* ---------------------------------------------------------------------------------------------------- Service */

static const char *const service_types[] = {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName", NULL};
static const char *const transports[] = {"TCP", "UDP", "SCTP", NULL};

static const struct schema_field service_port_rows[] = {
    {.name = "name",
     .help = "The port's name, which its EndpointSlices use too.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_port, name),
     .format = &format_dns_label},
    {.name = "protocol",
     .help = "The transport; HTTP goes over TCP.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_port, protocol),
     .fallback = "TCP",
     .values = transports},
    {.name = "appProtocol",
     .help = "What is spoken on the port: `kubernetes.io/h2c` for HTTP/2 without TLS, `https` or `kubernetes.io/wss` "
             "for what needs a BackendTLSPolicy.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_port, app_protocol)},
    {.name = "port",
     .help = "The port's number, which backendRefs name.",
     .type = SCHEMA_INT,
     SCHEMA_AT(service_port, port),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
    {.name = "targetPort", .help = "The port of the Pods; EndpointSlices have it.", .type = SCHEMA_ANY},
    {.name = "nodePort", .help = "The port of the nodes.", .type = SCHEMA_ANY},
};
static const struct schema service_port_schema = {
    .name = "ServicePort",
    .help = "A port that the Service offers.",
    .size = sizeof(struct service_port),
    SCHEMA_ROWS(service_port_rows),
};

#define OF_CLUSTER(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY \
    }
static const struct schema_field service_spec_rows[] = {
    {.name = "type",
     .help = "How the Service is offered; ExternalName stands for another name in DNS.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_spec, type),
     .fallback = "ClusterIP",
     .values = service_types},
    {.name = "externalName",
     .help = "The DNS name of a Service of the type ExternalName.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_spec, external_name),
     .max = OBJECT_NAME_MAX},
    {.name = "clusterIP",
     .help = "The Service's own address; `None` for a headless one.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(service_spec, cluster_ip)},
    {.name = "clusterIPs",
     .help = "All addresses of the Service itself.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(service_spec, cluster_ips),
     .max = 2},
    {.name = "ports",
     .help = "The ports that the Service offers.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(service_spec, ports),
     .of = &service_port_schema},
    OF_CLUSTER("selector", "Which Pods are the Service's; its EndpointSlices say where they are."),
    OF_CLUSTER("externalIPs", "Further addresses of the Service."),
    OF_CLUSTER("loadBalancerIP", "The address that is wanted of a load balancer."),
    OF_CLUSTER("loadBalancerSourceRanges", "Who may use the load balancer."),
    OF_CLUSTER("loadBalancerClass", "Which load balancer is wanted."),
    OF_CLUSTER("allocateLoadBalancerNodePorts", "Whether a load balancer needs ports of the nodes."),
    OF_CLUSTER("healthCheckNodePort", "Where a load balancer asks for the nodes' health."),
    OF_CLUSTER("externalTrafficPolicy", "Which Pods get traffic from outside."),
    OF_CLUSTER("internalTrafficPolicy", "Which Pods get traffic from inside."),
    OF_CLUSTER("trafficDistribution", "Which Pods are preferred."),
    OF_CLUSTER("sessionAffinity", "Whether a client stays with its Pod."),
    OF_CLUSTER("sessionAffinityConfig", "For how long a client stays with its Pod."),
    OF_CLUSTER("publishNotReadyAddresses", "Whether Pods that are not ready are named too."),
    OF_CLUSTER("ipFamilies", "Whether the Service has IPv4 or IPv6 addresses."),
    OF_CLUSTER("ipFamilyPolicy", "Whether the Service has addresses of both families."),
    OF_CLUSTER("ipFamily", "The address family in old clusters."),
    OF_CLUSTER("topologyKeys", "Which Pods are preferred in old clusters."),
};
static const struct schema service_spec_schema = {
    .name = "ServiceSpec",
    .help = "What the Service offers.",
    .size = sizeof(struct service_spec),
    SCHEMA_ROWS(service_spec_rows),
};

static const struct schema_field service_rows[] = {
    OBJECT_HEAD_ROWS("Service"),
    {.name = "spec",
     .help = "What the Service offers.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(service, spec),
     .of = &service_spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema service_schema = {
    .name = "Service",
    .help = "A backend. Its addresses come from its EndpointSlices, and where there is none and no cluster, from DNS.",
    .size = sizeof(struct service),
    SCHEMA_ROWS(service_rows),
};

/* ----------------------------------------------------------------------------------------------------- Secret */

static const struct schema_field secret_rows[] = {
    OBJECT_HEAD_ROWS("Secret"),
    {.name = "type",
     .help = "What the Secret holds: `kubernetes.io/tls` for a certificate and its key.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(secret, type),
     .fallback = "Opaque"},
    {.name = "data",
     .help = "The contents by their names, in base64.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(secret, data),
     .flags = SCHEMA_SECRET,
     .format = &format_base64},
    {.name = "stringData",
     .help = "The same as plain text; counts before `data`.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(secret, string_data),
     .flags = SCHEMA_SECRET},
    {.name = "immutable", .help = "Whether the API server refuses changes.", .type = SCHEMA_ANY},
};
const struct schema secret_schema = {
    .name = "Secret",
    .help = "Certificates and keys for TLS.",
    .size = sizeof(struct secret),
    SCHEMA_ROWS(secret_rows),
};

/* -------------------------------------------------------------------------------------------------- ConfigMap */

static const struct schema_field config_map_rows[] = {
    OBJECT_HEAD_ROWS("ConfigMap"),
    {.name = "data", .help = "The contents by their names.", .type = SCHEMA_MAP, SCHEMA_AT(config_map, data)},
    {.name = "binaryData",
     .help = "Contents that are no text, in base64.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(config_map, binary_data),
     .format = &format_base64},
    {.name = "immutable", .help = "Whether the API server refuses changes.", .type = SCHEMA_ANY},
};
const struct schema config_map_schema = {
    .name = "ConfigMap",
    .help = "Certificates of authorities, as `ca.crt`, for BackendTLSPolicies and Backends.",
    .size = sizeof(struct config_map),
    SCHEMA_ROWS(config_map_rows),
};

/* ---------------------------------------------------------------------------------------------- EndpointSlice */

static const char *const address_types[] = {"IPv4", "IPv6", "FQDN", NULL};

static const struct schema_field conditions_rows[] = {
    {.name = "ready",
     .help = "Whether the endpoint takes traffic.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(endpoint_conditions, ready),
     .fallback = "true"},
    {.name = "serving",
     .help = "Whether the endpoint answers, also while it is being shut down.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(endpoint_conditions, serving)},
    {.name = "terminating",
     .help = "Whether the endpoint is being shut down.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(endpoint_conditions, terminating)},
};
static const struct schema conditions_schema = {
    .name = "EndpointConditions",
    .help = "The state of an endpoint.",
    .size = sizeof(struct endpoint_conditions),
    SCHEMA_ROWS(conditions_rows),
};

#define NAME_OF_TARGET(field, text, member) \
    { \
        .name = field, .help = text, .type = SCHEMA_STRING, SCHEMA_AT(endpoint_target, member), .max = OBJECT_NAME_MAX \
    }
static const struct schema_field endpoint_target_rows[] = {
    NAME_OF_TARGET("kind", "What is behind the endpoint: Pod.", kind),
    NAME_OF_TARGET("namespace", "The Pod's namespace.", ns),
    NAME_OF_TARGET("name", "The Pod's name.", name),
};
static const struct schema endpoint_target_schema = {
    .name = "ObjectReference",
    .help = "Names what is behind an endpoint.",
    .size = sizeof(struct endpoint_target),
    SCHEMA_ROWS(endpoint_target_rows),
    .is_open = true,
};

static const struct schema_field endpoint_rows[] = {
    {.name = "addresses",
     .help = "The addresses of the endpoint, of the slice's address type.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(endpoint, addresses),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = SLICE_ADDRESSES_MAX},
    {.name = "conditions",
     .help = "The state of the endpoint; absent: it is ready.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(endpoint, conditions),
     .of = &conditions_schema},
    {.name = "targetRef",
     .help = "The Pod behind the endpoint, whose labels say which subsets it is in.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(endpoint, target),
     .of = &endpoint_target_schema},
    OF_CLUSTER("hostname", "The endpoint's own name."),
    OF_CLUSTER("nodeName", "The node that the endpoint runs on."),
    OF_CLUSTER("zone", "The zone that the endpoint runs in."),
    OF_CLUSTER("hints", "Whose traffic the endpoint should get."),
    OF_CLUSTER("deprecatedTopology", "Where the endpoint runs, as old clusters say it."),
};
static const struct schema endpoint_schema = {
    .name = "Endpoint",
    .help = "One backend behind the Service.",
    .size = sizeof(struct endpoint),
    SCHEMA_ROWS(endpoint_rows),
};

static const struct schema_field endpoint_port_rows[] = {
    {.name = "name",
     .help = "The name of the Service's port.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(endpoint_port, name),
     .fallback = ""},
    {.name = "protocol",
     .help = "The transport.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(endpoint_port, protocol),
     .fallback = "TCP",
     .values = transports},
    {.name = "appProtocol",
     .help = "What is spoken on the port: `kubernetes.io/h2c` for HTTP/2 without TLS.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(endpoint_port, app_protocol)},
    {.name = "port",
     .help = "The port's number.",
     .type = SCHEMA_INT,
     SCHEMA_AT(endpoint_port, port),
     .min = 1,
     .max = 65535},
};
static const struct schema endpoint_port_schema = {
    .name = "EndpointPort",
    .help = "A port of all endpoints of the slice.",
    .size = sizeof(struct endpoint_port),
    SCHEMA_ROWS(endpoint_port_rows),
};

static bool is_address_of(struct str address, struct str type)
{
    if (str_eq(type, STR("FQDN")))
        return format_precise_hostname.is_valid(address);
    bool is_ipv6 = str_find_char(address, ':') < address.len;
    return format_ip.is_valid(address) && is_ipv6 == str_eq(type, STR("IPv6"));
}

static void check_endpoint_slice(const void *object, struct problems *problems)
{
    const struct endpoint_slice *slice = object;
    for (uint32_t i = 0; i < slice->endpoints.count; i++) {
        const struct endpoint *endpoint = SCHEMA_ITEM(slice->endpoints, struct endpoint, i);
        for (uint32_t j = 0; j < endpoint->addresses.count; j++) {
            struct str address = *SCHEMA_ITEM(endpoint->addresses, struct str, j);
            char quoted[QUOTE_TEXT];
            if (!is_address_of(address, slice->address_type))
                problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(endpoint->node, "addresses"),
                             "%s is no %.*s address, as addressType says: correct either of them",
                             quote_short(address, quoted), STR_ARG(slice->address_type));
        }
    }
}

/* An API server writes null for no endpoints and no ports, so neither is required. */
static const struct schema_field endpoint_slice_rows[] = {
    OBJECT_HEAD_ROWS("EndpointSlice"),
    {.name = "addressType",
     .help = "What the addresses are.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(endpoint_slice, address_type),
     .flags = SCHEMA_REQUIRED,
     .values = address_types},
    {.name = "endpoints",
     .help = "The backends behind the Service that the label `kubernetes.io/service-name` names.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(endpoint_slice, endpoints),
     .max = SLICE_ENDPOINTS_MAX,
     .of = &endpoint_schema},
    {.name = "ports",
     .help = "The ports of the endpoints, by the names of the Service's ports.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(endpoint_slice, ports),
     .max = SLICE_PORTS_MAX,
     .of = &endpoint_port_schema},
};
const struct schema endpoint_slice_schema = {
    .name = "EndpointSlice",
    .help = "Addresses of a Service.",
    .size = sizeof(struct endpoint_slice),
    SCHEMA_ROWS(endpoint_slice_rows),
    .check = check_endpoint_slice,
};
