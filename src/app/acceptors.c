/* SPDX-License-Identifier: Apache-2.0 */
#include "app/acceptors.h"

#include "base/mem.h"
#include "io/listener.h"
#include "io/timer.h"

#include <unistd.h>

/* A connection of a socket that was let go may wait this long for a request that is on its way. */
#define IDLE_GRACE_MS 1000

struct acceptor {
    struct acceptors *owner;
    struct list node;
    struct listener listener;
    struct server server;        /* the connections that came through it */
    struct proxy_listener proxy; /* what they point at */
    struct address address;
    int fd; /* of the set that it was started from */
    bool is_started;
    bool is_leaving; /* the plan has it no more; goes with its last connection */
    struct timer close_idle;
};

#define FOR_EACH(acceptors, name) \
    for (struct list *name##_node = (acceptors)->list.next, *next_##name = name##_node->next; \
         name##_node != &(acceptors)->list; name##_node = next_##name, next_##name = name##_node->next)
#define OF(name) CONTAINER_OF(name##_node, struct acceptor, node)

static struct loop *loop_of(const struct acceptors *acceptors)
{
    return acceptors->proxy->codec->loop;
}

static void acceptor_free(struct acceptor *acceptor)
{
    timer_disarm(&acceptor->close_idle);
    list_remove(&acceptor->node);
    rules_unref(acceptor->proxy.rules);
    mem_free(acceptor);
}

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    const struct acceptor *acceptor = CONTAINER_OF(server, struct acceptor, server);
    counter_add(&registry_totals(acceptor->owner->proxy->registry)->refused[why], 1);
}

static void on_connection_closed(struct server *server)
{
    struct acceptor *acceptor = CONTAINER_OF(server, struct acceptor, server);
    struct acceptors *acceptors = acceptor->owner;
    gauge_add(&acceptors->gauges->connections_client, -1);
    acceptors->connections--;
    if (acceptor->is_leaving && server->count == 0)
        acceptor_free(acceptor);
    acceptors->on_close(acceptors);
}

static void on_accept(struct listener *listener, int fd, const struct address *remote)
{
    struct acceptor *acceptor = CONTAINER_OF(listener, struct acceptor, listener);
    struct acceptors *acceptors = acceptor->owner;
    struct registry_gateway *gauges = acceptors->gauges;
    counter_add(&gauges->accepted, 1);
    gauge_add(&gauges->connections_client, 1);
    if (atomic_load_explicit(&gauges->connections_client, memory_order_relaxed) > acceptors->max_connections) {
        counter_add(&registry_totals(acceptors->proxy->registry)->refused[REFUSAL_CONNECTIONS], 1);
        gauge_add(&gauges->connections_client, -1);
        close(fd);
        return;
    }
    struct peer peer = {.remote = *remote, .local = acceptor->address, .listener = &acceptor->proxy};
    acceptors->connections++;
    server_accept(&acceptor->server, fd, &peer);
}

static void on_close_idle(struct timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, close_idle);
    server_close_idle(&acceptor->server);
    timer_arm(loop_of(acceptor->owner), timer, IDLE_GRACE_MS);
}

static struct acceptor *acceptor_new(struct acceptors *acceptors, const struct address *address)
{
    struct acceptor *acceptor = mem_alloc(sizeof(*acceptor));
    acceptor->owner = acceptors;
    acceptor->address = *address;
    server_init(&acceptor->server, acceptors->proxy->codec, &proxy_handler, acceptors->proxy);
    acceptor->server.on_refused = on_refused;
    acceptor->server.on_close = on_connection_closed;
    timer_init(&acceptor->close_idle, on_close_idle);
    if (acceptors->is_draining)
        server_drain(&acceptor->server);
    list_add(&acceptors->list, &acceptor->node);
    return acceptor;
}

