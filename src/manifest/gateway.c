/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/gateway.h"

#include "manifest/gateway_check.h"
#include "manifest/schema_formats.h"

#define LISTENERS_MAX 64
#define CERTIFICATES_MAX 64
#define OPTION_VALUE_MAX 4096

/* ------------------------------------------------------------------------------------------------- GatewayClass */

static const struct schema_field gateway_class_spec_rows[] = {
    {.name = "controllerName",
     .help = "Who serves Gateways of this class; Umbra's name is `umbra.dev/gateway-controller`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_class_spec, controller_name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_domain_path},
    {.name = "description",
     .help = "A word for people.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_class_spec, description),
     .max = 64},
    {.name = "parametersRef",
     .help = "A resource with settings of a controller.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_class_spec, parameters),
     .flags = SCHEMA_UNSUPPORTED,
     .of = &foreign_ref_schema},
};
static const struct schema gateway_class_spec_schema = {
    .name = "GatewayClassSpec",
    .help = "Whose class this is.",
    .size = sizeof(struct gateway_class_spec),
    SCHEMA_ROWS(gateway_class_spec_rows),
};
static const struct schema_field gateway_class_rows[] = {
    OBJECT_HEAD_ROWS("GatewayClass"),
    {.name = "spec",
     .help = "Whose class this is.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_class, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &gateway_class_spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema gateway_class_schema = {
    .name = "GatewayClass",
    .help = "Says which controller serves a Gateway. In files it may be left out; then, and while no Gateway is of "
            "Umbra's class, all are served.",
    .size = sizeof(struct gateway_class),
    SCHEMA_ROWS(gateway_class_rows),
};

/* ---------------------------------------------------------------------------------------------------- listeners */

static const char *const listener_froms[] = {"All", "Selector", "Same", NULL};
static const struct schema_field route_namespaces_rows[] = {
    {.name = "from",
     .help = "From which namespaces routes may attach: all, those that `selector` chooses, or the Gateway's own.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(route_namespaces, from),
     .fallback = "Same",
     .values = listener_froms},
    {.name = "selector",
     .help = "Chooses namespaces by their labels, for `from: Selector`.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(route_namespaces, selector),
     .of = &label_selector_schema},
};
static const struct schema route_namespaces_schema = {
    .name = "RouteNamespaces",
    .help = "From which namespaces routes may attach.",
    .size = sizeof(struct route_namespaces),
    SCHEMA_ROWS(route_namespaces_rows),
};

static const struct schema_field route_kind_rows[] = {
    {.name = "group",
     .help = "The kind's API group.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, group),
     .fallback = "gateway.networking.k8s.io",
     .format = &format_group},
    {.name = "kind",
     .help = "The kind of route, as HTTPRoute.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(object_ref, kind),
     .flags = SCHEMA_REQUIRED,
     .format = &format_kind},
};
static const struct schema route_kind_schema = {
    .name = "RouteGroupKind",
    .help = "A kind of route.",
    .size = sizeof(struct object_ref),
    SCHEMA_ROWS(route_kind_rows),
};

static const struct schema_field allowed_routes_rows[] = {
    {.name = "namespaces",
     .help = "From which namespaces routes may attach.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(allowed_routes, namespaces),
     .fallback = "{}",
     .of = &route_namespaces_schema},
    {.name = "kinds",
     .help = "Which kinds of routes may attach; absent: all that the protocol can carry.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(allowed_routes, kinds),
     .max = 8,
     .of = &route_kind_schema},
};
static const struct schema allowed_routes_schema = {
    .name = "AllowedRoutes",
    .help = "Which routes may attach to the listener.",
    .size = sizeof(struct allowed_routes),
    SCHEMA_ROWS(allowed_routes_rows),
};

static const char *const tls_modes[] = {"Terminate", "Passthrough", NULL};
static const struct schema_field listener_tls_rows[] = {
    {.name = "mode",
     .help = "Whether TLS ends here or at the backend; Passthrough is not served.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(listener_tls, mode),
     .fallback = "Terminate",
     .values = tls_modes},
    {.name = "certificateRefs",
     .help =
         "The Secrets of type `kubernetes.io/tls` with the certificates that are shown to clients: each client gets "
         "the first that is for the name it asks for and that it can check.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(listener_tls, certificate_refs),
     .max = CERTIFICATES_MAX,
     .of = &secret_ref_schema},
    {.name = "options",
     .help = "Settings of implementations by name; Umbra has none. One of `umbra.dev` or without a domain keeps the "
             "listener from being served, those of others are said to have no effect.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(listener_tls, options),
     .max = 16,
     .item_max = OPTION_VALUE_MAX},
};
static const struct schema listener_tls_schema = {
    .name = "ListenerTLSConfig",
    .help = "How a listener speaks TLS.",
    .size = sizeof(struct listener_tls),
    SCHEMA_ROWS(listener_tls_rows),
    .check = check_listener_tls,
};

static bool is_word(struct str text, bool is_dash_allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_inner_dash = is_dash_allowed && c == '-' && i > 0 && i + 1 < text.len;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && !is_inner_dash)
            return false;
    }
    return text.len > 0;
}

