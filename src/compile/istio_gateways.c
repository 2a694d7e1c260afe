/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_gateways.h"

#include "compile/listeners.h"
#include "compile/pods.h"
#include "manifest/istio_gateway.h"

#define REDIRECT_STATUS 301

/* ------------------------------------------------------------------------------------------------- which are served */

/* The labels of Umbra's own pod. */
static struct schema_list own_labels(struct compiler *compiler)
{
    struct str rest = str_or(compiler->options->istio_selector, STR("")), label;
    struct schema_pair *pairs = arena_alloc(&compiler->scratch, (rest.len + 1) * sizeof(*pairs));
    struct schema_list own = {.items = pairs};
    while (str_next(&rest, ',', &label)) {
        size_t equals = str_find_char(label, '=');
        pairs[own.count++] = (struct schema_pair){str_slice(label, 0, equals), str_slice(label, equals + 1, label.len)};
    }
    return own;
}

/* Never the mesh's ingress by accident: in a cluster only what selects this very pod. */
static bool is_selected(struct compiler *compiler, const struct aged *aged, const struct schema_list *own)
{
    const struct istio_gateway_spec *spec = ((const struct istio_gateway *)aged->resource->object)->spec;
    bool has_selector = compiler->options->istio_selector.ptr != NULL;
    if (!has_selector && !compiler->options->is_cluster)
        return true;
    if (has_selector && labels_have(own, &spec->selector))
        return true;
    if (has_selector)
        compiler_report(compiler, SEVERITY_NOTE, "", spec->node, "selector",
                        "left out: these labels are not among those of --istio-selector");
    else if (!compiler->is_istio_said)
        compiler_report(
            compiler, SEVERITY_NOTE, "", spec->node, "selector",
            "left out, as all Gateways of Istio are: start Umbra with --istio-selector and the labels of its "
            "own pod to serve those that select it");
    compiler->is_istio_said = true;
    return false;
}

static size_t count_hosts(const struct istio_gateway_spec *spec)
{
    size_t count = 0;
    for (size_t i = 0; i < spec->servers.count; i++)
        count += SCHEMA_ITEM(spec->servers, struct istio_server, i)->hosts.count;
    return count;
}

/* --------------------------------------------------------------------------------------------- servers as listeners */

/* False, and said, when this version can't serve it. */
static bool check_server(struct compiler *compiler, const struct istio_server *server)
{
    enum istio_protocol protocol = istio_server_protocol(server);
    if (protocol == ISTIO_OTHER) {
        compiler_report(
            compiler, SEVERITY_WARNING, "UnsupportedProtocol", server->port->node, "protocol",
            "%.*s is not served by this version, so this server is left out; HTTP is served, and HTTPS, which "
            "ends TLS here",
            STR_ARG(server->port->protocol));
        return false;
    }
    if (protocol != ISTIO_HTTPS)
        return true;
    const struct istio_server_tls *tls = server->tls;
    if (tls->mode.value != SERVER_SIMPLE) {
        compiler_report(compiler, SEVERITY_WARNING, "UnsupportedValue", tls->node, "mode",
                        "only SIMPLE is served by this version, so this server is left out");
        return false;
    }
    if (tls->credential_name.len == 0 && tls->credential_names.count == 0) {
        compiler_report(
            compiler, SEVERITY_WARNING, "UnsupportedValue", tls->node, "serverCertificate",
            "files of Istio's proxy are not read, so this server is left out; put them into a Secret and name "
            "it as credentialName");
        return false;
    }
    return true;
}

static void set_secret(struct object_ref *ref, const struct node *at, struct str name)
{
    *ref = (struct object_ref){.node = at, .group = STR(""), .kind = STR("Secret"), .name = name};
}

static struct listener_tls *make_tls(struct compiler *compiler, const struct istio_server_tls *from)
{
    size_t count = from->credential_name.len > 0 ? 1 : from->credential_names.count;
    struct listener_tls *tls = arena_alloc(&compiler->scratch, sizeof(*tls));
    struct object_ref *refs = arena_alloc(&compiler->scratch, count * sizeof(*refs));
    *tls = (struct listener_tls){.node = from->node, .certificate_refs = {.items = refs, .count = (uint32_t)count}};
    if (from->credential_name.len > 0)
        set_secret(refs, place_of(from->node, "credentialName"), from->credential_name);
    for (size_t i = 0; from->credential_name.len == 0 && i < count; i++)
        set_secret(&refs[i], place_of(from->node, "credentialNames"),
                   *SCHEMA_ITEM(from->credential_names, struct str, i));
    return tls;
}

