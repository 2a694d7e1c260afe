/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/istio_destinations.h"

#include "compile/istio_tls.h"
#include "compile/pods.h"
#include "manifest/service_entry.h"

#define CLUSTER_DOMAIN ".svc.cluster.local"
#define ROOT_NAMESPACE "istio-system" /* whose DestinationRules count for all */

/* ------------------------------------------------------------------------------------------------------ what counts */

/* The DestinationRules of one namespace for one host, oldest first. */
struct rule_link {
    const struct aged *aged;
    struct rule_link *next;
};

/* A short name is that of a Service of the namespace. In the arena of the result, which has hosts that are parts of it. */
static struct str whole_name(struct compiler *compiler, struct str host, struct str ns)
{
    bool is_short = str_find_char(host, '.') == host.len && !str_eq(host, STR("*"));
    if (is_short)
        return arena_printf(compiler->arena, "%.*s.%.*s" CLUSTER_DOMAIN, STR_ARG(host), STR_ARG(ns));
    if (str_ends_with(host, STR(".svc")))
        return arena_printf(compiler->arena, "%.*s.cluster.local", STR_ARG(host));
    return host;
}

/* "name.namespace.svc.cluster.local" */
static bool is_service_name(struct str host, struct str *name, struct str *ns)
{
    if (!str_ends_with(host, STR(CLUSTER_DOMAIN)))
        return false;
    struct str rest = str_slice(host, 0, host.len - (sizeof(CLUSTER_DOMAIN) - 1));
    size_t dot = str_find_char(rest, '.');
    *name = str_slice(rest, 0, dot);
    *ns = str_slice(rest, dot + (dot < rest.len), rest.len);
    return name->len > 0 && ns->len > 0 && str_find_char(*ns, '.') == ns->len;
}

static struct str rule_key(struct compiler *compiler, struct str ns, struct str host)
{
    return arena_printf(&compiler->scratch, "%.*s %.*s", STR_ARG(ns), STR_ARG(host));
}

static void add_rule(struct compiler *compiler, const struct aged *aged)
{
    const struct destination_rule_spec *spec = ((const struct destination_rule *)aged->resource->object)->spec;
    if (spec->workloads)
        return;
    struct str ns = aged->resource->ns;
    struct str key = rule_key(compiler, ns, whole_name(compiler, spec->host, ns));
    struct rule_link *link = arena_alloc(&compiler->scratch, sizeof(*link)), *last = map_find(&compiler->rules, key);
    *link = (struct rule_link){.aged = aged};
    if (!last) {
        map_add(&compiler->rules, key, link);
        return;
    }
    while (last->next)
        last = last->next;
    last->next = link;
}

static void add_entry(struct compiler *compiler, const struct aged *aged)
{
    const struct service_entry_spec *spec = ((const struct service_entry *)aged->resource->object)->spec;
    for (size_t i = 0; i < spec->hosts.count; i++) {
        struct str host = *SCHEMA_ITEM(spec->hosts, struct str, i);
        const struct aged *first = map_find(&compiler->entries, host);
        if (first)
            compiler_report(compiler, SEVERITY_WARNING, "", spec->node, "hosts",
                            "ServiceEntry %.*s, which is older or comes first by name, has %.*s already, so that one "
                            "counts; take it out of one of them",
                            STR_ARG(first->key), STR_ARG(host));
        else
            map_add(&compiler->entries, host, (void *)aged);
    }
}

void istio_destinations_collect(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->by_age[KIND_SERVICE_ENTRY].count; i++)
        add_entry(compiler, &compiler->by_age[KIND_SERVICE_ENTRY].list[i]);
    for (size_t i = 0; i < compiler->by_age[KIND_DESTINATION_RULE].count; i++)
        add_rule(compiler, &compiler->by_age[KIND_DESTINATION_RULE].list[i]);
}

/* The most specific: the host, then "*." and what is behind its first dot, and so on. */
static const struct aged *find_entry(struct compiler *compiler, struct str host)
{
    const struct aged *entry = map_find(&compiler->entries, host);
    for (size_t dot = str_find_char(host, '.'); !entry && dot < host.len; dot = str_find_char(host, '.')) {
        host = str_slice(host, dot + 1, host.len);
        entry = map_find(&compiler->entries, arena_printf(&compiler->scratch, "*.%.*s", STR_ARG(host)));
    }
    return entry;
}

