/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/gateway_features.h"
#include "compile/outcomes.h"
#include "compile/siblings.h"
#include "manifest/gateway_extras.h"

/* ---- classes ---- */

static struct str class_controller(const struct resource *resource)
{
    const struct gateway_class *object = resource->object;
    if (object)
        return object->spec->controller_name;
    return str_or(node_text(node_find(resource->node, STR("spec")), STR("controllerName")), STR(""));
}

bool outcome_has_class(const struct compiler *compiler, struct str name)
{
    const struct resource *resource = manifests_find_any(compiler->out->manifests, KIND_GATEWAY_CLASS, STR(""), name);
    return resource && resource->node && str_eq(class_controller(resource), STR(COMPILE_CONTROLLER));
}

/* Known is version 1 of the Gateway API: what came after 1.6 is taken as far as it is known. */
static void add_version(struct compiler *compiler, struct outcome_conditions *conditions)
{
    struct str version = compiler->options->gateway_api_version;
    if (version.len == 0)
        return;
    bool is_known = str_starts_with(version, STR("v1."));
    outcome_add(conditions, "SupportedVersion", is_known ? OUTCOME_TRUE : OUTCOME_FALSE,
                is_known ? "SupportedVersion" : "UnsupportedVersion",
                is_known
                    ? STR("")
                    : arena_printf(compiler->arena,
                                   "the CustomResourceDefinitions of the Gateway API are of %.*s; Umbra is made for "
                                   "v1 and goes on with what it knows of them",
                                   STR_ARG(version)));
}

bool outcome_of_class(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *resource = track->resource;
    if (!str_eq(class_controller(resource), STR(COMPILE_CONTROLLER)))
        return false;
    struct trouble trouble = track->whole.troubles[ASPECT_ACCEPTED];
    if (resource->is_bad)
        trouble = outcome_badness(compiler, resource, "InvalidParameters");
    outcome_add_judged(compiler, &outcome->conditions, "Accepted", &trouble, "Accepted");
    add_version(compiler, &outcome->conditions);
    outcome->has_features = !trouble.reason;
    return true;
}

/* ---- addresses ---- */

#define ADDRESSES_MAX 16 /* of a Gateway's status */

struct addresses {
    struct outcome_address list[ADDRESSES_MAX];
    size_t count;
    struct str missing; /* why there is none; empty: nobody asked for any */
};

static void add_address(struct addresses *addresses, struct str value, bool is_hostname)
{
    if (value.len > 0 && !str_eq(value, STR("None")) && addresses->count < ADDRESSES_MAX)
        addresses->list[addresses->count++] = (struct outcome_address){.value = value, .is_hostname = is_hostname};
}

/* What its load balancer says, else the addresses that the cluster gave it. */
static void add_service(struct addresses *addresses, const struct resource *service)
{
    const struct node *balancer = node_find(node_find(service->node, STR("status")), STR("loadBalancer"));
    const struct node *ingress = node_find(balancer, STR("ingress")), *spec = node_find(service->node, STR("spec"));
    for (const struct node *each = ingress ? ingress->first : NULL; each; each = each->next) {
        struct str ip = node_text(each, STR("ip"));
        add_address(addresses, ip.len > 0 ? ip : node_text(each, STR("hostname")), ip.len == 0);
    }
    if (addresses->count > 0 || str_eq(node_text(spec, STR("type")), STR("LoadBalancer")))
        return;
    const struct node *ips = node_find(spec, STR("clusterIPs"));
    for (const struct node *each = ips ? ips->first : NULL; each; each = each->next)
        add_address(addresses, each->kind == NODE_STRING ? each->text : STR(""), false);
    if (addresses->count == 0)
        add_address(addresses, node_text(spec, STR("clusterIP")), false);
}

