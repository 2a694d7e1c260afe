/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/listeners.h"

#include "compile/istio_gateways.h"
#include "compile/listener_tls.h"
#include "compile/outcomes.h"
#include "manifest/gateway_extras.h"

#include <stdio.h>

#define PROXY_ANNOTATION "umbra.dev/proxy-protocol"

/* An IP without a port. */
static bool parse_ip(struct str text, struct cidr *ip)
{
    return str_find_char(text, '/') == text.len && cidr_parse(text, ip);
}

static bool is_zero(const uint8_t ip[16])
{
    static const uint8_t zero[16];
    return memcmp(ip, zero, sizeof(zero)) == 0;
}

static bool is_bound_to_all(const struct compile_options *options)
{
    return options->bind.family == ADDRESS_NONE || is_zero(options->bind.ip);
}

bool listeners_are_at(const struct compiler *compiler, struct str host, uint16_t port)
{
    const struct address *bind = &compiler->options->bind;
    char key[8];
    struct cidr ip;
    snprintf(key, sizeof(key), "%u", port);
    if (!map_find(&compiler->sockets, str_from_c(key)))
        return false;
    if (str_eq_nocase(host, STR("localhost")))
        return is_bound_to_all(compiler->options) || address_is_loopback(bind);
    if (!parse_ip(host, &ip))
        return false;
    struct address address = {.family = ip.family};
    memcpy(address.ip, ip.ip, sizeof(address.ip));
    /* Which other addresses the machine has is not known here. */
    if (is_bound_to_all(compiler->options))
        return address_is_loopback(&address) || is_zero(address.ip);
    return address.family == bind->family && memcmp(address.ip, bind->ip, sizeof(address.ip)) == 0;
}

/* NULL for a Gateway whose class is not among the manifests. */
static const struct gateway_class *class_of(const struct compiler *compiler, const struct gateway *gateway)
{
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_GATEWAY_CLASS, STR(""),
                                                     gateway->spec->class_name);
    return resource ? resource->object : NULL;
}

static bool is_ours(const struct gateway_class *gateway_class)
{
    return str_eq(gateway_class->spec->controller_name, STR(COMPILE_CONTROLLER));
}

/* In files, whether Gateways of other controllers are served as well: while none is ours, and none may become it once
 * something is mended. So the quick start of another gateway runs as it is, with the class that it brings along. */
static bool takes_foreign(const struct compiler *compiler)
{
    const struct manifests *manifests = compiler->out->manifests;
    const struct aged_list *gateways = &compiler->by_age[KIND_GATEWAY],
                           *classes = &compiler->by_age[KIND_GATEWAY_CLASS];
    for (size_t i = 0; i < manifests->resource_count; i++) {
        const struct resource *resource = &manifests->resources[i];
        bool is_asked = resource->kind->id == KIND_GATEWAY || resource->kind->id == KIND_GATEWAY_CLASS;
        if (is_asked && !resource->object)
            return false;
    }
    for (size_t i = 0; i < classes->count; i++) {
        if (is_ours(classes->list[i].resource->object))
            return false;
    }
    for (size_t i = 0; i < gateways->count; i++) {
        if (!class_of(compiler, gateways->list[i].resource->object))
            return false;
    }
    return !compiler->options->is_cluster;
}

/* False for a class that is not accepted: in a cluster its Gateways wait until it is. */
static bool check_class(struct compiler *compiler, const struct gateway *gateway,
                        const struct gateway_class *gateway_class)
{
    if (!compiler->options->is_cluster || !gateway_class->spec->parameters)
        return true;
    compiler_report(compiler, SEVERITY_NOTE, "", gateway->spec->node, "gatewayClassName",
                    "left out: GatewayClass %.*s has parametersRef, and Umbra knows no parameters of classes",
                    STR_ARG(gateway->spec->class_name));
    return false;
}