static const struct rule_link *find_rules_in(struct compiler *compiler, struct str ns, struct str host)
{
    const struct rule_link *rules = map_find(&compiler->rules, rule_key(compiler, ns, host));
    for (size_t dot = str_find_char(host, '.'); !rules && dot < host.len; dot = str_find_char(host, '.')) {
        host = str_slice(host, dot + 1, host.len);
        struct str wildcard = arena_printf(&compiler->scratch, "*.%.*s", STR_ARG(host));
        rules = map_find(&compiler->rules, rule_key(compiler, ns, wildcard));
    }
    return rules ? rules : map_find(&compiler->rules, rule_key(compiler, ns, STR("*")));
}

/* Those of the namespace that sends, else of the one that is sent to, else those for all. */
static const struct rule_link *find_rules(struct compiler *compiler, const struct reference *reference)
{
    if (compiler->rules.live == 0)
        return NULL;
    struct str host = whole_name(compiler, reference->host, reference->from_ns);
    const struct rule_link *rules = find_rules_in(compiler, reference->from_ns, host);
    if (!rules && reference->ns.len > 0)
        rules = find_rules_in(compiler, reference->ns, host);
    return rules ? rules : find_rules_in(compiler, STR(ROOT_NAMESPACE), host);
}

static const struct destination_rule_spec *spec_of(const struct rule_link *link)
{
    return ((const struct destination_rule *)link->aged->resource->object)->spec;
}

static const struct istio_subset *subset_of(const struct rule_link *link, struct str name)
{
    const struct schema_list *subsets = &spec_of(link)->subsets;
    for (size_t i = 0; i < subsets->count; i++) {
        const struct istio_subset *subset = SCHEMA_ITEM(*subsets, struct istio_subset, i);
        if (str_eq(subset->name, name))
            return subset;
    }
    return NULL;
}

/* Of several rules for a host the first that has the subset counts. */
static const struct istio_subset *find_subset(const struct rule_link *rules, struct str name)
{
    const struct istio_subset *subset = NULL;
    for (; rules && !subset; rules = rules->next)
        subset = subset_of(rules, name);
    return subset;
}