static bool is_protocol(struct str text)
{
    size_t slash = str_find_char(text, '/');
    if (slash == text.len)
        return is_word(text, true);
    return format_dns_name.is_valid(str_slice(text, 0, slash)) && is_word(str_slice(text, slash + 1, text.len), false);
}
static const struct schema_format format_protocol = {
    .name = "a listener's protocol",
    .pattern = "^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|"
               "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+$",
    .example = "HTTP",
    .is_valid = is_protocol,
    .min_len = 1,
    .max_len = 255,
};

static const struct schema_field listener_rows[] = {
    {.name = "name",
     .help = "The listener's name, which parentRefs may name as `sectionName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_listener, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_section_name},
    {.name = "hostname",
     .help = "Requests for this host only; may begin with `*.`; absent: all hosts.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_listener, hostname),
     .format = &format_hostname},
    {.name = "port",
     .help = "The port to listen on; `--port-offset` is added to it.",
     .type = SCHEMA_INT,
     SCHEMA_AT(gateway_listener, port),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
    {.name = "protocol",
     .help = "What clients speak: HTTP or HTTPS.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_listener, protocol),
     .flags = SCHEMA_REQUIRED,
     .format = &format_protocol},
    {.name = "tls",
     .help = "How the listener speaks TLS, for the protocols HTTPS and TLS.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_listener, tls),
     .of = &listener_tls_schema},
    {.name = "allowedRoutes",
     .help = "Which routes may attach to the listener.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_listener, allowed_routes),
     .fallback = "{}",
     .of = &allowed_routes_schema},
};
static const struct schema listener_schema = {
    .name = "Listener",
    .help = "A port on which the Gateway takes requests.",
    .size = sizeof(struct gateway_listener),
    SCHEMA_ROWS(listener_rows),
    .check = check_listener,
};

/* ------------------------------------------------------------------------------------------------------- Gateway */

static bool is_address_type(struct str text)
{
    return str_eq(text, STR("IPAddress")) || str_eq(text, STR("Hostname")) || str_eq(text, STR("NamedAddress")) ||
           format_domain_path.is_valid(text);
}
static const struct schema_format format_address_type = {
    .name = "a type of address",
    .example = "IPAddress",
    .is_valid = is_address_type,
    .min_len = 1,
    .max_len = OBJECT_NAME_MAX,
};
static const struct schema_field gateway_address_rows[] = {
    {.name = "type",
     .help = "What the value is: IPAddress, Hostname or NamedAddress.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_address, type),
     .fallback = "IPAddress",
     .format = &format_address_type},
    {.name = "value",
     .help = "The address that is wanted.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_address, value),
     .max = OBJECT_NAME_MAX},
};
static const struct schema gateway_address_schema = {
    .name = "GatewaySpecAddress",
    .help = "An address that is wanted for the Gateway.",
    .size = sizeof(struct gateway_address),
    SCHEMA_ROWS(gateway_address_rows),
    .check = check_gateway_address,
};

static const char *const default_scopes[] = {"All", "None", NULL};
static const struct schema_field gateway_spec_rows[] = {
    {.name = "gatewayClassName",
     .help = "The GatewayClass, which says who serves the Gateway.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_spec, class_name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "listeners",
     .help = "The ports on which requests are taken.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_spec, listeners),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = LISTENERS_MAX,
     .of = &listener_schema,
     .key = "name"},
    {.name = "addresses",
     .help = "Addresses that are wanted for the Gateway; `--bind` says where listeners bind.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_spec, addresses),
     .flags = SCHEMA_UNSUPPORTED,
     .max = 16,
     .of = &gateway_address_schema},
    {.name = "infrastructure",
     .help = "How a controller makes what serves the Gateway.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_spec, infrastructure),
     .flags = SCHEMA_UNSUPPORTED,
     .of = &infrastructure_schema},
    {.name = "allowedListeners",
     .help = "Which ListenerSets may attach to the Gateway.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_spec, allowed_listeners),
     .flags = SCHEMA_UNSUPPORTED,
     .of = &listener_sets_schema},
    {.name = "tls",
     .help = "Certificates of clients, on both sides of the Gateway.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway_spec, tls),
     .of = &gateway_tls_schema},
    {.name = "defaultScope",
     .help = "Whether routes that name no Gateway attach to this one.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(gateway_spec, default_scope),
     .flags = SCHEMA_UNSUPPORTED | SCHEMA_EXPERIMENTAL,
     .values = default_scopes},
};
static const struct schema gateway_spec_schema = {
    .name = "GatewaySpec",
    .help = "Where requests are taken.",
    .size = sizeof(struct gateway_spec),
    SCHEMA_ROWS(gateway_spec_rows),
    .check = check_gateway_spec,
};
static const struct schema_field gateway_rows[] = {
    OBJECT_HEAD_ROWS("Gateway"),
    {.name = "spec",
     .help = "Where requests are taken.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(gateway, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &gateway_spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema gateway_schema = {
    .name = "Gateway",
    .help = "The ports on which requests are taken, and which routes may attach to them.",
    .size = sizeof(struct gateway),
    SCHEMA_ROWS(gateway_rows),
};