static bool is_served_class(struct compiler *compiler, const struct gateway *gateway, bool is_foreign_served)
{
    const struct gateway_class *gateway_class = class_of(compiler, gateway);
    struct str name = gateway->spec->class_name, only = compiler->options->class_name;
    if (only.len > 0 && !str_eq(name, only))
        return false;
    if (!gateway_class && compiler->options->trusts_class)
        return true;
    if (!gateway_class) {
        if (compiler->options->is_cluster)
            compiler_report(compiler, SEVERITY_NOTE, "", gateway->spec->node, "gatewayClassName",
                            "left out: there is no GatewayClass %.*s", STR_ARG(name));
        return !compiler->options->is_cluster;
    }
    if (is_ours(gateway_class))
        return check_class(compiler, gateway, gateway_class);
    struct str controller = gateway_class->spec->controller_name;
    if (is_foreign_served)
        compiler_report(compiler, SEVERITY_NOTE, "", gateway->spec->node, "gatewayClassName",
                        "served, though GatewayClass %.*s belongs to %.*s: no Gateway here is of " COMPILE_CONTROLLER,
                        STR_ARG(name), STR_ARG(controller));
    else
        compiler_report(compiler, SEVERITY_NOTE, "", gateway->spec->node, "gatewayClassName",
                        "left out: GatewayClass %.*s belongs to %.*s, not to " COMPILE_CONTROLLER, STR_ARG(name),
                        STR_ARG(controller));
    return is_foreign_served;
}

static void check_addresses(struct compiler *compiler, const struct gateway_spec *spec)
{
    char bound[ADDRESS_TEXT];
    const struct address *bind = &compiler->options->bind;
    for (size_t i = 0; i < spec->addresses.count; i++) {
        const struct gateway_address *address = SCHEMA_ITEM(spec->addresses, struct gateway_address, i);
        struct cidr ip;
        if (!str_eq(address->type, STR("IPAddress")) || !parse_ip(address->value, &ip))
            continue;
        bool is_bound = ip.family == bind->family && memcmp(ip.ip, bind->ip, sizeof(ip.ip)) == 0;
        if (is_bound)
            continue;
        struct str where = is_bound_to_all(compiler->options) ? STR("all addresses") : address_format_ip(bind, bound);
        compiler_report(compiler, SEVERITY_WARNING, "AddressNotUsable", address->node, "value",
                        "listeners are bound to %.*s, whatever stands here; start Umbra with --bind %.*s",
                        STR_ARG(where), STR_ARG(address->value));
    }
}

/* The bits of listener_site.route_kinds. */
static uint32_t find_route_kinds(struct compiler *compiler, const struct gateway_listener *spec)
{
    const struct schema_list *kinds = &spec->allowed_routes->kinds;
    uint32_t taken = 0;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct object_ref *ref = SCHEMA_ITEM(*kinds, struct object_ref, i);
        const struct kind *kind = kind_find_in_group(ref->group, ref->kind);
        if (kind && (kind_is_route(kind->id) || kind->id == KIND_VIRTUAL_SERVICE))
            taken |= 1u << kind->id;
        else
            compiler_report(compiler, SEVERITY_WARNING, "InvalidRouteKinds", ref->node, NULL,
                            "routes of kind %.*s (group \"%.*s\") are not served by this version, only HTTPRoute and "
                            "GRPCRoute are",
                            STR_ARG(ref->kind), STR_ARG(ref->group));
    }
    return kinds->count > 0 ? taken : 1u << KIND_HTTP_ROUTE | 1u << KIND_GRPC_ROUTE;
}

static size_t find_socket(struct compiler *compiler, uint16_t port)
{
    struct rule_set *rules = &compiler->out->rules;
    struct str key = arena_printf(&compiler->scratch, "%u", port);
    size_t known = (size_t)map_find(&compiler->sockets, key);
    if (known > 0)
        return known - 1;
    struct address *socket = &compiler->socket_rows[rules->socket_count++];
    *socket = compiler->options->bind;
    if (socket->family == ADDRESS_NONE)
        *socket = (struct address){.family = ADDRESS_IPV6};
    socket->port = port;
    map_add(&compiler->sockets, key, (void *)rules->socket_count);
    return rules->socket_count - 1;
}