static struct acceptor *get_acceptor(struct acceptors *acceptors, const struct address *address)
{
    FOR_EACH(acceptors, at)
    {
        struct acceptor *acceptor = OF(at);
        if (!acceptor->is_leaving && address_eq(&acceptor->address, address))
            return acceptor;
    }
    return acceptor_new(acceptors, address);
}

static void listen_end(struct acceptor *acceptor)
{
    if (acceptor->is_started)
        listener_stop(&acceptor->listener);
    acceptor->is_started = false;
}

/* The same socket may come under another descriptor; the old set's is about to be closed. */
static void listen_on(struct acceptor *acceptor, int fd)
{
    if (acceptor->is_started && acceptor->fd == fd)
        return;
    listen_end(acceptor);
    acceptor->fd = fd;
    acceptor->is_started = true;
    listener_start(&acceptor->listener, loop_of(acceptor->owner), fd, on_accept);
}

/* `rules` were the last that had it. */
static void leave(struct acceptor *acceptor, struct rules *rules)
{
    if (acceptor->is_started)
        listener_sweep(&acceptor->listener);
    listen_end(acceptor);
    acceptor->is_leaving = true;
    acceptor->proxy.rules = rules ? rules_ref(rules) : NULL;
    server_drain(&acceptor->server);
    if (acceptor->server.count == 0)
        acceptor_free(acceptor);
    else
        timer_arm(loop_of(acceptor->owner), &acceptor->close_idle, IDLE_GRACE_MS);
}

static uint32_t socket_index(const struct plan *plan, const struct address *address)
{
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        if (address_eq(&PLAN_SOCKET(plan, i)->address, address))
            return i;
    }
    return PLAN_NONE;
}

void acceptors_set(struct acceptors *acceptors, struct gateway_listeners *sockets, struct rules *rules)
{
    for (size_t i = 0; i < sockets->count && !acceptors->is_stopped; i++) {
        const struct address *address = &sockets->list[i].address;
        if (socket_index(rules->plan, address) != PLAN_NONE)
            listen_on(get_acceptor(acceptors, address), sockets->list[i].fd);
    }
    FOR_EACH(acceptors, at)
    {
        struct acceptor *acceptor = OF(at);
        uint32_t index = socket_index(rules->plan, &acceptor->address);
        bool is_wanted = acceptors->is_stopped || gateway_listeners_has(sockets, &acceptor->address);
        if (acceptor->is_leaving)
            continue;
        if (index != PLAN_NONE && is_wanted)
            acceptor->proxy.index = index;
        else
            leave(acceptor, acceptors->proxy->rules);
    }
    gateway_listeners_unref(acceptors->sockets);
    acceptors->sockets = sockets;
}

void acceptors_drain(struct acceptors *acceptors)
{
    acceptors->is_draining = true;
    FOR_EACH(acceptors, at)
    server_drain(&OF(at)->server);
}

void acceptors_stop(struct acceptors *acceptors)
{
    FOR_EACH(acceptors, at)
    {
        if (OF(at)->is_started)
            listener_sweep(&OF(at)->listener);
        listen_end(OF(at));
    }
    acceptors->is_stopped = true;
    gateway_listeners_unref(acceptors->sockets);
    acceptors->sockets = NULL;
}

void acceptors_close_idle(struct acceptors *acceptors)
{
    FOR_EACH(acceptors, at)
    server_close_idle(&OF(at)->server);
}

void acceptors_close_all(struct acceptors *acceptors)
{
    FOR_EACH(acceptors, at)
    server_close_all(&OF(at)->server);
}

void acceptors_init(struct acceptors *acceptors, struct proxy *proxy, struct registry_gateway *gauges)
{
    *acceptors = (struct acceptors){.proxy = proxy, .gauges = gauges};
    list_init(&acceptors->list);
}

void acceptors_deinit(struct acceptors *acceptors)
{
    FOR_EACH(acceptors, at)
    acceptor_free(OF(at));
    gateway_listeners_unref(acceptors->sockets);
}
