/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/services.h"

#include "compile/pods.h"

#define SERVICE_NAME_LABEL "kubernetes.io/service-name"
#define ROUTING_ANNOTATION "umbra.dev/routing"
#define PORTS_SHOWN 8 /* in a message */

struct slice_link {
    const struct endpoint_slice *slice;
    struct slice_link *next;
};
/* The EndpointSlices of one Service. */
struct slice_list {
    struct slice_link *first, *last;
    size_t endpoints;
};

/* A cluster has slices of other makers. */
static void warn_of_no_service(struct compiler *compiler, const struct endpoint_slice *slice)
{
    if (!compiler->options->is_cluster)
        compiler_report(compiler, SEVERITY_WARNING, "", slice->head.node, "metadata.labels",
                        "without the label " SERVICE_NAME_LABEL
                        " these endpoints are of no Service; add it, with the Service's name");
}

void services_collect(struct compiler *compiler)
{
    const struct aged_list *aged = &compiler->by_age[KIND_ENDPOINT_SLICE];
    for (size_t i = 0; i < aged->count; i++) {
        const struct resource *resource = aged->list[i].resource;
        const struct endpoint_slice *slice = resource->object;
        struct str service = pairs_find(&slice->head.metadata->labels, STR(SERVICE_NAME_LABEL));
        if (service.len == 0) {
            warn_of_no_service(compiler, slice);
            continue;
        }
        struct str key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(resource->ns), STR_ARG(service));
        struct slice_list *list = map_find(&compiler->slices, key);
        if (!list) {
            list = arena_alloc(&compiler->scratch, sizeof(*list));
            *list = (struct slice_list){0};
            map_add(&compiler->slices, key, list);
        }
        struct slice_link *link = arena_alloc(&compiler->scratch, sizeof(*link));
        *link = (struct slice_link){.slice = slice};
        if (list->last)
            list->last->next = link;
        else
            list->first = link;
        list->last = link;
        list->endpoints += slice->endpoints.count;
    }
}

static struct service_hosts failed(const char *reason, struct str text, struct str mend)
{
    return (struct service_hosts){.way.failure = {.reason = reason, .text = text, .mend = mend}};
}

static bool is_tcp(struct str protocol)
{
    return protocol.len == 0 || str_eq(protocol, STR("TCP"));
}

static struct str port_names(struct arena *arena, const struct service_spec *spec)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < spec->ports.count && i < PORTS_SHOWN; i++) {
        const struct service_port *port = SCHEMA_ITEM(spec->ports, struct service_port, i);
        strbuf_printf(&text, "%s%d", i > 0 ? ", " : "", (int)port->port.value);
        if (!is_tcp(port->protocol))
            strbuf_printf(&text, "/%.*s", STR_ARG(port->protocol));
        if (port->name.len > 0)
            strbuf_printf(&text, " (%.*s)", STR_ARG(port->name));
    }
    struct str names = arena_copy(arena, strbuf_str(&text));
    strbuf_deinit(&text);
    return names;
}

static const struct service_port *find_port(const struct service_spec *spec, uint16_t number)
{
    for (size_t i = 0; spec && i < spec->ports.count; i++) {
        const struct service_port *port = SCHEMA_ITEM(spec->ports, struct service_port, i);
        if (port->port.value == number && is_tcp(port->protocol))
            return port;
    }
    return NULL;
}

/* The port of a slice's endpoints by the name of the Service's port; without a Service by number, or the only one there
 * is. 0: it has none. */
static uint16_t slice_port(const struct endpoint_slice *slice, const struct service_port *port, uint16_t number)
{
    uint16_t only = 0;
    size_t count = 0;
    for (size_t i = 0; i < slice->ports.count; i++) {
        const struct endpoint_port *each = SCHEMA_ITEM(slice->ports, struct endpoint_port, i);
        if (!is_tcp(each->protocol))
            continue;
        uint16_t value = each->port.is_set ? (uint16_t)each->port.value : number;
        bool is_it = port ? str_eq(each->name, port->name) : value == number;
        if (is_it)
            return value;
        only = value;
        count++;
    }
    return !port && count == 1 ? only : 0;
}

static bool is_ready(const struct endpoint_conditions *conditions)
{
    return !conditions || conditions->ready.value != 0; /* true where it is absent */
}

/* On its way out, but still answering: better than nobody. */
static bool is_last_resort(const struct endpoint_conditions *conditions)
{
    return conditions && conditions->serving.value != 0 && conditions->terminating.value != 0;
}

struct host_collector {
    struct compiler *compiler;
    const struct reference *reference;
    struct rule_host *list;
    size_t count;
    struct map seen; /* an endpoint may stand in several slices */
    bool is_last_resort;
};

static void add_host(struct host_collector *collector, struct str host, uint16_t port, bool is_guarded)
{
    struct str key = arena_printf(&collector->compiler->scratch, "%.*s %u", STR_ARG(host), port);
    if (map_add(&collector->seen, key, collector))
        return;
    collector->list[collector->count++] = (struct rule_host){.host = host, .port = port, .is_guarded = is_guarded};
}