static bool is_https(const struct gateway_listener *spec)
{
    return str_eq(spec->protocol, STR("HTTPS"));
}

/* False, and said, when this version can't serve it. */
static bool check_protocol(struct compiler *compiler, const struct gateway_listener *spec)
{
    if (is_https(spec) || str_eq(spec->protocol, STR("HTTP")))
        return true;
    bool is_passed = spec->tls && spec->tls->mode.value == TLS_PASSTHROUGH;
    compiler_report(
        compiler, SEVERITY_ERROR, "UnsupportedProtocol", spec->node, "protocol",
        "%.*s%s is not served, so this listener is left out; HTTP is served, and HTTPS, which ends TLS here",
        STR_ARG(spec->protocol), is_passed ? " with the mode Passthrough" : "");
    return false;
}

/* Two listeners of one Gateway that can't both have their port: the Gateway API forbids to choose one of them. */
static const struct gateway_listener *rival_of(const struct listener_site *site)
{
    const struct gateway_spec *gateway = site->gateway->object->spec;
    for (size_t i = 0; i < gateway->listeners.count; i++) {
        const struct gateway_listener *other = SCHEMA_ITEM(gateway->listeners, struct gateway_listener, i);
        bool is_served = is_https(other) || str_eq(other->protocol, STR("HTTP"));
        if (is_served && other->port.value == site->spec->port.value && is_https(other) != is_https(site->spec))
            return other;
    }
    return NULL;
}

static void report_port(struct compiler *compiler, const struct listener_site *site, const struct port_claim *winner)
{
    const struct gateway_listener *spec = site->spec;
    if (winner->is_tls != is_https(spec))
        compiler_report(compiler, SEVERITY_ERROR, "ProtocolConflict", spec->node, "port",
                        "port %u is taken for %s by listener %.*s of Gateway %.*s, which is older or comes first by "
                        "name; give one of them another port",
                        (unsigned)spec->port.value, winner->is_tls ? "HTTPS" : "HTTP",
                        STR_ARG(winner->site->spec->name), STR_ARG(winner->site->gateway->key));
    else
        compiler_report(
            compiler, SEVERITY_ERROR, "ProtocolConflict", spec->node, "port",
            "port %u is taken by listener %.*s of Gateway %.*s, which takes %s (annotation " PROXY_ANNOTATION
            "); give both Gateways the same annotation, or one of them another port",
            (unsigned)spec->port.value, STR_ARG(winner->site->spec->name), STR_ARG(winner->site->gateway->key),
            winner->takes_proxy_header ? "PROXY headers" : "no PROXY headers");
}

/* A port speaks one protocol, with PROXY headers or without. */
static bool claim_port(struct compiler *compiler, struct map *claims, const struct listener_site *site)
{
    struct str key = arena_printf(&compiler->scratch, "%u", (unsigned)site->spec->port.value);
    const struct gateway_listener *rival = rival_of(site);
    struct port_claim *claim = map_find(claims, key);
    if (rival) {
        compiler_report(compiler, SEVERITY_ERROR, "ProtocolConflict", site->spec->node, "port",
                        "port %u can't speak %.*s here and %.*s for listener %.*s of the same Gateway, so neither is "
                        "served; give one of them another port",
                        (unsigned)site->spec->port.value, STR_ARG(site->spec->protocol), STR_ARG(rival->protocol),
                        STR_ARG(rival->name));
        return false;
    }
    if (!claim) {
        claim = arena_alloc(&compiler->scratch, sizeof(*claim));
        *claim = (struct port_claim){site, is_https(site->spec), site->gateway->takes_proxy_header};
        map_add(claims, key, claim);
    }
    if (claim->is_tls == is_https(site->spec) && claim->takes_proxy_header == site->gateway->takes_proxy_header)
        return true;
    report_port(compiler, site, claim);
    return false;
}