static void find_addresses(struct compiler *compiler, struct addresses *addresses)
{
    const struct compile_options *options = compiler->options;
    struct str name = options->publish_service;
    addresses->count = 0;
    addresses->missing = STR("");
    for (size_t i = 0; name.len == 0 && i < options->address_count; i++)
        add_address(addresses, options->addresses[i].value, options->addresses[i].is_hostname);
    if (name.len == 0)
        return;
    size_t slash = str_find_char(name, '/');
    const struct resource *service = manifests_find(compiler->out->manifests, KIND_SERVICE, str_slice(name, 0, slash),
                                                    str_slice(name, slash + 1, name.len));
    if (service)
        add_service(addresses, service);
    if (addresses->count == 0)
        addresses->missing = arena_printf(compiler->arena,
                                          service
                                              ? "Service %.*s (--publish-service) has no address yet"
                                              : "there is no Service %.*s, whose addresses --publish-service asks for",
                                          STR_ARG(name));
}

static bool has_address(const struct addresses *addresses, struct str value)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (str_eq_nocase(addresses->list[i].value, value))
            return true;
    }
    return false;
}

/* What a Gateway asks for has no effect; so it is fine only if it is there anyway. */
static void judge_wanted(struct compiler *compiler, const struct gateway_spec *spec, const struct addresses *have,
                         struct trouble *accepted, struct trouble *programmed)
{
    for (size_t i = 0; i < spec->addresses.count; i++) {
        const struct gateway_address *wanted = SCHEMA_ITEM(spec->addresses, struct gateway_address, i);
        bool is_known = str_eq(wanted->type, STR("IPAddress")) || str_eq(wanted->type, STR("Hostname"));
        struct trouble *trouble = is_known ? programmed : accepted;
        if ((is_known && (wanted->value.len == 0 || has_address(have, wanted->value))) || trouble->reason)
            continue;
        trouble->reason = is_known ? "AddressNotUsable" : "UnsupportedAddress";
        trouble->count = 1;
        trouble->texts[0] = arena_printf(
            compiler->arena,
            is_known ? "spec.addresses[%zu]: Gateways have the addresses of Umbra's Service, and %.*s is none of them; "
                       "give it to the Service, or take it out here"
                     : "spec.addresses[%zu].type: %.*s is not known here; take it out",
            i, STR_ARG(is_known ? wanted->value : wanted->type));
    }
}

/* ---- listeners ---- */

static bool is_conflict(const char *reason)
{
    return reason &&
           (str_eq(str_from_c(reason), STR("HostnameConflict")) || str_eq(str_from_c(reason), STR("ProtocolConflict")));
}

static void make_listener(struct compiler *compiler, const struct listener_site *site,
                          const struct outcome_track *track, struct outcome_listener *out)
{
    const struct outcome_part *part = &track->parts[site - compiler->listeners - site->gateway->first];
    const struct trouble *of_gateway = &track->whole.troubles[ASPECT_ACCEPTED];
    const struct trouble *accepted = &part->troubles[ASPECT_ACCEPTED], *refs = &part->troubles[ASPECT_REFS];
    bool has_conflict = is_conflict(accepted->reason), is_served = site->rule != SIZE_MAX;
    *out = (struct outcome_listener){
        .name = site->spec->name,
        .kinds = site->route_kinds,
        .attached_routes = compiler->out->listeners[site - compiler->listeners].attached_routes,
    };
    outcome_add_judged(compiler, &out->conditions, "Accepted", accepted, "Accepted");
    struct str why = outcome_sentences(compiler, accepted->reason ? accepted : refs->reason ? refs : of_gateway);
    outcome_add(&out->conditions, "Programmed", is_served ? OUTCOME_TRUE : OUTCOME_FALSE,
                is_served ? "Programmed" : "Invalid", is_served ? STR("") : why);
    outcome_add(&out->conditions, "Conflicted", has_conflict ? OUTCOME_TRUE : OUTCOME_FALSE,
                has_conflict ? accepted->reason : "NoConflicts",
                has_conflict ? outcome_sentences(compiler, accepted) : STR(""));
    outcome_add_judged(compiler, &out->conditions, "ResolvedRefs", refs, "ResolvedRefs");
}

/* ---- Gateways ---- */

struct listener_sums {
    size_t programmed, refused, count;
    struct str names; /* of those that are not programmed */
};