static void add_slice(struct host_collector *collector, const struct endpoint_slice *slice, uint16_t port)
{
    bool is_guarded = collector->compiler->options->is_cluster && str_eq(slice->address_type, STR("FQDN"));
    for (size_t i = 0; i < slice->endpoints.count; i++) {
        const struct endpoint *endpoint = SCHEMA_ITEM(slice->endpoints, struct endpoint, i);
        bool is_wanted = collector->is_last_resort ? is_last_resort(endpoint->conditions)
                                                   : is_ready(endpoint->conditions);
        const struct schema_list *labels = collector->reference->pod_labels;
        if (is_wanted && labels)
            is_wanted = pods_endpoint_has(collector->compiler, endpoint, collector->reference->ns, labels);
        /* The addresses of one endpoint are the same thing under several names: the first will do. */
        if (is_wanted && endpoint->addresses.count > 0)
            add_host(collector, *SCHEMA_ITEM(endpoint->addresses, struct str, 0), port, is_guarded);
    }
}

/* `*has_port` tells whether any slice has the port at all. */
static struct service_hosts resolve_slices(struct compiler *compiler, const struct reference *reference,
                                           const struct slice_list *slices, const struct service_port *port,
                                           bool *has_port)
{
    struct host_collector collector = {
        .compiler = compiler,
        .reference = reference,
        .list = arena_alloc(compiler->arena, (slices->endpoints + 1) * sizeof(struct rule_host)),
    };
    map_init(&collector.seen);
    *has_port = false;
    for (int pass = 0; pass < 2 && collector.count == 0; pass++) {
        collector.is_last_resort = pass == 1;
        for (const struct slice_link *link = slices->first; link; link = link->next) {
            uint16_t endpoint_port = slice_port(link->slice, port, reference->port);
            if (endpoint_port == 0)
                continue;
            *has_port = true;
            add_slice(&collector, link->slice, endpoint_port);
        }
    }
    map_deinit(&collector.seen);
    return (struct service_hosts){.list = collector.list, .count = collector.count};
}

static struct service_hosts one_host(struct compiler *compiler, struct str host, uint16_t port)
{
    struct rule_host *list = arena_alloc(compiler->arena, sizeof(*list));
    *list = (struct rule_host){.host = host, .port = port};
    return (struct service_hosts){.list = list, .count = 1};
}

static struct service_hosts resolve_external(struct compiler *compiler, const struct reference *reference,
                                             const struct service_spec *spec)
{
    if (!compiler->options->is_cluster)
        return one_host(compiler, spec->external_name, reference->port);
    return failed(
        "InvalidKind",
        arena_printf(&compiler->scratch,
                     "Service %.*s/%.*s is an ExternalName, which could lead anywhere and is not followed in a "
                     "cluster",
                     STR_ARG(reference->ns), STR_ARG(reference->name)),
        STR("; name a Service with endpoints"));
}

/* In files only: static slices say what will be, and nothing will become ready by itself. */
static void warn_of_no_endpoint(struct compiler *compiler, const struct reference *reference)
{
    if (!compiler->options->is_cluster)
        compiler_report(compiler, SEVERITY_WARNING, "", reference->node, NULL,
                        "no endpoint in the EndpointSlices of Service %.*s/%.*s is ready, so it answers 503; make "
                        "one ready, or leave the slices out and the name is looked up in DNS",
                        STR_ARG(reference->ns), STR_ARG(reference->name));
}

/* The same of a subset. */
static void warn_of_no_pod(struct compiler *compiler, const struct reference *reference)
{
    if (!compiler->options->is_cluster)
        compiler_report(
            compiler, SEVERITY_WARNING, "", reference->node, "subset",
            "no ready endpoint of Service %.*s/%.*s is of a Pod with the labels of subset %.*s, so it answers "
            "503; subsets are found by EndpointSlices and Pods among the manifests",
            STR_ARG(reference->ns), STR_ARG(reference->name), STR_ARG(reference->subset));
}

static void warn_of_no_slice_port(struct compiler *compiler, const struct reference *reference,
                                  const struct service_port *port)
{
    struct str wanted = arena_printf(&compiler->scratch, "port %u", reference->port);
    if (compiler->options->is_cluster)
        return;
    if (port && port->name.len > 0)
        wanted = arena_printf(&compiler->scratch, "port named \"%.*s\", as port %u of the Service is",
                              STR_ARG(port->name), reference->port);
    else if (port)
        wanted = arena_printf(&compiler->scratch, "port without a name, as port %u of the Service is", reference->port);
    compiler_report(compiler, SEVERITY_WARNING, "", reference->node, NULL,
                    "the EndpointSlices of Service %.*s/%.*s have no %.*s, so it answers 503; change either",
                    STR_ARG(reference->ns), STR_ARG(reference->name), STR_ARG(wanted));
}

/* Without what tells versions apart: shop-v2 is not misspelt for shop. */
static struct str without_version(struct str name)
{
    while (name.len > 0 && strchr("-v.0123456789", name.ptr[name.len - 1]))
        name.len--;
    return name;
}

