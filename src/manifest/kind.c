/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/kind.h"

#include "manifest/backend_tls_policy.h"
#include "manifest/destination_rule.h"
#include "manifest/gateway.h"
#include "manifest/grpc_route.h"
#include "manifest/http_route.h"
#include "manifest/istio_gateway.h"
#include "manifest/pod.h"
#include "manifest/schema_formats.h"
#include "manifest/service.h"
#include "manifest/service_entry.h"
#include "manifest/umbra_kinds.h"
#include "manifest/umbra_status.h"
#include "manifest/virtual_service.h"

#define GATEWAY_API "gateway.networking.k8s.io"
#define ISTIO "networking.istio.io"

const struct kind kind_table[KIND_COUNT] = {
    [KIND_NAMESPACE] = {.id = KIND_NAMESPACE,
                        .name = "Namespace",
                        .plural = "namespaces",
                        .group = "",
                        .versions = {"v1"},
                        .name_format = &format_dns_label,
                        .schema = &namespace_schema},
    [KIND_SERVICE] = {.id = KIND_SERVICE,
                      .name = "Service",
                      .plural = "services",
                      .group = "",
                      .versions = {"v1"},
                      .is_namespaced = true,
                      .name_format = &format_dns_label,
                      .schema = &service_schema},
    [KIND_SECRET] = {.id = KIND_SECRET,
                     .name = "Secret",
                     .plural = "secrets",
                     .group = "",
                     .versions = {"v1"},
                     .is_namespaced = true,
                     .name_format = &format_dns_name,
                     .schema = &secret_schema},
    [KIND_CONFIG_MAP] = {.id = KIND_CONFIG_MAP,
                         .name = "ConfigMap",
                         .plural = "configmaps",
                         .group = "",
                         .versions = {"v1"},
                         .is_namespaced = true,
                         .name_format = &format_dns_name,
                         .schema = &config_map_schema},
    [KIND_ENDPOINT_SLICE] = {.id = KIND_ENDPOINT_SLICE,
                             .name = "EndpointSlice",
                             .plural = "endpointslices",
                             .group = "discovery.k8s.io",
                             .versions = {"v1"},
                             .is_namespaced = true,
                             .name_format = &format_dns_name,
                             .schema = &endpoint_slice_schema},
    [KIND_GATEWAY_CLASS] = {.id = KIND_GATEWAY_CLASS,
                            .name = "GatewayClass",
                            .plural = "gatewayclasses",
                            .group = GATEWAY_API,
                            .versions = {"v1", "v1beta1"},
                            .name_format = &format_dns_name,
                            .schema = &gateway_class_schema},
    [KIND_GATEWAY] = {.id = KIND_GATEWAY,
                      .name = "Gateway",
                      .plural = "gateways",
                      .has_namesake = true,
                      .group = GATEWAY_API,
                      .versions = {"v1", "v1beta1"},
                      .is_namespaced = true,
                      .name_format = &format_dns_name,
                      .schema = &gateway_schema},
    [KIND_HTTP_ROUTE] = {.id = KIND_HTTP_ROUTE,
                         .name = "HTTPRoute",
                         .plural = "httproutes",
                         .group = GATEWAY_API,
                         .versions = {"v1", "v1beta1"},
                         .is_namespaced = true,
                         .name_format = &format_dns_name,
                         .schema = &http_route_schema},
    [KIND_BACKEND_TLS_POLICY] = {.id = KIND_BACKEND_TLS_POLICY,
                                 .name = "BackendTLSPolicy",
                                 .plural = "backendtlspolicies",
                                 .group = GATEWAY_API,
                                 .versions = {"v1", "v1alpha3"},
                                 .is_namespaced = true,
                                 .name_format = &format_dns_name,
                                 .schema = &backend_tls_policy_schema},
    [KIND_GRPC_ROUTE] = {.id = KIND_GRPC_ROUTE,
                         .name = "GRPCRoute",
                         .plural = "grpcroutes",
                         .group = GATEWAY_API,
                         .versions = {"v1"},
                         .is_namespaced = true,
                         .name_format = &format_dns_name,
                         .schema = &grpc_route_schema},
    [KIND_REFERENCE_GRANT] = {.id = KIND_REFERENCE_GRANT,
                              .name = "ReferenceGrant",
                              .plural = "referencegrants",
                              .group = GATEWAY_API,
                              .versions = {"v1", "v1beta1"},
                              .is_namespaced = true,
                              .name_format = &format_dns_name,
                              .schema = &reference_grant_schema},
    [KIND_BACKEND] = {.id = KIND_BACKEND,
                      .name = "Backend",
                      .plural = "backends",
                      .group = "umbra.dev",
                      .versions = {"v1alpha1"},
                      .is_namespaced = true,
                      .has_crd = true,
                      .view = &backend_view,
                      .name_format = &format_dns_name,
                      .schema = &backend_schema},
    [KIND_MIRROR_POLICY] = {.id = KIND_MIRROR_POLICY,
                            .name = "MirrorPolicy",
                            .plural = "mirrorpolicies",
                            .group = "umbra.dev",
                            .versions = {"v1alpha1"},
                            .is_namespaced = true,
                            .has_crd = true,
                            .view = &mirror_policy_view,
                            .policy = "Direct",
                            .name_format = &format_dns_name,
                            .schema = &mirror_policy_schema},
    [KIND_POD] = {.id = KIND_POD,
                  .name = "Pod",
                  .plural = "pods",
                  .group = "",
                  .versions = {"v1"},
                  .is_namespaced = true,
                  .name_format = &format_dns_name,
                  .schema = &pod_schema},
    [KIND_ISTIO_GATEWAY] = {.id = KIND_ISTIO_GATEWAY,
                            .name = "Gateway",
                            .plural = "gateways",
                            .has_namesake = true,
                            .title = "Istio Gateway",
                            .group = ISTIO,
                            .versions = {"v1", "v1beta1", "v1alpha3"},
                            .is_namespaced = true,
                            .name_format = &format_dns_name,
                            .schema = &istio_gateway_schema},
    [KIND_VIRTUAL_SERVICE] = {.id = KIND_VIRTUAL_SERVICE,
                              .name = "VirtualService",
                              .plural = "virtualservices",
                              .group = ISTIO,
                              .versions = {"v1", "v1beta1", "v1alpha3"},
                              .is_namespaced = true,
                              .name_format = &format_dns_name,
                              .schema = &virtual_service_schema},
    [KIND_DESTINATION_RULE] = {.id = KIND_DESTINATION_RULE,
                               .name = "DestinationRule",
                               .plural = "destinationrules",
                               .group = ISTIO,
                               .versions = {"v1", "v1beta1", "v1alpha3"},
                               .is_namespaced = true,
                               .name_format = &format_dns_name,
                               .schema = &destination_rule_schema},
    [KIND_SERVICE_ENTRY] = {.id = KIND_SERVICE_ENTRY,
                            .name = "ServiceEntry",
                            .plural = "serviceentries",
                            .group = ISTIO,
                            .versions = {"v1", "v1beta1", "v1alpha3"},
                            .is_namespaced = true,
                            .name_format = &format_dns_name,
                            .schema = &service_entry_schema},
};