/* The rule that says how the host is spoken to: that of the subset, else the first that says anything. */
static const struct resource *find_policy_rule(const struct rule_link *rules, struct str subset)
{
    for (; rules; rules = rules->next) {
        if (subset.len > 0 ? subset_of(rules, subset) != NULL : spec_of(rules)->policy != NULL)
            return rules->aged->resource;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- references */

/* The only port, where the host has one. */
static bool only_service_port(struct compiler *compiler, struct reference *reference)
{
    const struct resource *resource = manifests_find(compiler->out->manifests, KIND_SERVICE, reference->ns,
                                                     reference->name);
    const struct service_spec *spec = resource ? ((const struct service *)resource->object)->spec : NULL;
    if (!spec || spec->ports.count != 1)
        return false;
    reference->port = (uint16_t)SCHEMA_ITEM(spec->ports, struct service_port, 0)->port.value;
    return true;
}

static bool only_entry_port(const struct aged *entry, struct reference *reference)
{
    const struct service_entry_spec *spec = ((const struct service_entry *)entry->resource->object)->spec;
    if (spec->ports.count != 1)
        return false;
    reference->port = (uint16_t)SCHEMA_ITEM(spec->ports, struct service_entry_port, 0)->number.value;
    return true;
}

struct reference istio_reference(struct compiler *compiler, const struct istio_destination *destination,
                                 const struct resource *from)
{
    struct str whole = whole_name(compiler, destination->host, from->ns);
    const struct aged *entry = find_entry(compiler, whole);
    struct reference reference = {
        .node = destination->node,
        .from_kind = from->kind->id,
        .from_ns = from->ns,
        .group = STR(""),
        .kind = STR("Service"),
        .ns = STR(""),
        .name = whole,
        .host = destination->host,
        .subset = str_or(destination->subset, STR("")),
        .has_port = destination->port != NULL,
        .port = destination->port ? (uint16_t)destination->port->number.value : 0,
    };
    bool is_service = is_service_name(whole, &reference.name, &reference.ns);
    bool is_here = is_service && manifests_has(compiler->out->manifests, KIND_SERVICE, reference.ns, reference.name);
    if (entry && !is_here) {
        reference.group = STR(ISTIO_GROUP);
        reference.kind = STR("ServiceEntry");
        reference.name = whole;
        reference.ns = STR(""); /* wherever it leads, that is outside */
        if (!reference.has_port)
            reference.has_port = only_entry_port(entry, &reference);
    } else if (is_service && !reference.has_port) {
        reference.has_port = only_service_port(compiler, &reference);
    }
    return reference;
}

struct str istio_reference_label(struct arena *arena, const struct reference *reference)
{
    return arena_printf(arena, "%.*s:%u%s%.*s", STR_ARG(reference->host), reference->port,
                        reference->subset.len > 0 ? "|" : "", STR_ARG(reference->subset));
}

/* --------------------------------------------------------------------------------------------------- ServiceEntries */

static struct service_hosts failed(const char *reason, struct str text, struct str mend)
{
    return (struct service_hosts){.way.failure = {.reason = reason, .text = text, .mend = mend}};
}

static const struct service_entry_port *find_port(const struct service_entry_spec *spec, uint16_t number)
{
    for (size_t i = 0; i < spec->ports.count; i++) {
        const struct service_entry_port *port = SCHEMA_ITEM(spec->ports, struct service_entry_port, i);
        if (port->number.value == number)
            return port;
    }
    return NULL;
}

static uint16_t endpoint_port(const struct service_entry_endpoint *endpoint, const struct service_entry_port *port)
{
    for (size_t i = 0; i < endpoint->ports.count; i++) {
        const struct schema_number_pair *pair = SCHEMA_ITEM(endpoint->ports, struct schema_number_pair, i);
        if (str_eq(pair->key, port->name))
            return (uint16_t)pair->value.value;
    }
    return (uint16_t)(port->target_port.is_set ? port->target_port.value : port->number.value);
}

static struct rule_host host_of(struct compiler *compiler, const struct service_entry_endpoint *endpoint, uint16_t port)
{
    if (!str_starts_with(endpoint->address, STR("unix://")))
        return (struct rule_host){.host = endpoint->address, .port = port, .is_guarded = compiler->options->is_cluster};
    struct str path = str_slice(endpoint->address, sizeof("unix://") - 1, endpoint->address.len);
    return (struct rule_host){.host = arena_printf(compiler->arena, "unix:%.*s", STR_ARG(path))};
}

static bool is_secured(struct str protocol)
{
    return str_eq_nocase(protocol, STR("HTTPS")) || str_eq_nocase(protocol, STR("TLS"));
}

static bool is_http2(struct str protocol)
{
    return str_eq_nocase(protocol, STR("HTTP2")) || str_eq_nocase(protocol, STR("GRPC"));
}

/* In a cluster nobody may be led to the gateway's own machine by writing a ServiceEntry. */
static bool may_lead_to(const struct compiler *compiler, struct str host)
{
    struct cidr ip;
    if (!compiler->options->is_cluster)
        return true;
    if (str_starts_with(host, STR("unix:")) || str_eq_nocase(host, STR("localhost")))
        return false;
    if (str_find_char(host, '/') < host.len || !cidr_parse(host, &ip))
        return true;
    struct address address = {.family = ip.family};
    memcpy(address.ip, ip.ip, sizeof(address.ip));
    bool is_link_local = ip.family == ADDRESS_IPV4 ? ip.ip[0] == 169 && ip.ip[1] == 254
                                                   : ip.ip[0] == 0xfe && (ip.ip[1] & 0xc0) == 0x80;
    return !address_is_loopback(&address) && !is_link_local;
}

static struct service_hosts entry_hosts(struct compiler *compiler, const struct reference *reference,
                                        const struct service_entry_spec *spec, const struct schema_list *labels)
{
    const struct service_entry_port *port = find_port(spec, reference->port);
    struct rule_host *list = arena_alloc(compiler->arena, (spec->endpoints.count + 1) * sizeof(*list));
    struct service_hosts hosts = {.list = list};
    for (size_t i = 0; i < spec->endpoints.count; i++) {
        const struct service_entry_endpoint *endpoint = SCHEMA_ITEM(spec->endpoints, struct service_entry_endpoint, i);
        struct rule_host host = host_of(compiler, endpoint, endpoint_port(endpoint, port));
        if (labels && !labels_have(&endpoint->labels, labels))
            continue;
        if (may_lead_to(compiler, host.host))
            list[hosts.count++] = host;
        else
            compiler_report(compiler, SEVERITY_WARNING, "", endpoint->node, "address",
                            "leads back to Umbra's own machine, which nothing in a cluster may, so it is left out");
    }
    bool is_dns = spec->resolution.value == RESOLUTION_DNS || spec->resolution.value == RESOLUTION_DNS_ROUND_ROBIN;
    bool is_wildcard = find_entry(compiler, reference->name) && !map_find(&compiler->entries, reference->name);
    if (spec->endpoints.count == 0 && is_dns && !is_wildcard) {
        uint16_t target = (uint16_t)(port->target_port.is_set ? port->target_port.value : port->number.value);
        list[hosts.count++] = (struct rule_host){
            .host = reference->name, .port = target, .is_guarded = compiler->options->is_cluster};
    }
    return hosts;
}

static void warn_of_no_host(struct compiler *compiler, const struct reference *reference, const struct aged *entry)
{
    compiler_report(
        compiler, SEVERITY_WARNING, "", reference->node, NULL,
        "ServiceEntry %.*s has no %s for %.*s, so it answers 503; give it endpoints, or resolution: DNS and the "
        "host itself",
        STR_ARG(entry->key), reference->subset.len > 0 ? "endpoint of this subset" : "endpoint",
        STR_ARG(reference->name));
}

static struct service_hosts resolve_entry(struct compiler *compiler, const struct reference *reference,
                                          const struct aged *entry, const struct schema_list *labels)
{
    const struct service_entry_spec *spec = ((const struct service_entry *)entry->resource->object)->spec;
    const struct service_entry_port *port = find_port(spec, reference->port);
    if (!port)
        return failed(
            "BackendNotFound",
            arena_printf(&compiler->scratch, "ServiceEntry %.*s has no port %u", STR_ARG(entry->key), reference->port),
            STR("; name one of its ports"));
    struct service_hosts hosts = entry_hosts(compiler, reference, spec, labels);
    hosts.way = (struct backend_way){.protocol = is_http2(port->protocol) ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1};
    if (is_secured(port->protocol))
        hosts.way.failure = (struct target_failure){
            .reason = "UnsupportedProtocol",
            .text = arena_printf(&compiler->scratch,
                                 "port %u of ServiceEntry %.*s speaks %.*s, and no DestinationRule says how",
                                 reference->port, STR_ARG(entry->key), STR_ARG(port->protocol)),
            .mend = STR("; add one with trafficPolicy: {tls: {mode: SIMPLE}}"),
            .needs_tls = true,
        };
    if (hosts.count == 0)
        warn_of_no_host(compiler, reference, entry);
    return hosts;
}

/* ---------------------------------------------------------------------------------------------------------- whole */

static struct service_hosts resolve_host(struct compiler *compiler, const struct reference *reference,
                                         const struct schema_list *labels)
{
    if (str_eq(reference->kind, STR("ServiceEntry")))
        return resolve_entry(compiler, reference, find_entry(compiler, reference->name), labels);
    if (reference->ns.len > 0)
        return services_resolve(compiler, reference);
    if (compiler->options->is_cluster)
        return failed("BackendNotFound",
                      arena_printf(&compiler->scratch, "no Service and no ServiceEntry has the host %.*s",
                                   STR_ARG(reference->name)),
                      STR("; write a Service's name, or name.namespace" CLUSTER_DOMAIN ", or add a ServiceEntry"));
    compiler_report(compiler, SEVERITY_WARNING, "", reference->node, "host",
                    "no ServiceEntry here has this host, so the name is looked up in DNS; in a cluster it needs one");
    struct rule_host *list = arena_alloc(compiler->arena, sizeof(*list));
    *list = (struct rule_host){.host = reference->name, .port = reference->port};
    return (struct service_hosts){.list = list, .count = 1};
}

static struct service_hosts missing_subset(struct compiler *compiler, const struct reference *reference,
                                           const struct rule_link *rules)
{
    return failed("BackendNotFound",
                  arena_printf(&compiler->scratch, "no DestinationRule for %.*s has a subset \"%.*s\"",
                               STR_ARG(reference->host), STR_ARG(reference->subset)),
                  rules
                      ? arena_printf(&compiler->scratch, "; add it to DestinationRule %.*s", STR_ARG(rules->aged->key))
                      : STR("; add a DestinationRule with subsets"));
}

struct service_hosts istio_destinations_resolve(struct compiler *compiler, const struct reference *reference)
{
    if (!reference->has_port)
        return failed("BackendNotFound",
                      arena_printf(&compiler->scratch, "%.*s has not exactly one port", STR_ARG(reference->host)),
                      STR("; say which, as port: {number: 80}"));
    const struct rule_link *rules = find_rules(compiler, reference);
    const struct istio_subset *subset = reference->subset.len > 0 ? find_subset(rules, reference->subset) : NULL;
    if (reference->subset.len > 0 && !subset)
        return missing_subset(compiler, reference, rules);
    const struct schema_list *labels = subset && subset->labels.count > 0 ? &subset->labels : NULL;
    struct reference narrowed = *reference;
    narrowed.pod_labels = labels;
    struct service_hosts hosts = resolve_host(compiler, &narrowed, labels);
    struct istio_tls_rule rule = {.reference = reference, .subset = subset};
    rule.resource = find_policy_rule(rules, reference->subset);
    istio_tls_apply(compiler, &rule, &hosts.way);
    return hosts;
}