/* "shop/a.example.com", "*": whose VirtualServices may have the host, and the host; both empty for all. */
static struct str split_host(struct str text, struct str own_ns, struct str *ns)
{
    size_t slash = str_find_char(text, '/');
    *ns = slash < text.len ? str_slice(text, 0, slash) : STR("");
    if (str_eq(*ns, STR("*")))
        *ns = STR("");
    else if (str_eq(*ns, STR(".")))
        *ns = own_ns;
    struct str host = slash < text.len ? str_slice(text, slash + 1, text.len) : text;
    return str_eq(host, STR("*")) ? STR("") : host;
}

/* What all hosts of a server have in common. */
static struct gateway_listener make_listener(struct compiler *compiler, const struct istio_server *server)
{
    static struct route_namespaces all = {.from = {.value = FROM_ALL}};
    static struct allowed_routes anything = {.namespaces = &all};
    bool is_https = istio_server_protocol(server) == ISTIO_HTTPS;
    return (struct gateway_listener){
        .node = server->node,
        .name = server->name.len > 0 ? server->name : server->port->name,
        .protocol = is_https ? STR("HTTPS") : STR("HTTP"),
        .port = server->port->number,
        .allowed_routes = &anything,
        .tls = is_https ? make_tls(compiler, server->tls) : NULL,
    };
}

static void add_server(struct compiler *compiler, struct istio_gateway_site *site, const struct istio_server *server,
                       struct gateway_listener *listeners)
{
    struct gateway_listener listener = make_listener(compiler, server);
    for (size_t i = 0; i < server->hosts.count; i++) {
        struct istio_site *each = &site->sites[site->count];
        *each = (struct istio_site){
            .site = {.gateway = &site->gateway, .spec = &listeners[site->count], .rule = SIZE_MAX},
            .redirects = !listener.tls && server->tls && server->tls->https_redirect.value,
        };
        listener.hostname = split_host(*SCHEMA_ITEM(server->hosts, struct str, i), site->gateway.resource->ns,
                                       &each->ns);
        listeners[site->count++] = listener;
    }
}

static void add_gateway(struct compiler *compiler, const struct aged *aged, struct istio_gateway_site *site)
{
    const struct istio_gateway *object = aged->resource->object;
    size_t most = count_hosts(object->spec);
    struct gateway_listener *listeners = arena_alloc(&compiler->scratch, (most + 1) * sizeof(*listeners));
    struct gateway *gateway = arena_alloc(&compiler->scratch, sizeof(*gateway));
    struct gateway_spec *spec = arena_alloc(&compiler->scratch, sizeof(*spec));
    *site = (struct istio_gateway_site){
        .gateway = {.resource = aged->resource, .object = gateway, .key = aged->key, .is_clear = true},
        .sites = arena_alloc(&compiler->scratch, (most + 1) * sizeof(*site->sites)),
    };
    for (size_t i = 0; i < object->spec->servers.count; i++) {
        const struct istio_server *server = SCHEMA_ITEM(object->spec->servers, struct istio_server, i);
        if (check_server(compiler, server))
            add_server(compiler, site, server, listeners);
    }
    *spec = (struct gateway_spec){.node = object->spec->node,
                                  .listeners = {.items = listeners, .count = (uint32_t)site->count}};
    *gateway = (struct gateway){.head = object->head, .spec = spec};
    map_add(&compiler->istio_gateways, aged->key, site);
}

size_t istio_gateways_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_ISTIO_GATEWAY];
    struct istio_gateway_site *sites = arena_alloc(&compiler->scratch, (aged->count + 1) * sizeof(*sites));
    size_t count = 0, listeners = 0;
    struct schema_list own = own_labels(compiler);
    for (size_t i = 0; i < aged->count; i++) {
        if (!is_selected(compiler, &aged->list[i], &own))
            continue;
        add_gateway(compiler, &aged->list[i], &sites[count]);
        listeners += sites[count++].count;
    }
    compiler->istio_sites = sites;
    compiler->istio_site_count = count;
    return listeners;
}

