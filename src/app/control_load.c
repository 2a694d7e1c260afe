/* SPDX-License-Identifier: Apache-2.0 */
#include "app/control_load.h"

#include "app/bind.h"
#include "app/key_files.h"
#include "app/rules_read.h"
#include "base/log.h"
#include "base/mem.h"
#include "compile/compile.h"

#include <errno.h>
#include <stdlib.h>

/* ---- sockets ---- */

/* Sockets are changed when they are bound; the rules' own stay as they were asked for. */
static void copy_sockets(struct load *load)
{
    size_t count = load->rules.socket_count;
    load->asked = arena_alloc(&load->arena, (count + 1) * sizeof(*load->asked));
    load->sockets = arena_alloc(&load->arena, (count + 1) * sizeof(*load->sockets));
    load->socket_errors = arena_alloc(&load->arena, (count + 1) * sizeof(*load->socket_errors));
    memset(load->socket_errors, 0, (count + 1) * sizeof(*load->socket_errors));
    if (count > 0) {
        memcpy(load->asked, load->rules.sockets, count * sizeof(*load->asked));
        memcpy(load->sockets, load->rules.sockets, count * sizeof(*load->sockets));
    }
    load->rules.sockets = load->sockets;
}

/* ---- listeners ---- */

static void list_listeners(struct load *load)
{
    const struct compiled *compiled = load->compiled;
    load->listener_count = compiled->listener_count;
    load->listeners = arena_alloc(&load->arena, (load->listener_count + 1) * sizeof(*load->listeners));
    for (size_t i = 0; i < load->listener_count; i++) {
        const struct compiled_listener *from = &compiled->listeners[i];
        load->listeners[i] = (struct status_listener){
            .gateway = arena_printf(&load->arena, "%.*s/%.*s", STR_ARG(from->gateway->ns),
                                    STR_ARG(from->gateway->name)),
            .name = from->name,
            .routes = from->attached_routes,
        };
    }
}

/* The row of the rules for a listener of the status, or NULL. */
static const struct rule_listener *find_rule(const struct load *load, size_t listener)
{
    size_t rule = load->compiled->listeners[listener].rule;
    return rule < load->rules.listener_count ? &load->rules.listeners[rule] : NULL;
}

/* ---- problems ---- */

/* Why, for the status of the Gateway. */
static struct str say_socket(struct load *load, const struct compiled_listener *listener,
                             const struct rule_listener *rule, const struct address *admin)
{
    struct err err;
    const struct address *asked = &load->asked[rule->socket];
    int error = load->socket_errors[rule->socket];
    bool is_own = error == EADDRINUSE && asked->port == admin->port;
    bind_explain(asked, error, !load->is_of_flags, &err);
    if (is_own)
        (void)err_set(&err, "port %u is the admin port of this umbra: give --admin another, or the listener",
                      asked->port);
    if (load->is_of_flags)
        problems_add_place(&load->problems, SEVERITY_ERROR, STR_NONE, 0, 0, "--listen: %s", err.text);
    else
        problems_add_member(&load->problems, SEVERITY_ERROR, STR("PortUnavailable"), listener->node, "port",
                            "listener %.*s: %s", STR_ARG(listener->name), err.text);
    return arena_printf(&load->ports, "%s", err.text);
}

void load_say_sockets(struct load *load, const struct address *admin)
{
    problems_deinit(&load->problems);
    problems_init(&load->problems);
    problems_add_all(&load->problems, &load->manifests->problems);
    problems_add_all(&load->problems, &load->compiled->problems);
    arena_deinit(&load->ports);
    arena_init(&load->ports, NULL, 0);
    struct str *unavailable = arena_alloc(&load->ports, (load->listener_count + 1) * sizeof(*unavailable));
    bool are_all_bound = true;
    for (size_t i = 0; i < load->listener_count; i++) {
        const struct rule_listener *row = find_rule(load, i);
        bool is_bound = row && load->socket_errors[row->socket] == 0;
        load->listeners[i].address = is_bound ? load->sockets[row->socket] : (struct address){0};
        unavailable[i] = row && !is_bound ? say_socket(load, &load->compiled->listeners[i], row, admin) : STR("");
        are_all_bound &= unavailable[i].len == 0;
    }
    load->outcomes = are_all_bound ? load->compiled->outcomes
                                   : outcomes_with_ports(load->compiled, unavailable, &load->ports);
    load->outcomes.edition = are_all_bound ? 0 : ++load->editions;
}

