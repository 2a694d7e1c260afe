/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_attach.h"

#include "base/mem.h"
#include "compile/hostname.h"
#include "compile/istio_gateways.h"

#define FIRST_SERIAL (SIZE_MAX / 2) /* those of the Gateway API's routes are below */

void istio_attachment_deinit(struct istio_attachment *attachment)
{
    mem_free(attachment->ways);
    attachment_deinit(&attachment->api);
    *attachment = (struct istio_attachment){0};
}

/* The VirtualService that is attached, and the Gateway at hand. */
struct attempt {
    struct compiler *compiler;
    const struct aged *service;
    const struct virtual_service_spec *spec;
    const struct node *at; /* where the Gateway is named */
    struct str gateway;    /* "namespace/name" */
    struct istio_attachment *attachment;
};

static struct str gateway_key(struct compiler *compiler, struct str name, struct str ns)
{
    if (str_find_char(name, '/') < name.len)
        return name;
    return arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
}

static void add_way(const struct attempt *attempt, size_t listener, struct str host)
{
    struct istio_attachment *attachment = attempt->attachment;
    if (attachment->count == attachment->capacity) {
        attachment->capacity = attachment->capacity ? attachment->capacity * 2 : 16;
        attachment->ways = mem_grow(attachment->ways, attachment->capacity * sizeof(*attachment->ways));
    }
    attachment->ways[attachment->count++] = (struct istio_way){attempt->gateway, {listener, host}};
}

static bool bind_host(const struct attempt *attempt, size_t listener, struct str hostname, struct str host)
{
    struct str both;
    if (!hostname_intersect(str_or(hostname, STR("")), host, &both))
        return false;
    if (listener != SIZE_MAX)
        add_way(attempt, listener, both);
    return true;
}

/* All of the hosts that a listener has; false when it has none of them. A short name stands for itself, and, as Istio has it, for the
 * Service of that name. */
static bool bind_hosts(const struct attempt *attempt, size_t listener, struct str hostname)
{
    bool is_bound = false;
    for (size_t i = 0; i < attempt->spec->hosts.count; i++) {
        struct str host = *SCHEMA_ITEM(attempt->spec->hosts, struct str, i);
        bool is_short = str_find_char(host, '.') == host.len && str_find_char(host, ':') == host.len;
        bool is_all = str_eq(host, STR("*"));
        is_bound |= bind_host(attempt, listener, hostname, is_all ? STR("") : host);
        if (is_short && !is_all)
            is_bound |= bind_host(attempt, listener, hostname,
                                  arena_printf(attempt->compiler->arena, "%.*s.%.*s.svc.cluster.local", STR_ARG(host),
                                               STR_ARG(attempt->service->resource->ns)));
    }
    return is_bound;
}

static void say_no_host(const struct attempt *attempt, const char *kind)
{
    compiler_report(attempt->compiler, SEVERITY_WARNING, "NoMatchingListenerHostname", attempt->at, NULL,
                    "%s %.*s takes none of these hosts%s, so nothing comes in by it; change either", kind,
                    STR_ARG(attempt->gateway), *kind == 'I' ? " for this namespace" : "");
}

static void attach_to_istio(const struct attempt *attempt, const struct istio_gateway_site *gateway)
{
    bool is_bound = false;
    for (size_t i = 0; i < gateway->count; i++) {
        struct istio_site *site = &gateway->sites[i];
        if (site->ns.len > 0 && !str_eq(site->ns, attempt->service->resource->ns))
            continue;
        /* Where everybody is sent to https, no route is asked. */
        if (!bind_hosts(attempt, site->redirects ? SIZE_MAX : site->site.rule,
                        str_or(site->site.spec->hostname, STR(""))))
            continue;
        is_bound = true;
        if (!site->redirects && site->site.last_route != attempt->attachment->api.serial)
            attempt->compiler->out->listeners[site->site.row].attached_routes++;
        site->site.last_route = attempt->attachment->api.serial;
    }
    if (!is_bound)
        say_no_host(attempt, "Istio Gateway");
}

static bool takes_service(const struct attempt *attempt, const struct listener_site *site)
{
    bool takes_kind = site->spec->allowed_routes->kinds.count == 0 || site->route_kinds & 1u << KIND_VIRTUAL_SERVICE;
    return takes_kind && attach_takes_namespace(attempt->compiler, site, attempt->service->resource->ns);
}

static void add_site(struct attachment *attachment, struct listener_site *site)
{
    if (site->last_route == attachment->serial)
        return;
    if (attachment->site_count == attachment->site_capacity) {
        attachment->site_capacity = attachment->site_capacity ? attachment->site_capacity * 2 : 16;
        attachment->sites = mem_grow(attachment->sites, attachment->site_capacity * sizeof(struct listener_site *));
    }
    attachment->sites[attachment->site_count++] = site;
    site->last_route = attachment->serial;
}