void api_version_split(struct str api_version, struct str *group, struct str *version)
{
    size_t slash = str_find_char(api_version, '/');
    bool is_core = slash == api_version.len;
    *group = is_core ? STR("") : str_slice(api_version, 0, slash);
    *version = is_core ? api_version : str_slice(api_version, slash + 1, api_version.len);
}

const struct kind *kind_find_in_group(struct str group, struct str name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (str_eq(name, str_from_c(kind_table[i].name)) && str_eq(group, str_from_c(kind_table[i].group)))
            return &kind_table[i];
    }
    return NULL;
}

const struct kind *kind_find_by_name(struct str name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (str_eq(name, str_from_c(kind_table[i].name)))
            return &kind_table[i];
    }
    return NULL;
}

static bool has_version(const struct kind *kind, struct str version)
{
    for (size_t i = 0; kind->versions[i]; i++) {
        if (str_eq(version, str_from_c(kind->versions[i])))
            return true;
    }
    return false;
}

const struct kind *kind_find(struct str api_version, struct str name, bool *is_version)
{
    struct str group, version;
    api_version_split(api_version, &group, &version);
    const struct kind *kind = kind_find_in_group(group, name);
    *is_version = kind && has_version(kind, version);
    return kind;
}

void kind_add_api_version(const struct kind *kind, const char *version, struct strbuf *out)
{
    strbuf_printf(out, "%s%s%s", kind->group, *kind->group ? "/" : "", version);
}
