/* SPDX-License-Identifier: Apache-2.0 */
/* From the provider's rules to what the gateway gets: listeners are asked for, names are resolved, then endpoints and plan
 * go out, and endpoints again whenever addresses change. */
#include "app/control_state.h"
#include "app/quickstart.h"
#include "base/log.h"
#include "base/mem.h"
#include "plan/check.h"

#include <stdatomic.h>
#include <unistd.h>

/* Longest wait for names before the first plan: a request that came before the first answer would get a 503 for nothing, and a
 * name server that does not answer must not hold up a start. */
#define NAMES_MS 250
/* Changes of addresses within this time go out together. */
#define ENDPOINTS_MS 50

/* The addresses of all its hosts, whose names begin at `names`. */
static void add_backend(struct endpoints_builder *builder, const struct rule_backend *backend,
                        struct dns_name *const *names)
{
    struct address *all = NULL;
    size_t total = 0, count;
    for (size_t i = 0; i < backend->host_count; i++) {
        const struct address *addresses = dns_get(names[i], &count);
        if (count == 0)
            continue;
        all = mem_grow(all, (total + count) * sizeof(*all));
        memcpy(all + total, addresses, count * sizeof(*all));
        total += count;
    }
    endpoints_builder_add(builder, backend->label, all, total);
    mem_free(all);
}

static size_t count_hosts(const struct control *control)
{
    size_t count = 0;
    for (size_t i = 0; i < control->rules.backend_count; i++)
        count += control->rules.backends[i].host_count;
    return count;
}

static void send_endpoints(struct control *control)
{
    uint64_t generation = control->endpoints ? endpoints_generation(control->endpoints) + 1 : 1;
    struct endpoints_builder *builder = endpoints_builder_new(generation);
    struct dns_name **name = control->names;
    for (size_t i = 0; i < control->rules.backend_count; i++) {
        add_backend(builder, &control->rules.backends[i], name);
        name += control->rules.backends[i].host_count;
    }
    struct err err;
    int fd = endpoints_builder_seal(builder, &err);
    endpoints_builder_free(builder);
    const struct endpoints *endpoints = fd >= 0 ? endpoints_map(fd, &err) : NULL;
    if (endpoints) {
        control_tell(control, IPC_ENDPOINTS, STR_NONE, &fd, 1);
        if (control->endpoints)
            endpoints_unmap(control->endpoints);
        control->endpoints = endpoints;
        admin_server_set_rules(control->admin_server, control->plan, control->endpoints);
    } else {
        log_error("new addresses are not in force: %s", err.text);
    }
    if (fd >= 0)
        close(fd);
}

static void send_plan(struct control *control)
{
    struct registry_totals *totals = registry_totals(control->registry);
    control->rules.generation = atomic_fetch_add_explicit(&totals->config_generation, 1, memory_order_relaxed) + 1;
    struct err err;
    int fd = plan_build(&control->rules, &err);
    const struct plan *plan = fd >= 0 ? plan_map(fd, &err) : NULL;
    if (plan) {
        control_tell(control, IPC_PLAN, STR_NONE, &fd, 1);
        if (control->plan)
            plan_unmap(control->plan);
        control->plan = plan;
        admin_server_set_rules(control->admin_server, control->plan, control->endpoints);
    } else {
        atomic_fetch_add_explicit(&totals->config_errors, 1, memory_order_relaxed);
        log_error("the rules are not in force: %s", err.text);
    }
    if (fd >= 0)
        close(fd);
}

static bool are_names_settled(const struct control *control)
{
    size_t count = count_hosts(control);
    for (size_t i = 0; i < count; i++) {
        if (!dns_is_settled(control->names[i]))
            return false;
    }
    return true;
}

/* The first plan, once its listeners are bound and its names are known or have had their time. */
static void publish(struct control *control)
{
    if (control->is_published || !control->is_bound)
        return;
    timer_disarm(&control->patience);
    timer_disarm(&control->endpoints_later);
    control->is_published = true;
    send_endpoints(control);
    send_plan(control);
    control_tell(control, IPC_READY, STR_NONE, NULL, 0);
}

static void on_patience_over(struct timer *timer)
{
    publish(CONTAINER_OF(timer, struct control, patience));
}

static void on_endpoints_later(struct timer *timer)
{
    send_endpoints(CONTAINER_OF(timer, struct control, endpoints_later));
}

static void on_names_changed(void *user)
{
    struct control *control = user;
    if (control->is_published) {
        if (!timer_is_armed(&control->endpoints_later))
            timer_arm(control->loop, &control->endpoints_later, ENDPOINTS_MS);
    } else if (control->is_bound && are_names_settled(control)) {
        publish(control);
    }
}

void publish_bound(struct control *control, const struct ipc_message *message)
{
    size_t count = control->rules.socket_count;
    if (message->len != count * sizeof(struct ipc_bound))
        return;
    for (size_t i = 0; i < count; i++) {
        struct ipc_bound bound;
        memcpy(&bound, message->payload + i * sizeof(bound), sizeof(bound));
        if (bound.error != 0)
            return; /* the supervisor has said why, and ends a run that can't begin */
        control->sockets[i] = bound.address;
    }
    control->is_bound = true;
    if (are_names_settled(control))
        publish(control);
    else
        timer_arm(control->loop, &control->patience, NAMES_MS);
}

static void ask_for_listeners(struct control *control)
{
    size_t count = control->rules.socket_count;
    struct address *addresses = mem_alloc(count * sizeof(*addresses));
    for (size_t i = 0; i < count; i++)
        addresses[i] = control->sockets[i];
    control_tell(control, IPC_BIND, (struct str){(const char *)addresses, count * sizeof(*addresses)}, NULL, 0);
    mem_free(addresses);
}

static void ask_for_names(struct control *control)
{
    struct dns_name **name = arena_alloc(&control->arena, count_hosts(control) * sizeof(*name));
    control->names = name;
    for (size_t i = 0; i < control->rules.backend_count; i++) {
        const struct rule_backend *backend = &control->rules.backends[i];
        size_t known_count = 0;
        /* Those of several hosts can't be told apart any more. */
        const struct address *known = control->endpoints && backend->host_count == 1
                                          ? endpoints_find(control->endpoints, backend->label, &known_count)
                                          : NULL;
        for (size_t k = 0; k < backend->host_count; k++)
            *name++ = dns_add(control->dns, backend->hosts[k].host, backend->hosts[k].port, known, known_count);
    }
}

bool publish_start(struct control *control, struct err *err)
{
    timer_init(&control->patience, on_patience_over);
    timer_init(&control->endpoints_later, on_endpoints_later);
    arena_init(&control->arena, NULL, 0);
    struct dns_options options = {.on_change = on_names_changed, .user = control};
    control->dns = dns_new(control->loop, &options, err);
    if (!control->dns)
        return false;
    control->rules = quickstart_rules(&control->settings, 0, &control->arena);
    size_t count = control->rules.socket_count;
    control->sockets = arena_alloc(&control->arena, count * sizeof(*control->sockets));
    memcpy(control->sockets, control->rules.sockets, count * sizeof(*control->sockets));
    control->rules.sockets = control->sockets;
    ask_for_names(control);
    ask_for_listeners(control);
    return true;
}

void publish_stop(struct control *control)
{
    if (control->dns) {
        dns_free(control->dns);
        arena_deinit(&control->arena);
    }
    if (control->plan)
        plan_unmap(control->plan);
    if (control->endpoints)
        endpoints_unmap(control->endpoints);
}