static void attach_to_api(const struct attempt *attempt, const struct gateway_site *gateway)
{
    struct compiler *compiler = attempt->compiler;
    bool is_taken = false, is_bound = false;
    for (size_t i = 0; i < gateway->count; i++) {
        struct listener_site *site = &compiler->listeners[gateway->first + i];
        if (!takes_service(attempt, site))
            continue;
        is_taken = true;
        if (!bind_hosts(attempt, site->rule, str_or(site->spec->hostname, STR(""))))
            continue;
        is_bound = true;
        if (site->rule != SIZE_MAX)
            add_site(&attempt->attachment->api, site);
    }
    if (!is_taken)
        compiler_report(compiler, SEVERITY_ERROR, "NotAllowedByListeners", attempt->at, NULL,
                        "no listener of Gateway %.*s takes VirtualServices of this namespace; set "
                        "allowedRoutes.namespaces.from: All there, and leave kinds out or add {group: " ISTIO_GROUP
                        ", kind: VirtualService}",
                        STR_ARG(attempt->gateway));
    else if (!is_bound)
        say_no_host(attempt, "Gateway");
}

/* One that is somebody else's, or that has an error, is said there. */
static void say_no_gateway(const struct attempt *attempt)
{
    struct compiler *compiler = attempt->compiler;
    size_t slash = str_find_char(attempt->gateway, '/');
    struct str ns = str_slice(attempt->gateway, 0, slash);
    struct str name = str_slice(attempt->gateway, slash + 1, attempt->gateway.len);
    if (manifests_has(compiler->out->manifests, KIND_GATEWAY, ns, name) ||
        manifests_has(compiler->out->manifests, KIND_ISTIO_GATEWAY, ns, name))
        return;
    enum severity severity = compiler->options->is_cluster ? SEVERITY_NOTE : SEVERITY_ERROR;
    bool has_istio = compiler->by_age[KIND_ISTIO_GATEWAY].count > 0;
    compiler_report(compiler, severity, "NoMatchingParent", attempt->at, NULL,
                    "there is no Gateway %.*s, of Istio or of the Gateway API%.*s", STR_ARG(attempt->gateway),
                    STR_ARG(compiler_hint(compiler, has_istio ? KIND_ISTIO_GATEWAY : KIND_GATEWAY, ns, name)));
}

static void attach_to(struct attempt *attempt)
{
    const struct istio_gateway_site *istio = istio_gateways_find(attempt->compiler, attempt->gateway);
    const struct gateway_site *api = istio ? NULL : map_find(&attempt->compiler->gateways, attempt->gateway);
    if (istio)
        attach_to_istio(attempt, istio);
    else if (api)
        attach_to_api(attempt, api);
    else
        say_no_gateway(attempt);
}

static void say_mesh(const struct attempt *attempt)
{
    bool is_written = attempt->spec->gateways.count > 0;
    compiler_report(attempt->compiler, attempt->compiler->options->is_cluster ? SEVERITY_NOTE : SEVERITY_WARNING, "",
                    attempt->spec->node, "gateways",
                    "%s for the mesh, which Umbra is not in, so nothing comes in by it; name a Gateway, as "
                    "namespace/name",
                    is_written ? "is" : "is missing, which stands");
}

static const struct node *item_node(const struct schema_list *list, size_t index)
{
    const struct node *node = list->node->first;
    for (; node && index > 0; index--)
        node = node->next;
    return node;
}

void istio_attach(struct compiler *compiler, const struct aged *service, struct istio_attachment *attachment)
{
    struct attempt attempt = {
        .compiler = compiler,
        .service = service,
        .spec = ((const struct virtual_service *)service->resource->object)->spec,
        .attachment = attachment,
    };
    const struct schema_list *gateways = &attempt.spec->gateways;
    size_t named = 0;
    attachment->count = 0;
    attachment->api.serial = attachment->api.serial == 0 ? FIRST_SERIAL : attachment->api.serial + 1;
    attachment->api.binding_count = attachment->api.site_count = 0;
    for (size_t i = 0; i < gateways->count; i++) {
        struct str name = *SCHEMA_ITEM(*gateways, struct str, i);
        if (str_eq(name, STR("mesh")))
            continue;
        named++;
        attempt.at = item_node(gateways, i);
        attempt.gateway = gateway_key(compiler, name, service->resource->ns);
        attach_to(&attempt);
    }
    if (named == 0 && attempt.spec->hosts.count > 0)
        say_mesh(&attempt);
}

static bool is_named(struct compiler *compiler, const struct schema_list *gateways, struct str ns, struct str key)
{
    for (size_t i = 0; i < gateways->count; i++) {
        if (str_eq(gateway_key(compiler, *SCHEMA_ITEM(*gateways, struct str, i), ns), key))
            return true;
    }
    return gateways->count == 0;
}

struct rule_binding *istio_bindings(struct compiler *compiler, const struct istio_attachment *attachment,
                                    const struct schema_list *gateways, struct str ns, size_t *count)
{
    struct rule_binding *list = arena_alloc(compiler->arena, (attachment->count + 1) * sizeof(*list));
    struct map seen;
    map_init(&seen);
    *count = 0;
    for (size_t i = 0; i < attachment->count; i++) {
        const struct istio_way *way = &attachment->ways[i];
        if (!is_named(compiler, gateways, ns, way->gateway))
            continue;
        struct str key = arena_printf(&compiler->scratch, "%zu %.*s", way->binding.listener,
                                      STR_ARG(way->binding.host));
        if (!map_add(&seen, key, compiler))
            list[(*count)++] = way->binding;
    }
    map_deinit(&seen);
    return list;
}
