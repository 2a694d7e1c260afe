/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/gateway_extras.h"

#include "manifest/gateway_check.h"
#include "manifest/schema_formats.h"

#define PORTS_MAX 64
#define ANNOTATION_VALUE_MAX 4096

static const struct schema_field infrastructure_rows[] = {
    {.name = "labels",
     .help = "Labels for what a controller makes for the Gateway.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(gateway_infrastructure, labels),
     .max = 8,
     .format = &format_label_value},
    {.name = "annotations",
     .help = "Annotations for what a controller makes for the Gateway.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(gateway_infrastructure, annotations),
     .max = 16,
     .item_max = ANNOTATION_VALUE_MAX},
    {.name = "parametersRef",
     .help = "A resource with settings of a controller.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_infrastructure, parameters),
     .of = &local_ref_schema},
};
const struct schema infrastructure_schema = {
    .name = "GatewayInfrastructure",
    .help = "How a controller makes what serves the Gateway.",
    .size = sizeof(struct gateway_infrastructure),
    SCHEMA_ROWS(infrastructure_rows),
    .check = check_infrastructure,
};

static const char *const listener_set_froms[] = {"All", "Selector", "Same", "None", NULL};
static const struct schema_field listener_set_namespaces_rows[] = {
    {.name = "from",
     .help = "From which namespaces ListenerSets may attach.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(listener_set_namespaces, from),
     .fallback = "None",
     .values = listener_set_froms},
    {.name = "selector",
     .help = "Chooses namespaces by their labels, for `from: Selector`.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(listener_set_namespaces, selector),
     .of = &label_selector_schema},
};
static const struct schema listener_set_namespaces_schema = {
    .name = "ListenerNamespaces",
    .help = "From which namespaces ListenerSets may attach.",
    .size = sizeof(struct listener_set_namespaces),
    SCHEMA_ROWS(listener_set_namespaces_rows),
};
static const struct schema_field listener_sets_rows[] = {
    {.name = "namespaces",
     .help = "From which namespaces ListenerSets may attach.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_listener_sets, namespaces),
     .fallback = "{}",
     .of = &listener_set_namespaces_schema},
};
const struct schema listener_sets_schema = {
    .name = "AllowedListeners",
    .help = "Which ListenerSets may attach to the Gateway.",
    .size = sizeof(struct gateway_listener_sets),
    SCHEMA_ROWS(listener_sets_rows),
};

static const char *const validation_modes[] = {"AllowValidOnly", "AllowInsecureFallback", NULL};
static const struct schema_field client_validation_rows[] = {
    {.name = "caCertificateRefs",
     .help = "Where the certificates of the authorities are that sign clients' certificates.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(client_validation, ca_refs),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 16,
     .of = &foreign_ref_schema},
    {.name = "mode",
     .help = "Whether clients without a valid certificate are refused.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(client_validation, mode),
     .fallback = "AllowValidOnly",
     .values = validation_modes},
};
static const struct schema client_validation_schema = {
    .name = "FrontendTLSValidation",
    .help = "How clients' certificates are checked.",
    .size = sizeof(struct client_validation),
    SCHEMA_ROWS(client_validation_rows),
};
static const struct schema_field frontend_tls_config_rows[] = {
    {.name = "validation",
     .help = "How clients' certificates are checked. This version does not: a listener that needs it is not served.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(frontend_tls_config, validation),
     .of = &client_validation_schema},
};
static const struct schema frontend_tls_config_schema = {
    .name = "TLSConfig",
    .help = "What is asked of clients that speak TLS.",
    .size = sizeof(struct frontend_tls_config),
    SCHEMA_ROWS(frontend_tls_config_rows),
};
static const struct schema_field frontend_tls_port_rows[] = {
    {.name = "port",
     .help = "The port of the listeners.",
     .type = SCHEMA_INT,
     SCHEMA_AT(frontend_tls_port, port),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
    {.name = "tls",
     .help = "What is asked of clients on that port.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(frontend_tls_port, tls),
     .flags = SCHEMA_REQUIRED,
     .of = &frontend_tls_config_schema},
};
static const struct schema frontend_tls_port_schema = {
    .name = "TLSPortConfig",
    .help = "What is asked of clients on one port.",
    .size = sizeof(struct frontend_tls_port),
    SCHEMA_ROWS(frontend_tls_port_rows),
};
static const struct schema_field frontend_tls_rows[] = {
    {.name = "default",
     .help = "What is asked of clients on ports that `perPort` does not name.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(frontend_tls, fallback),
     .flags = SCHEMA_REQUIRED,
     .of = &frontend_tls_config_schema},
    {.name = "perPort",
     .help = "What is asked of clients on single ports.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(frontend_tls, per_port),
     .max = PORTS_MAX,
     .of = &frontend_tls_port_schema,
     .key = "port"},
};
static const struct schema frontend_tls_schema = {
    .name = "FrontendTLSConfig",
    .help = "What is asked of clients that speak TLS.",
    .size = sizeof(struct frontend_tls),
    SCHEMA_ROWS(frontend_tls_rows),
};
static const struct schema_field backend_client_tls_rows[] = {
    {.name = "clientCertificateRef",
     .help = "The Secret with the certificate that is shown to backends. This version shows none, which is an error; a "
             "Backend may have one.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend_client_tls, client_certificate),
     .of = &secret_ref_schema},
};
static const struct schema backend_client_tls_schema = {
    .name = "GatewayBackendTLS",
    .help = "What the Gateway shows to backends that speak TLS.",
    .size = sizeof(struct backend_client_tls),
    SCHEMA_ROWS(backend_client_tls_rows),
};
static const struct schema_field gateway_tls_rows[] = {
    {.name = "backend",
     .help = "What the Gateway shows to backends that speak TLS.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_tls, backend),
     .of = &backend_client_tls_schema},
    {.name = "frontend",
     .help = "What is asked of clients that speak TLS.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_tls, frontend),
     .of = &frontend_tls_schema},
};
const struct schema gateway_tls_schema = {
    .name = "GatewayTLSConfig",
    .help = "Certificates of clients, on both sides of the Gateway.",
    .size = sizeof(struct gateway_tls),
    SCHEMA_ROWS(gateway_tls_rows),
};
