/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/attach.h"

#include "base/mem.h"
#include "compile/claims.h"
#include "compile/hostname.h"
#include "compile/outcomes.h"

#define LISTENERS_SHOWN 8 /* in a message */

/* How far a parentRef got with a listener; the furthest says what is wrong. */
enum stage {
    STAGE_NOT_SELECTED,
    STAGE_NOT_ALLOWED,
    STAGE_NO_HOSTNAME,
    STAGE_NOT_SERVED,
    STAGE_CONFLICTED,
    STAGE_ATTACHED
};

struct attempt {
    struct compiler *compiler;
    const struct aged *route;
    const struct resource *resource; /* the route's */
    const struct http_route_spec *spec;
    const struct parent_ref *parent;
    size_t parent_index;
    const struct gateway_site *gateway;
    struct attachment *attachment;
};

void attachment_deinit(struct attachment *attachment)
{
    mem_free(attachment->bindings);
    mem_free(attachment->sites);
    *attachment = (struct attachment){0};
}

static void add_binding(struct attachment *attachment, size_t listener, struct str host)
{
    if (attachment->binding_count == attachment->binding_capacity) {
        attachment->binding_capacity = attachment->binding_capacity ? attachment->binding_capacity * 2 : 16;
        attachment->bindings = mem_grow(attachment->bindings,
                                        attachment->binding_capacity * sizeof(*attachment->bindings));
    }
    attachment->bindings[attachment->binding_count++] = (struct rule_binding){.listener = listener, .host = host};
}

static void add_site(struct attachment *attachment, struct listener_site *site)
{
    if (attachment->site_count == attachment->site_capacity) {
        attachment->site_capacity = attachment->site_capacity ? attachment->site_capacity * 2 : 16;
        attachment->sites = mem_grow(attachment->sites, attachment->site_capacity * sizeof(struct listener_site *));
    }
    attachment->sites[attachment->site_count++] = site;
    site->last_route = attachment->serial;
}

static bool is_selected(const struct parent_ref *parent, const struct gateway_listener *listener)
{
    return (parent->section_name.len == 0 || str_eq(parent->section_name, listener->name)) &&
           (!parent->port.is_set || parent->port.value == listener->port.value);
}

/* Every namespace has the label of its name, also one that has no object in the files. */
static const struct schema_list *namespace_labels(struct compiler *compiler, struct str ns)
{
    struct schema_list *labels = map_find(&compiler->namespaces, ns);
    if (labels)
        return labels;
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_NAMESPACE, STR(""), ns);
    const struct object_head *head = resource ? resource->object : NULL;
    size_t count = head ? head->metadata->labels.count : 0;
    struct schema_pair *pairs = arena_alloc(&compiler->scratch, (count + 1) * sizeof(*pairs));
    pairs[0] = (struct schema_pair){.key = STR("kubernetes.io/metadata.name"), .value = ns};
    for (size_t i = 0; i < count; i++)
        pairs[i + 1] = *SCHEMA_ITEM(head->metadata->labels, struct schema_pair, i);
    labels = arena_alloc(&compiler->scratch, sizeof(*labels));
    *labels = (struct schema_list){.items = pairs, .count = (uint32_t)count + 1, .is_set = true};
    map_add(&compiler->namespaces, ns, labels);
    return labels;
}

static bool takes_kind(const struct listener_site *site, const struct resource *route)
{
    return site->route_kinds & 1u << route->kind->id;
}

bool attach_takes_namespace(struct compiler *compiler, const struct listener_site *site, struct str ns)
{
    const struct route_namespaces *namespaces = site->spec->allowed_routes->namespaces;
    switch ((enum listener_from)namespaces->from.value) {
    case FROM_ALL: return true;
    case FROM_SAME: return str_eq(ns, site->gateway->resource->ns);
    case FROM_SELECTOR: break;
    }
    return namespaces->selector && label_selector_matches(namespaces->selector, namespace_labels(compiler, ns));
}

/* A route's hostnames are at most 16, so that looking through this listener's bindings costs little. */
static bool has_binding(const struct attachment *attachment, size_t first, struct str host)
{
    for (size_t i = first; i < attachment->binding_count; i++) {
        if (str_eq(attachment->bindings[i].host, host))
            return true;
    }
    return false;
}

