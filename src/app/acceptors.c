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
    bool is_leaving;                /* the plan has it no more; goes with its last connection */
    struct gateway_listeners *last; /* of one that leaves: the set that its descriptor is of, while it still accepts */
    struct timer leaving;
};

static struct acceptor *of(struct list *node)
{
    return CONTAINER_OF(node, struct acceptor, node);
}

static struct loop *loop_of(const struct acceptors *acceptors)
{
    return acceptors->proxy->codec->loop;
}

/* Its timer is not armed, or its loop is gone. */
static void acceptor_free(struct acceptor *acceptor)
{
    gateway_listeners_unref(acceptor->last);
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
    if (acceptor->is_leaving && !acceptor->is_started && server->count == 0) {
        timer_disarm(&acceptor->leaving);
        acceptor_free(acceptor);
    }
    acceptors->on_close(acceptors);
}

/* Of the same listener first. */
static bool make_room(struct acceptors *acceptors, struct acceptor *acceptor)
{
    bool is_made = server_make_room(&acceptor->server);
    for (struct list *node = acceptors->list.next; node != &acceptors->list && !is_made; node = node->next)
        is_made = of(node) != acceptor && server_make_room(&of(node)->server);
    return is_made;
}

static void serve(struct acceptor *acceptor, int fd, const struct peer *peer)
{
    struct peer here = *peer;
    here.listener = &acceptor->proxy;
    acceptor->owner->connections++;
    server_accept(&acceptor->server, fd, &here);
}

void acceptors_turn_away(struct acceptors *acceptors, int fd)
{
    gauge_add(&acceptors->gauges->connections_client, -1);
    close(fd);
}

static void on_accept(struct listener *listener, int fd, const struct address *remote)
{
    struct acceptor *acceptor = CONTAINER_OF(listener, struct acceptor, listener);
    struct acceptors *acceptors = acceptor->owner;
    struct registry_gateway *gauges = acceptors->gauges;
    counter_add(&gauges->accepted, 1);
    gauge_add(&gauges->connections_client, 1);
    struct peer peer = {.remote = *remote, .local = acceptor->address};
    if (atomic_load_explicit(&gauges->connections_client, memory_order_relaxed) > acceptors->max_connections) {
        counter_add(&registry_totals(acceptors->proxy->registry)->refused[REFUSAL_CONNECTIONS], 1);
        if (!make_room(acceptors, acceptor)) {
            if (acceptors->is_draining || acceptors->is_stopped || !acceptors->on_full(acceptors, fd, &peer))
                acceptors_turn_away(acceptors, fd);
            return;
        }
    }
    serve(acceptor, fd, &peer);
}

bool acceptors_take(struct acceptors *acceptors, int fd, const struct peer *peer)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list && !acceptors->is_stopped;
         node = node->next) {
        struct acceptor *acceptor = of(node);
        if (acceptor->is_leaving || !address_eq(&acceptor->address, &peer->local))
            continue;
        if (!make_room(acceptors, acceptor))
            return false;
        serve(acceptor, fd, peer);
        return true;
    }
    return false;
}

static void listen_end(struct acceptor *acceptor)
{
    if (acceptor->is_started)
        listener_stop(&acceptor->listener);
    acceptor->is_started = false;
}

/* Takes what is queued, and no more. */
static void listen_last(struct acceptor *acceptor)
{
    if (acceptor->is_started)
        listener_sweep(&acceptor->listener);
    listen_end(acceptor);
    gateway_listeners_unref(acceptor->last);
    acceptor->last = NULL;
}

/* First the end of the fence, then again and again. */
static void on_leaving(struct timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, leaving);
    if (acceptor->is_started)
        listen_last(acceptor);
    else
        server_close_idle(&acceptor->server);
    if (acceptor->server.count == 0)
        acceptor_free(acceptor);
    else
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
    timer_init(&acceptor->leaving, on_leaving);
    if (acceptors->is_draining)
        server_drain(&acceptor->server);
    list_add(&acceptors->list, &acceptor->node);
    return acceptor;
}

static struct acceptor *get_acceptor(struct acceptors *acceptors, const struct address *address)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next) {
        struct acceptor *acceptor = of(node);
        if (!acceptor->is_leaving && address_eq(&acceptor->address, address))
            return acceptor;
    }
    return acceptor_new(acceptors, address);
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

/* `rules` were the last that had it. The socket is fenced: what has begun to connect is still accepted. */
static void leave(struct acceptor *acceptor, struct rules *rules)
{
    struct acceptors *acceptors = acceptor->owner;
    acceptor->is_leaving = true;
    acceptor->last = acceptors->sockets ? gateway_listeners_ref(acceptors->sockets) : NULL;
    acceptor->proxy.rules = rules ? rules_ref(rules) : NULL;
    server_drain(&acceptor->server);
    timer_arm(loop_of(acceptors), &acceptor->leaving, LISTENER_FENCE_MS);
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
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next) {
        struct acceptor *acceptor = of(node);
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
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next)
        server_drain(&of(node)->server);
}

void acceptors_stop(struct acceptors *acceptors)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next)
        listen_last(of(node));
    acceptors->is_stopped = true;
    gateway_listeners_unref(acceptors->sockets);
    acceptors->sockets = NULL;
}

void acceptors_close_idle(struct acceptors *acceptors)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next)
        server_close_idle(&of(node)->server);
}

void acceptors_close_all(struct acceptors *acceptors)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next)
        server_close_all(&of(node)->server);
}

void acceptors_init(struct acceptors *acceptors, struct proxy *proxy, struct registry_gateway *gauges)
{
    *acceptors = (struct acceptors){.proxy = proxy, .gauges = gauges};
    list_init(&acceptors->list);
}

void acceptors_deinit(struct acceptors *acceptors)
{
    while (!list_is_empty(&acceptors->list))
        acceptor_free(of(acceptors->list.next));
    gateway_listeners_unref(acceptors->sockets);
}