void load_say_refused(struct load *load, const char *why)
{
    load->is_refused = true;
    problems_add_place(&load->problems, SEVERITY_ERROR, STR_NONE, 0, 0, "the rules are not in force: %s", why);
}

/* ---- life ---- */

struct load *load_new(const struct load_from *from)
{
    const struct settings *settings = from->settings;
    struct load *load = mem_alloc(sizeof(*load));
    arena_init(&load->arena, NULL, 0);
    arena_init(&load->ports, NULL, 0);
    problems_init(&load->problems);
    load->manifests = from->manifests;
    if (from->before)
        manifests_keep_last_good(from->manifests, from->before);
    struct compile_options options = rules_options(settings);
    if (from->key_files) {
        key_files_set(from->key_files, from->manifests);
        key_files_give(from->key_files, &options);
    }
    options.before = from->credentials;
    options.gateway_api_version = from->gateway_api_version;
    options.awaits_marker = settings->is_kube && !settings->has_marker_key_file && !(from->keys && from->keys->has_own);
    if (from->keys)
        load->keys = *from->keys;
    load->compiled = compile(from->manifests, &options);
    load->rules = load->compiled->rules;
    load->outcomes = load->compiled->outcomes;
    load->routes = load->compiled->routes;
    load->is_of_flags = settings_rules(settings) == RULES_OF_FLAGS;
    copy_sockets(load);
    /* The one socket of the quick start may be at a free port or a path, which no manifest can say. */
    if (load->is_of_flags)
        load->asked[0] = load->sockets[0] = settings->listen;
    list_listeners(load);
    return load;
}

void load_free(struct load *load)
{
    if (!load)
        return;
    for (size_t i = 0; load->names && i < load->host_count; i++) {
        if (load->names[i])
            dns_give(load->names[i]);
    }
    mem_free(load->names);
    problems_deinit(&load->problems);
    compiled_free(load->compiled);
    if (load->manifests)
        manifests_unref(load->manifests);
    arena_deinit(&load->ports);
    arena_deinit(&load->arena);
    explicit_bzero(&load->keys, sizeof(load->keys));
    mem_free(load);
}

/* ---- names ---- */

static int compare_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct address));
}

/* What earlier endpoints have of a backend and no literal host explains may be any of its names' addresses. */
static void tell_known(const struct rule_backend *backend, struct dns_name *name, uint16_t port,
                       const struct endpoints *known)
{
    size_t count, have;
    const struct address *addresses = endpoints_find(known, backend->label, &count);
    (void)dns_get(name, &have);
    for (size_t i = 0; have == 0 && i < count; i++) {
        bool is_literal = false;
        for (size_t k = 0; k < backend->host_count && !is_literal; k++) {
            struct address literal;
            is_literal = dns_literal(backend->hosts[k].host, backend->hosts[k].port, &literal) &&
                         address_eq(&literal, &addresses[i]);
        }
        if (!is_literal && addresses[i].port == port)
            dns_know(name, &addresses[i]);
    }
}

void load_take_names(struct load *load, struct dns *dns, const struct endpoints *known)
{
    for (size_t i = 0; i < load->rules.backend_count; i++)
        load->host_count += load->rules.backends[i].host_count;
    load->names = mem_alloc((load->host_count + 1) * sizeof(*load->names));
    struct dns_name **name = load->names;
    for (size_t i = 0; i < load->rules.backend_count; i++) {
        const struct rule_backend *backend = &load->rules.backends[i];
        for (size_t k = 0; k < backend->host_count; k++, name++) {
            const struct rule_host *host = &backend->hosts[k];
            struct address literal;
            if (dns_literal(host->host, host->port, &literal))
                continue;
            *name = dns_take(dns, host->host);
            if (known)
                tell_known(backend, *name, host->port, known);
        }
    }
}