/* A name that is not among the files' Services may be meant for DNS, unless it is nearly that of one of them. */
static void warn_of_dns(struct compiler *compiler, const struct reference *reference)
{
    const char *guess = compiler_guess(compiler, KIND_SERVICE, reference->ns, reference->name);
    if (guess && !str_eq(without_version(str_from_c(guess)), without_version(reference->name)))
        compiler_report(compiler, SEVERITY_WARNING, "", reference->node, "name",
                        "there is no Service %.*s/%.*s here, so the name is looked up in DNS; did you mean \"%s\"?",
                        STR_ARG(reference->ns), STR_ARG(reference->name), guess);
}

static struct service_hosts resolve_missing(struct compiler *compiler, const struct reference *reference)
{
    struct str ns = reference->ns, name = reference->name;
    return failed("BackendNotFound",
                  arena_printf(&compiler->scratch, "there is no Service %.*s/%.*s", STR_ARG(ns), STR_ARG(name)),
                  compiler_hint(compiler, KIND_SERVICE, ns, name));
}

static struct service_hosts resolve_port(struct compiler *compiler, const struct reference *reference,
                                         const struct service_port *port)
{
    struct str ns = reference->ns, name = reference->name;
    struct str key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(ns), STR_ARG(name));
    const struct slice_list *slices = map_find(&compiler->slices, key);
    if (!slices && compiler->options->is_cluster)
        return (struct service_hosts){0};
    if (!slices && reference->pod_labels) {
        warn_of_no_pod(compiler, reference);
        return (struct service_hosts){0};
    }
    if (!slices) {
        if (!manifests_has(compiler->out->manifests, KIND_SERVICE, ns, name))
            warn_of_dns(compiler, reference);
        return one_host(compiler, name, reference->port);
    }
    bool has_port;
    struct service_hosts hosts = resolve_slices(compiler, reference, slices, port, &has_port);
    if (reference->pod_labels && hosts.count == 0)
        warn_of_no_pod(compiler, reference);
    else if (!has_port)
        warn_of_no_slice_port(compiler, reference, port);
    else if (hosts.count == 0)
        warn_of_no_endpoint(compiler, reference);
    return hosts;
}

/* The Service's own address: the first, since all are the same thing under several names. STR_NONE: it has none. */
static struct str own_address(const struct service_spec *spec)
{
    struct str address = spec->cluster_ips.count > 0 ? *SCHEMA_ITEM(spec->cluster_ips, struct str, 0)
                                                     : spec->cluster_ip;
    return address.len == 0 || str_eq(address, STR("None")) ? STR_NONE : address;
}

static enum compile_routing routing_of(struct compiler *compiler, const struct service *service)
{
    const struct object_meta *meta = service->head.metadata;
    struct str said = pairs_find(&meta->annotations, STR(ROUTING_ANNOTATION));
    if (str_eq(said, STR("Service")))
        return ROUTING_SERVICE;
    if (str_eq(said, STR("Endpoints")))
        return ROUTING_ENDPOINTS;
    if (said.ptr)
        compiler_report(compiler, SEVERITY_WARNING, "", node_find(meta->node, STR("annotations")), ROUTING_ANNOTATION,
                        "is neither \"Endpoints\" nor \"Service\", so it does not count");
    return compiler->options->routing;
}

bool services_are_routed(struct compiler *compiler, const struct reference *reference)
{
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_SERVICE, reference->ns,
                                                     reference->name);
    const struct service *service = resource ? resource->object : NULL;
    bool is_service = service && reference->group.len == 0 && str_eq(reference->kind, STR("Service"));
    /* A subset is some of the Pods, and the Service's address is all of them. */
    return is_service && service->spec && !reference->pod_labels && own_address(service->spec).ptr &&
           routing_of(compiler, service) == ROUTING_SERVICE;
}

struct service_hosts services_resolve(struct compiler *compiler, const struct reference *reference)
{
    struct str ns = reference->ns, name = reference->name;
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_SERVICE, ns, name);
    if (!resource && compiler->options->is_cluster)
        return resolve_missing(compiler, reference);
    const struct service_spec *spec = resource ? ((const struct service *)resource->object)->spec : NULL;
    if (spec && str_eq(spec->type, STR("ExternalName")))
        return resolve_external(compiler, reference, spec);
    const struct service_port *port = find_port(spec, reference->port);
    if (spec && !port && spec->ports.count > 0)
        return failed("BackendNotFound",
                      arena_printf(&compiler->scratch, "Service %.*s/%.*s has no TCP port %u", STR_ARG(ns),
                                   STR_ARG(name), reference->port),
                      arena_printf(&compiler->scratch, "; it has %.*s", STR_ARG(port_names(&compiler->scratch, spec))));
    struct backend_way way = way_to_service(compiler, reference, port);
    if (way.failure.reason)
        return (struct service_hosts){.way = way};
    struct service_hosts hosts = services_are_routed(compiler, reference)
                                     ? one_host(compiler, own_address(spec), reference->port)
                                     : resolve_port(compiler, reference, port);
    hosts.way = way;
    return hosts;
}