/* The first with a port and hostname gets it: Gateways come in the order of age. */
static bool claim_hostname(struct compiler *compiler, struct map *claims, struct listener_site *site)
{
    const struct gateway_listener *spec = site->spec;
    struct str key = arena_printf(&compiler->scratch, "%u/%.*s", (unsigned)spec->port.value, STR_ARG(spec->hostname));
    const struct listener_site *winner = map_find(claims, key);
    if (!winner) {
        map_add(claims, key, site);
        return true;
    }
    struct str hostname = spec->hostname.len > 0 ? spec->hostname : STR("without a hostname");
    compiler_report(compiler, SEVERITY_ERROR, "HostnameConflict", spec->node, NULL,
                    "port %u, %.*s, is taken by listener %.*s of Gateway %.*s, which is older or comes first by name; "
                    "give one of them another port or hostname",
                    (unsigned)spec->port.value, STR_ARG(hostname), STR_ARG(winner->spec->name),
                    STR_ARG(winner->gateway->key));
    return false;
}

/* Serves a listener, or says why not. */
void listeners_serve(struct compiler *compiler, struct map *claims, struct listener_site *site)
{
    const struct gateway_listener *spec = site->spec;
    struct rule_set *rules = &compiler->out->rules;
    uint64_t port = (uint64_t)spec->port.value + compiler->options->port_offset;
    site->rule = SIZE_MAX;
    site->route_kinds = find_route_kinds(compiler, spec);
    if (!check_protocol(compiler, spec)) {
        site->route_kinds = compiler->options->is_cluster ? 0 : site->route_kinds;
        return;
    }
    if (!site->gateway->is_clear)
        return;
    if (port > UINT16_MAX) {
        compiler_report(compiler, SEVERITY_ERROR, "PortUnavailable", spec->node, "port",
                        "with --port-offset %u this is port %llu, and there is none over 65535; take a smaller offset",
                        compiler->options->port_offset, (unsigned long long)port);
        return;
    }
    struct rule_listener *row = &compiler->listener_rows[rules->listener_count];
    *row = (struct rule_listener){0};
    if (is_https(spec) && !listener_tls_compile(compiler, site, row))
        return;
    if (!claim_port(compiler, claims, site) || !claim_hostname(compiler, claims, site))
        return;
    *row = (struct rule_listener){
        .label = arena_printf(compiler->arena, "%.*s/%.*s", STR_ARG(site->gateway->key), STR_ARG(spec->name)),
        .socket = find_socket(compiler, (uint16_t)port),
        .hostname = str_or(spec->hostname, STR("")),
        .port = (uint16_t)spec->port.value,
        .certificates = row->certificates,
        .certificate_count = row->certificate_count,
        .takes_proxy_header = site->gateway->takes_proxy_header,
    };
    site->rule = rules->listener_count++;
}

/* Whether its connections begin with a PROXY header. It is never guessed: whoever may send one may say who he is. */
static void read_proxy_annotation(struct compiler *compiler, struct gateway_site *site)
{
    const struct object_meta *meta = site->object->head.metadata;
    struct str value = pairs_find(&meta->annotations, STR(PROXY_ANNOTATION));
    site->takes_proxy_header = str_eq(value, STR("true"));
    site->is_clear = !value.ptr || site->takes_proxy_header || str_eq(value, STR("false"));
    if (!site->is_clear)
        compiler_report(compiler, SEVERITY_ERROR, "Invalid", node_find(meta->node, STR("annotations")),
                        PROXY_ANNOTATION,
                        "is neither \"true\" nor \"false\", so none of the Gateway's listeners is served; write "
                        "\"true\" when who connects sends a PROXY header first, else take it out");
}

/* Backends that ask for a certificate refuse Umbra without it, and no others are weaker for it. */
static void report_client_certificate(struct compiler *compiler, const struct gateway_site *site)
{
    const struct gateway_spec *spec = site->object->spec;
    const struct backend_client_tls *backend = spec->tls ? spec->tls->backend : NULL;
    if (backend && backend->client_certificate)
        compiler_report(
            compiler, SEVERITY_ERROR, "UnsupportedValue", backend->node, "clientCertificateRef",
            "this version shows no certificate of a Gateway to backends, so those that ask for one refuse it; "
            "reach them by a Backend with tls.clientCertificateRef or tls.certFile");
    if (backend && backend->client_certificate)
        outcomes_add(compiler, site->resource, SIZE_MAX, ASPECT_REFS, "InvalidClientCertificateRef");
}