static struct listener_sums sum_listeners(struct compiler *compiler, const struct outcome *outcome)
{
    struct listener_sums sums = {.count = outcome->listener_count};
    struct strbuf names = STRBUF_INIT;
    for (size_t i = 0; i < sums.count; i++) {
        const struct outcome_listener *listener = &outcome->listeners[i];
        bool is_programmed = outcome_find(&listener->conditions, "Programmed")->state == OUTCOME_TRUE;
        sums.programmed += is_programmed;
        sums.refused += outcome_find(&listener->conditions, "Accepted")->state == OUTCOME_FALSE;
        if (!is_programmed)
            strbuf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "", STR_ARG(listener->name));
    }
    sums.names = arena_copy(compiler->arena, strbuf_str(&names));
    strbuf_deinit(&names);
    return sums;
}

static void add_gateway_conditions(struct compiler *compiler, struct outcome *outcome, struct trouble *accepted,
                                   struct trouble *programmed)
{
    struct listener_sums sums = sum_listeners(compiler, outcome);
    bool are_all_refused = sums.refused == sums.count && !accepted->reason;
    struct str partly = arena_printf(compiler->arena, "listeners that are not served: %.*s", STR_ARG(sums.names));
    if (are_all_refused)
        *accepted = (struct trouble){.reason = "ListenersNotValid", .texts = {partly}, .count = 1};
    if (accepted->reason || sums.programmed == sums.count)
        outcome_add_judged(compiler, &outcome->conditions, "Accepted", accepted, "Accepted");
    else
        outcome_add(&outcome->conditions, "Accepted", OUTCOME_TRUE, "ListenersNotValid", partly);
    if (sums.programmed == 0 && !programmed->reason)
        *programmed = (struct trouble){.reason = "Invalid",
                                       .texts = {accepted->reason ? outcome_sentences(compiler, accepted) : partly},
                                       .count = 1};
    outcome_add_judged(compiler, &outcome->conditions, "Programmed", programmed, "Programmed");
}

static void add_listeners(struct compiler *compiler, const struct gateway_site *site, const struct outcome_track *track,
                          struct outcome *outcome)
{
    struct outcome_listener *list = arena_alloc(compiler->arena, (site->count + 1) * sizeof(*list));
    for (size_t i = 0; i < site->count; i++)
        make_listener(compiler, &compiler->listeners[site->first + i], track, &list[i]);
    outcome->listeners = list;
    outcome->listener_count = site->count;
}

bool outcome_of_gateway(struct compiler *compiler, const struct outcome_track *track, struct outcome *outcome)
{
    const struct resource *resource = track->resource;
    struct str key = arena_printf(&compiler->scratch, "%.*s/%.*s", STR_ARG(resource->ns), STR_ARG(resource->name));
    const struct gateway_site *site = map_find(&compiler->gateways, key);
    if (!site && !(resource->is_bad && siblings_is_own(compiler, resource)))
        return false;
    struct addresses addresses;
    find_addresses(compiler, &addresses);
    struct trouble accepted = track->whole.troubles[ASPECT_ACCEPTED], programmed = {0};
    if (site) {
        add_listeners(compiler, site, track, outcome);
        judge_wanted(compiler, site->object->spec, &addresses, &accepted, &programmed);
    }
    if (addresses.missing.len > 0 && !programmed.reason)
        programmed = (struct trouble){.reason = "AddressNotAssigned", .texts = {addresses.missing}, .count = 1};
    if (resource->is_bad)
        accepted = outcome_badness(compiler, resource, "Invalid");
    add_gateway_conditions(compiler, outcome, &accepted, &programmed);
    const struct trouble *refs = &track->whole.troubles[ASPECT_REFS];
    if (site && site->object->spec->tls && site->object->spec->tls->backend)
        outcome_add_judged(compiler, &outcome->conditions, "ResolvedRefs", refs, "ResolvedRefs");
    struct outcome_address *list = arena_alloc(compiler->arena, sizeof(addresses.list));
    memcpy(list, addresses.list, sizeof(addresses.list));
    outcome->addresses = list;
    outcome->address_count = addresses.count;
    return true;
}