/* Istio joins servers of all Gateways that have the same port and host: the listener is that of the first. */
static void listen_at(struct compiler *compiler, struct map *claims, struct map *shared, struct istio_site *site)
{
    const struct gateway_listener *spec = site->site.spec;
    struct str key = arena_printf(&compiler->scratch, "%d %u %.*s", spec->tls != NULL, (unsigned)spec->port.value,
                                  STR_ARG(spec->hostname));
    const struct istio_site *first = map_find(shared, key);
    if (first && first->site.rule != SIZE_MAX) {
        site->site.rule = first->site.rule;
        site->redirects = first->redirects;
        site->is_shared = true;
        return;
    }
    listeners_serve(compiler, claims, &site->site);
    if (!first)
        map_add(shared, key, site);
}

/* Hosts of one server are told apart. */
static void add_row(struct compiler *compiler, struct listener_site *site)
{
    struct str name = site->spec->name, host = str_or(site->spec->hostname, STR("*"));
    const struct schema_list *all = &site->gateway->object->spec->listeners;
    const struct gateway_listener *first = all->items, *end = first + all->count, *own = site->spec;
    bool is_one_of_many = (own > first && own[-1].node == own->node) || (own + 1 < end && own[1].node == own->node);
    site->row = compiler->out->listener_count++;
    compiler->out->listeners[site->row] = (struct compiled_listener){
        .gateway = site->gateway->resource,
        .node = site->spec->node,
        .name = is_one_of_many ? arena_printf(compiler->arena, "%.*s %.*s", STR_ARG(name), STR_ARG(host)) : name,
        .rule = site->rule,
    };
}

void istio_gateways_listen(struct compiler *compiler, struct map *claims)
{
    struct map shared;
    map_init(&shared);
    for (size_t i = 0; i < compiler->istio_site_count; i++) {
        struct istio_gateway_site *gateway = &compiler->istio_sites[i];
        for (size_t k = 0; k < gateway->count; k++) {
            listen_at(compiler, claims, &shared, &gateway->sites[k]);
            add_row(compiler, &gateway->sites[k].site);
        }
    }
    map_deinit(&shared);
}

const struct istio_gateway_site *istio_gateways_find(const struct compiler *compiler, struct str key)
{
    return map_find(&compiler->istio_gateways, key);
}

/* --------------------------------------------------------------------------------------------------- httpsRedirect */

static bool has_redirect(const struct istio_site *site)
{
    return site->redirects && !site->is_shared && site->site.rule != SIZE_MAX;
}

size_t istio_gateways_redirects(const struct compiler *compiler)
{
    size_t count = 0;
    for (size_t i = 0; i < compiler->istio_site_count; i++) {
        for (size_t k = 0; k < compiler->istio_sites[i].count; k++)
            count += has_redirect(&compiler->istio_sites[i].sites[k]);
    }
    return count;
}

static void add_redirect(struct compiler *compiler, const struct istio_site *site, struct rule_route *row)
{
    static const struct rule_redirect to_https = {
        .scheme = STR_INIT("https"), .status = REDIRECT_STATUS, .port_kind = REDIRECT_PORT_OF_REQUEST};
    static const struct rule_match everything = {
        .path_kind = PATH_MATCH_STRING, .path = STR_INIT("/"), .method = STR_INIT("")};
    struct rule_binding *binding = arena_alloc(compiler->arena, sizeof(*binding));
    *binding = (struct rule_binding){.listener = site->site.rule, .host = str_or(site->site.spec->hostname, STR(""))};
    *row = (struct rule_route){
        .label = arena_printf(compiler->arena, "istiogateway/%.*s#%.*s", STR_ARG(site->site.gateway->key),
                              STR_ARG(site->site.spec->name)),
        .bindings = binding,
        .binding_count = 1,
        .matches = &everything,
        .match_count = 1,
        .actions = {.redirect = &to_https},
        .is_in_written_order = true,
    };
}

void istio_gateways_add_redirects(struct compiler *compiler, struct rule_route *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < compiler->istio_site_count; i++) {
        for (size_t k = 0; k < compiler->istio_sites[i].count; k++) {
            if (has_redirect(&compiler->istio_sites[i].sites[k]))
                add_redirect(compiler, &compiler->istio_sites[i].sites[k], &rows[count++]);
        }
    }
}