/* Binds the route's hosts, as far as the listener has them; false when it has none of them. */
static bool bind_hosts(struct attachment *attachment, const struct listener_site *site,
                       const struct schema_list *hostnames)
{
    struct str listener = str_or(site->spec->hostname, STR(""));
    size_t first = attachment->binding_count;
    bool is_any = hostnames->count == 0;
    for (size_t i = 0; i < (is_any ? 1 : hostnames->count); i++) {
        struct str host = is_any ? STR("") : *SCHEMA_ITEM(*hostnames, struct str, i), both;
        if (!hostname_intersect(listener, host, &both))
            continue;
        if (site->rule == SIZE_MAX)
            return true;
        if (!has_binding(attachment, first, both))
            add_binding(attachment, site->rule, both);
    }
    return attachment->binding_count > first;
}

/* Listeners take routes of one kind for a host. The hosts from `first` on are the route's, or a route of the other kind has come before. */
static bool claim_hosts(const struct attempt *attempt, const struct listener_site *site, size_t first)
{
    struct compiler *compiler = attempt->compiler;
    struct attachment *attachment = attempt->attachment;
    for (size_t i = first; i < attachment->binding_count; i++) {
        struct str host = attachment->bindings[i].host;
        const struct aged *rival = claims_find_rival(compiler, site->rule, attempt->route, host);
        if (!rival)
            continue;
        attachment->binding_count = first;
        compiler_report(
            compiler, SEVERITY_ERROR, "HostnameConflict", attempt->parent->node, NULL,
            "does not attach to listener %.*s of Gateway %.*s: %s %.*s, which is older or comes first by name, "
            "has %s%.*s%s there, and a listener takes HTTPRoutes and GRPCRoutes for different hosts only; "
            "give one of them other hostnames or a listener of its own",
            STR_ARG(site->spec->name), STR_ARG(attempt->gateway->key), rival->resource->kind->name, STR_ARG(rival->key),
            host.len > 0 ? "\"" : "", STR_ARG(host.len > 0 ? host : STR("hosts")),
            host.len > 0 ? "\" or a part of it" : "");
        return false;
    }
    for (size_t i = first; i < attachment->binding_count; i++)
        claims_add(compiler, site->rule, attempt->route, attachment->bindings[i].host);
    return true;
}

/* In a cluster it counts as attached: the Gateway API's conditions of a listener and of its routes are apart. */
static void attach_to_unserved(const struct attempt *attempt, struct listener_site *site)
{
    struct compiler *compiler = attempt->compiler;
    if (!compiler->options->is_cluster)
        return;
    site->last_route = attempt->attachment->serial;
    compiler->out->listeners[site - compiler->listeners].attached_routes++;
}

static enum stage try_listener(const struct attempt *attempt, struct listener_site *site)
{
    if (!is_selected(attempt->parent, site->spec))
        return STAGE_NOT_SELECTED;
    if (site->last_route == attempt->attachment->serial)
        return STAGE_ATTACHED;
    size_t first = attempt->attachment->binding_count;
    if (!takes_kind(site, attempt->resource) || !attach_takes_namespace(attempt->compiler, site, attempt->resource->ns))
        return STAGE_NOT_ALLOWED;
    if (!bind_hosts(attempt->attachment, site, &attempt->spec->hostnames))
        return STAGE_NO_HOSTNAME;
    if (site->rule == SIZE_MAX) {
        attach_to_unserved(attempt, site);
        return STAGE_NOT_SERVED;
    }
    if (!claim_hosts(attempt, site, first))
        return STAGE_CONFLICTED;
    add_site(attempt->attachment, site);
    attempt->compiler->out->listeners[site - attempt->compiler->listeners].attached_routes++;
    return STAGE_ATTACHED;
}

static struct str listener_names(const struct attempt *attempt)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < attempt->gateway->count && i < LISTENERS_SHOWN; i++) {
        const struct gateway_listener *spec = attempt->compiler->listeners[attempt->gateway->first + i].spec;
        strbuf_printf(&text, "%s%.*s (port %d)", i > 0 ? ", " : "", STR_ARG(spec->name), (int)spec->port.value);
    }
    if (attempt->gateway->count > LISTENERS_SHOWN)
        strbuf_printf(&text, " and %zu more", attempt->gateway->count - LISTENERS_SHOWN);
    struct str names = arena_copy(&attempt->compiler->scratch, strbuf_str(&text));
    strbuf_deinit(&text);
    return names;
}