/* What asks for parameters that are not known here is not to be served as if it did not. */
static void check_parameters(struct compiler *compiler, struct gateway_site *site)
{
    const struct gateway_infrastructure *infrastructure = site->object->spec->infrastructure;
    if (!compiler->options->is_cluster || !infrastructure || !infrastructure->parameters)
        return;
    site->is_clear = false;
    compiler_report(compiler, SEVERITY_ERROR, "InvalidParameters", infrastructure->node, "parametersRef",
                    "Umbra knows no parameters of Gateways, so none of the Gateway's listeners is served; take it out");
}

static void add_gateway(struct compiler *compiler, struct map *claims, struct gateway_site *site)
{
    const struct gateway_spec *spec = site->object->spec;
    if (!compiler->options->is_cluster)
        check_addresses(compiler, spec);
    read_proxy_annotation(compiler, site);
    report_client_certificate(compiler, site);
    check_parameters(compiler, site);
    for (size_t i = 0; i < site->count; i++) {
        struct listener_site *listener = &compiler->listeners[site->first + i];
        *listener = (struct listener_site){
            .gateway = site,
            .spec = SCHEMA_ITEM(spec->listeners, struct gateway_listener, i),
            .row = site->first + i,
        };
        listeners_serve(compiler, claims, listener);
        compiler->out->listeners[listener->row] = (struct compiled_listener){
            .gateway = site->resource,
            .node = listener->spec->node,
            .name = listener->spec->name,
            .rule = listener->rule,
        };
    }
}

static void check_classes(struct compiler *compiler)
{
    const struct aged_list *classes = &compiler->by_age[KIND_GATEWAY_CLASS];
    for (size_t i = 0; compiler->options->is_cluster && i < classes->count; i++) {
        const struct gateway_class *gateway_class = classes->list[i].resource->object;
        if (is_ours(gateway_class) && gateway_class->spec->parameters)
            compiler_report(compiler, SEVERITY_ERROR, "InvalidParameters", gateway_class->spec->node, "parametersRef",
                            "Umbra knows no parameters of classes, so no Gateway of this class is served; take it out");
    }
}

void listeners_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_GATEWAY];
    struct gateway_site *sites = arena_alloc(&compiler->scratch, (aged->count + 1) * sizeof(*sites));
    size_t site_count = 0, count = 0;
    bool is_foreign_served = takes_foreign(compiler);
    for (size_t i = 0; i < aged->count; i++) {
        const struct gateway *gateway = aged->list[i].resource->object;
        if (!is_served_class(compiler, gateway, is_foreign_served))
            continue;
        sites[site_count] = (struct gateway_site){
            .resource = aged->list[i].resource,
            .object = gateway,
            .key = aged->list[i].key,
            .first = count,
            .count = gateway->spec->listeners.count,
        };
        count += sites[site_count].count;
        map_add(&compiler->gateways, aged->list[i].key, &sites[site_count]);
        site_count++;
    }
    compiler->listeners = arena_alloc(&compiler->scratch, (count + 1) * sizeof(*compiler->listeners));
    compiler->out->listener_count = count;
    count += istio_gateways_collect(compiler);
    compiler->out->listeners = arena_alloc(compiler->arena, (count + 1) * sizeof(*compiler->out->listeners));
    compiler->listener_rows = arena_alloc(compiler->arena, (count + 1) * sizeof(*compiler->listener_rows));
    compiler->socket_rows = arena_alloc(compiler->arena, (count + 1) * sizeof(*compiler->socket_rows));
    compiler->out->rules.listeners = compiler->listener_rows;
    compiler->out->rules.sockets = compiler->socket_rows;
    check_classes(compiler);
    struct map claims;
    map_init(&claims);
    for (size_t i = 0; i < site_count; i++)
        add_gateway(compiler, &claims, &sites[i]);
    istio_gateways_listen(compiler, &claims);
    map_deinit(&claims);
}