struct address_list {
    struct address *list;
    size_t count, capacity;
};

static void add_address(struct address_list *to, const struct address *address, uint16_t port)
{
    if (to->count == to->capacity) {
        to->capacity = to->capacity ? to->capacity * 2 : 16;
        to->list = mem_grow(to->list, to->capacity * sizeof(*to->list));
    }
    to->list[to->count] = *address;
    to->list[to->count++].port = port;
}

/* Sorted, without duplicates: another order of hosts or answers is the same. */
static void sort_addresses(struct address_list *addresses)
{
    size_t kept = 0;
    if (addresses->count > 1)
        qsort(addresses->list, addresses->count, sizeof(*addresses->list), compare_addresses);
    for (size_t i = 0; i < addresses->count; i++) {
        if (kept == 0 || compare_addresses(&addresses->list[kept - 1], &addresses->list[i]) != 0)
            addresses->list[kept++] = addresses->list[i];
    }
    addresses->count = kept;
}

/* A name may lead where a literal may not: who writes it in a cluster need not be who runs Umbra there. */
static bool may_be_sent_to(const struct rule_host *host, const struct address *address)
{
    char text[ADDRESS_TEXT];
    if (!host->is_guarded || !address_is_near(address))
        return true;
    struct str ip = address_format_ip(address, text);
    log_warn("%.*s leads to %.*s, which is loopback or link-local, so nothing is sent there", STR_ARG(host->host),
             STR_ARG(ip));
    return false;
}

static void add_host(struct address_list *to, const struct rule_host *host, const struct dns_name *name)
{
    struct address literal;
    size_t count;
    if (!name) {
        if (dns_literal(host->host, host->port, &literal) && may_be_sent_to(host, &literal))
            add_address(to, &literal, literal.port);
        return;
    }
    const struct address *addresses = dns_get(name, &count);
    for (size_t i = 0; i < count; i++) {
        if (may_be_sent_to(host, &addresses[i]))
            add_address(to, &addresses[i], host->port);
    }
}

int load_endpoints(const struct load *load, uint64_t generation, struct err *err)
{
    struct endpoints_builder *builder = endpoints_builder_new(generation);
    struct address_list addresses = {0};
    struct dns_name *const *name = load->names;
    for (size_t i = 0; i < load->rules.backend_count; i++) {
        const struct rule_backend *backend = &load->rules.backends[i];
        addresses.count = 0;
        for (size_t k = 0; k < backend->host_count; k++, name++)
            add_host(&addresses, &backend->hosts[k], *name);
        sort_addresses(&addresses);
        if (!backend->is_twin)
            endpoints_builder_add(builder, backend->label, addresses.list, addresses.count);
    }
    for (size_t i = 0; i < load->rules.peer_set_count; i++) {
        const struct rule_peer_set *set = &load->rules.peer_sets[i];
        endpoints_builder_add_peers(builder, set->name, set->addresses, set->count);
    }
    int fd = endpoints_builder_seal(builder, err);
    endpoints_builder_free(builder);
    mem_free(addresses.list);
    return fd;
}

/* ---- credentials ---- */

int load_credentials(const struct load *load, uint64_t generation, struct err *err)
{
    struct credentials_builder *builder = credentials_builder_new(generation);
    for (size_t i = 0; i < load->compiled->credential_count; i++) {
        const struct compiled_credential *credential = &load->compiled->credentials[i];
        credentials_builder_add(builder, credential->label, credential->kind, credential->chain, credential->key);
    }
    if (load->keys.has_own)
        credentials_builder_add(builder, STR(CREDENTIALS_MARKER), CREDENTIAL_MARKER,
                                (struct str){(const char *)load->keys.own, sizeof(load->keys.own)}, STR(""));
    if (load->keys.has_other)
        credentials_builder_add(builder, STR(CREDENTIALS_OTHER_MARKER), CREDENTIAL_MARKER,
                                (struct str){(const char *)load->keys.other, sizeof(load->keys.other)}, STR(""));
    int fd = credentials_builder_seal(builder, err);
    credentials_builder_free(builder);
    return fd;
}