static void report_not_selected(const struct attempt *attempt)
{
    struct compiler *compiler = attempt->compiler;
    const struct parent_ref *parent = attempt->parent;
    struct str gateway = attempt->gateway->key, section = parent->section_name;
    struct str *names = arena_alloc(&compiler->scratch, (attempt->gateway->count + 1) * sizeof(*names));
    for (size_t i = 0; i < attempt->gateway->count; i++) {
        const struct gateway_listener *spec = compiler->listeners[attempt->gateway->first + i].spec;
        names[i] = spec->name;
        if (section.len > 0 && str_eq(spec->name, section)) {
            compiler_report(
                compiler, SEVERITY_ERROR, "NoMatchingParent", parent->node, "port",
                "listener %.*s of Gateway %.*s is at port %d, not %d; leave one of sectionName and port out",
                STR_ARG(section), STR_ARG(gateway), (int)spec->port.value, (int)parent->port.value);
            return;
        }
    }
    if (section.len == 0) {
        compiler_report(compiler, SEVERITY_ERROR, "NoMatchingParent", parent->node, "port",
                        "Gateway %.*s has no listener at port %d; it has %.*s", STR_ARG(gateway),
                        (int)parent->port.value, STR_ARG(listener_names(attempt)));
        return;
    }
    compiler_report(compiler, SEVERITY_ERROR, "NoMatchingParent", parent->node, "sectionName",
                    "Gateway %.*s has no listener \"%.*s\"%.*s", STR_ARG(gateway), STR_ARG(section),
                    STR_ARG(compiler_hint_name(compiler, section, names, attempt->gateway->count)));
}

static void report_not_allowed(const struct attempt *attempt)
{
    struct compiler *compiler = attempt->compiler;
    struct str ns = attempt->resource->ns;
    const struct listener_site *site = NULL;
    for (size_t i = 0; i < attempt->gateway->count && !site; i++) {
        const struct listener_site *each = &compiler->listeners[attempt->gateway->first + i];
        site = is_selected(attempt->parent, each->spec) ? each : NULL;
    }
    struct str why;
    if (site->route_kinds == 0 && site->spec->allowed_routes->kinds.count == 0)
        why = arena_printf(&compiler->scratch, "its protocol is %.*s", STR_ARG(site->spec->protocol));
    else if (!takes_kind(site, attempt->resource))
        why = arena_printf(&compiler->scratch, "its allowedRoutes.kinds leave %s out; add {kind: %s} there",
                           attempt->resource->kind->name, attempt->resource->kind->name);
    else if (site->spec->allowed_routes->namespaces->from.value == FROM_SAME)
        why = arena_printf(&compiler->scratch,
                           "it takes routes of its own namespace %.*s only, and this one is in %.*s; set "
                           "allowedRoutes.namespaces.from: All or Selector there",
                           STR_ARG(site->gateway->resource->ns), STR_ARG(ns));
    else
        why = arena_printf(
            &compiler->scratch, "the selector of its allowedRoutes.namespaces does not match namespace %.*s%s",
            STR_ARG(ns),
            manifests_find(compiler->out->manifests, KIND_NAMESPACE, STR(""), ns)
                ? "; change the selector, or the labels of the Namespace"
                : ", which has no Namespace object here and so no labels but kubernetes.io/metadata.name");
    compiler_report(compiler, SEVERITY_ERROR, "NotAllowedByListeners", attempt->parent->node, NULL,
                    "listener %.*s of Gateway %.*s does not take this route: %.*s", STR_ARG(site->spec->name),
                    STR_ARG(attempt->gateway->key), STR_ARG(why));
}

static void report_no_hostname(const struct attempt *attempt)
{
    struct compiler *compiler = attempt->compiler;
    struct strbuf text = STRBUF_INIT;
    size_t shown = 0;
    for (size_t i = 0; i < attempt->gateway->count && shown < LISTENERS_SHOWN; i++) {
        const struct gateway_listener *spec = compiler->listeners[attempt->gateway->first + i].spec;
        if (is_selected(attempt->parent, spec))
            strbuf_printf(&text, "%s\"%.*s\" (%.*s)", shown++ > 0 ? ", " : "", STR_ARG(spec->hostname),
                          STR_ARG(spec->name));
    }
    compiler_report(compiler, SEVERITY_ERROR, "NoMatchingListenerHostname", attempt->spec->node, "hostnames",
                    "Gateway %.*s listens for none of these; it has %.*s. Change either, or add a listener",
                    STR_ARG(attempt->gateway->key), STR_ARG(strbuf_str(&text)));
    strbuf_deinit(&text);
}

static void report_not_served(const struct attempt *attempt)
{
    struct str section = attempt->parent->section_name;
    compiler_report(
        attempt->compiler, SEVERITY_ERROR, "NoMatchingParent", attempt->parent->node, NULL,
        "the listener%s%.*s of Gateway %.*s is not served (see the problem there), so nothing comes in by it",
        section.len > 0 ? " " : "", STR_ARG(section), STR_ARG(attempt->gateway->key));
}

static void attach_to_gateway(const struct attempt *attempt)
{
    static const char *const reasons[] = {
        [STAGE_NOT_SELECTED] = "NoMatchingParent",
        [STAGE_NOT_ALLOWED] = "NotAllowedByListeners",
        [STAGE_NO_HOSTNAME] = "NoMatchingListenerHostname",
        [STAGE_NOT_SERVED] = NULL, /* attached all the same */
        [STAGE_CONFLICTED] = "HostnameConflict",
    };
    enum stage furthest = STAGE_NOT_SELECTED;
    for (size_t i = 0; i < attempt->gateway->count; i++) {
        struct listener_site *site = &attempt->compiler->listeners[attempt->gateway->first + i];
        enum stage stage = try_listener(attempt, site);
        furthest = stage > furthest ? stage : furthest;
    }
    outcomes_own_parent(attempt->compiler, attempt->resource, attempt->parent_index);
    switch (furthest) {
    case STAGE_NOT_SELECTED: report_not_selected(attempt); break;
    case STAGE_NOT_ALLOWED: report_not_allowed(attempt); break;
    case STAGE_NO_HOSTNAME: report_no_hostname(attempt); break;
    case STAGE_NOT_SERVED: report_not_served(attempt); break;
    case STAGE_CONFLICTED: break; /* said for each listener */
    case STAGE_ATTACHED: return;
    }
    outcomes_add(attempt->compiler, attempt->resource, attempt->parent_index, ASPECT_ACCEPTED, reasons[furthest]);
}

/* A parentRef to a Gateway that is not served here. One that belongs to another controller is that one's business. */
static void report_no_gateway(const struct attempt *attempt, struct str ns)
{
    struct compiler *compiler = attempt->compiler;
    const struct parent_ref *parent = attempt->parent;
    struct left_out what = {.at = place_of(parent->node, "name"), .kind = KIND_GATEWAY, .ns = ns, .name = parent->name};
    if (manifests_find(compiler->out->manifests, KIND_GATEWAY, ns, parent->name))
        return;
    if (compiler_is_left_out(compiler, what.kind, ns, what.name)) {
        compiler_note_left_out(compiler, &what, "NoMatchingParent", "nothing comes in by it");
        return;
    }
    enum severity severity = compiler->options->is_cluster ? SEVERITY_NOTE : SEVERITY_ERROR;
    compiler_report(compiler, severity, "NoMatchingParent", parent->node, "name", "there is no Gateway %.*s/%.*s%.*s",
                    STR_ARG(ns), STR_ARG(parent->name),
                    STR_ARG(compiler_hint(compiler, KIND_GATEWAY, ns, parent->name)));
}

static void attach_to_parent(struct attempt *attempt)
{
    struct compiler *compiler = attempt->compiler;
    const struct parent_ref *parent = attempt->parent;
    if (!str_eq(parent->group, STR(GATEWAY_GROUP)) || !str_eq(parent->kind, STR("Gateway"))) {
        compiler_report(compiler, SEVERITY_WARNING, "InvalidKind", parent->node, NULL,
                        "nothing is served by a parent of kind %.*s%s; Umbra attaches routes to Gateways",
                        STR_ARG(parent->kind), str_eq(parent->kind, STR("Service")) ? " (that is for a mesh)" : "");
        return;
    }
    struct str ns = parent->ns.len > 0 ? parent->ns : attempt->resource->ns;
    struct str key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(ns), STR_ARG(parent->name));
    attempt->gateway = map_find(&compiler->gateways, key);
    if (attempt->gateway)
        attach_to_gateway(attempt);
    else
        report_no_gateway(attempt, ns);
}

void attach_route(struct compiler *compiler, const struct aged *route, struct attachment *attachment)
{
    struct attempt attempt = {
        .compiler = compiler,
        .route = route,
        .resource = route->resource,
        .spec = ((const struct http_route *)route->resource->object)->spec,
        .attachment = attachment,
    };
    attachment->serial++;
    attachment->binding_count = attachment->site_count = 0;
    if (attempt.spec->parent_refs.count == 0)
        compiler_report(compiler, SEVERITY_ERROR, "NoMatchingParent", attempt.spec->node, "parentRefs",
                        "the route names no Gateway, so nothing comes in by it; write parentRefs: [{name: …}]");
    for (size_t i = 0; i < attempt.spec->parent_refs.count; i++) {
        attempt.parent = SCHEMA_ITEM(attempt.spec->parent_refs, struct parent_ref, i);
        attempt.parent_index = i;
        attach_to_parent(&attempt);
    }
}
