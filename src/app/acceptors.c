/* SPDX-License-Identifier: Apache-2.0 */
#include "app/acceptors.h"

#include "app/arrivals.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/rules_tls.h"
#include "io/listener.h"
#include "io/timer.h"
#include "tls/session.h"

#include <unistd.h>

/* A connection of a socket that was let go may wait this long for a request that is on its way. */
#define IDLE_GRACE_MS 1000
/* Lines about what peers do wrong. */
#define LOG_INTERVAL_NS 1000000000ull

struct acceptor {
    struct acceptors *owner;
    struct list node;
    struct listener listener;
    struct arrivals arrivals;    /* connections whose PROXY header has not come */
    struct server server;        /* the connections that came through it */
    struct proxy_listener proxy; /* what they point at */
    struct address address;
    int fd; /* of the set that it was started from */
    bool is_started;
    bool is_tls;
    bool takes_proxy_header;
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
    server_set_tls(&acceptor->server, NULL);
    mem_free(acceptor);
}

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    const struct acceptor *acceptor = CONTAINER_OF(server, struct acceptor, server);
    counter_add(&registry_totals(acceptor->owner->proxy->registry)->refused[why], 1);
}

static bool is_empty(const struct acceptor *acceptor)
{
    return acceptor->server.count == 0 && list_is_empty(&acceptor->arrivals.list);
}

static void count_closed(struct acceptors *acceptors)
{
    gauge_add(&acceptors->gauges->connections_client, -1);
    acceptors->connections--;
    acceptors->on_close(acceptors);
}

static void on_connection_closed(struct server *server)
{
    struct acceptor *acceptor = CONTAINER_OF(server, struct acceptor, server);
    struct acceptors *acceptors = acceptor->owner;
    if (acceptor->is_leaving && !acceptor->is_started && is_empty(acceptor)) {
        timer_disarm(&acceptor->leaving);
        acceptor_free(acceptor);
    }
    count_closed(acceptors);
}

static void log_bad_arrival(struct acceptor *acceptor, const struct peer *peer)
{
    struct acceptors *acceptors = acceptor->owner;
    char from[ADDRESS_TEXT], to[ADDRESS_TEXT];
    uint64_t held_back;
    if (!log_limit_pass(&acceptors->bad_arrivals, loop_now_ns(loop_of(acceptors)), LOG_INTERVAL_NS, &held_back))
        return;
    address_format(&peer->remote, from);
    address_format(&acceptor->address, to);
    log_warn("a connection of %s to %s began without a PROXY header and was closed (%llu more since the last line): "
             "its Gateway says that a balancer puts one in front of each (umbra.dev/proxy-protocol)",
             from, to, (unsigned long long)held_back);
}

/* Never plain in place of TLS. */
static void refuse_tls(struct acceptor *acceptor, int fd, const struct peer *peer)
{
    struct acceptors *acceptors = acceptor->owner;
    char to[ADDRESS_TEXT];
    uint64_t held_back;
    on_refused(&acceptor->server, REFUSAL_TLS, peer);
    close(fd);
    if (log_limit_pass(&acceptors->tls_missing, loop_now_ns(loop_of(acceptors)), LOG_INTERVAL_NS, &held_back)) {
        address_format(&acceptor->address, to);
        log_warn("connections to %s are closed (%llu more since the last line): none of its listeners has a "
                 "certificate that can be used",
                 to, (unsigned long long)held_back);
    }
    count_closed(acceptors);
}

/* Who comes is known. */
static void serve_peer(struct acceptor *acceptor, int fd, const struct peer *peer)
{
    if (acceptor->is_tls && !acceptor->server.tls)
        refuse_tls(acceptor, fd, peer);
    else
        server_accept(&acceptor->server, fd, peer);
}

static enum handshake find_handshake(const struct tls_facts *facts)
{
    if (facts->failure)
        return HANDSHAKE_FAILED;
    if (facts->version == TLS_VERSION_1_2)
        return facts->is_resumed ? HANDSHAKE_1_2_RESUMED : HANDSHAKE_1_2;
    return facts->is_resumed ? HANDSHAKE_1_3_RESUMED : HANDSHAKE_1_3;
}

static void on_tls(struct server *server, const struct peer *peer, const struct tls_facts *facts)
{
    struct acceptor *acceptor = CONTAINER_OF(server, struct acceptor, server);
    struct acceptors *acceptors = acceptor->owner;
    char from[ADDRESS_TEXT], to[ADDRESS_TEXT];
    uint64_t held_back;
    counter_add(&registry_totals(acceptors->proxy->registry)->handshakes[find_handshake(facts)], 1);
    if (!facts->failure)
        return;
    on_refused(server, REFUSAL_TLS, peer);
    if (!log_limit_pass(&acceptors->tls_failures, loop_now_ns(loop_of(acceptors)), LOG_INTERVAL_NS, &held_back))
        return;
    address_format(&peer->remote, from);
    address_format(&acceptor->address, to);
    log_info("TLS with %s at %s failed (%llu more since the last line): %s", from, to, (unsigned long long)held_back,
             facts->failure);
}

static void on_arrival_over(struct arrivals *arrivals, int fd, enum intake_end end, const struct peer *peer)
{
    struct acceptor *acceptor = CONTAINER_OF(arrivals, struct acceptor, arrivals);
    if (end == INTAKE_WHOLE) {
        serve_peer(acceptor, fd, peer);
        return;
    }
    if (end == INTAKE_BAD) {
        on_refused(&acceptor->server, REFUSAL_PROXY_HEADER, peer);
        log_bad_arrival(acceptor, peer);
    } else if (end == INTAKE_TIMEOUT) {
        on_refused(&acceptor->server, REFUSAL_TIMEOUT, peer);
    }
    close(fd);
    count_closed(acceptor->owner); /* one that leaves looks by itself whether it is empty */
}

/* One that waits for its request. */
static bool close_one(struct acceptor *acceptor)
{
    return arrivals_make_room(&acceptor->arrivals) || server_make_room(&acceptor->server);
}

/* Of the same listener first. */
static bool make_room(struct acceptors *acceptors, struct acceptor *acceptor)
{
    bool is_made = close_one(acceptor);
    for (struct list *node = acceptors->list.next; node != &acceptors->list && !is_made; node = node->next)
        is_made = of(node) != acceptor && close_one(of(node));
    return is_made;
}

static void serve(struct acceptor *acceptor, int fd, const struct peer *peer)
{
    struct peer here = *peer;
    here.listener = &acceptor->proxy;
    acceptor->owner->connections++;
    if (acceptor->takes_proxy_header)
        arrivals_add(&acceptor->arrivals, fd, &here);
    else
        serve_peer(acceptor, fd, &here);
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

static void close_idle(struct acceptor *acceptor)
{
    arrivals_give_up(&acceptor->arrivals);
    server_close_idle(&acceptor->server);
}

/* First the end of the fence, then again and again. */
static void on_leaving(struct timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, leaving);
    if (acceptor->is_started)
        listen_last(acceptor);
    else
        close_idle(acceptor);
    if (is_empty(acceptor))
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
    acceptor->server.on_tls = on_tls;
    acceptor->arrivals.on_over = on_arrival_over;
    arrivals_init(&acceptor->arrivals, loop_of(acceptors), acceptors->arrivals);
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

/* What has come before goes on as it began. */
static void go_on(struct acceptor *acceptor, const struct rules *rules, uint32_t index)
{
    acceptor->proxy.index = index;
    acceptor->takes_proxy_header = PLAN_SOCKET(rules->plan, index)->takes_proxy_header;
    acceptor->is_tls = PLAN_SOCKET(rules->plan, index)->is_tls;
    server_set_tls(&acceptor->server, rules_tls_server(rules->tls, acceptor->owner->worker, index));
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
            go_on(acceptor, rules, index);
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
        close_idle(of(node));
}

void acceptors_close_all(struct acceptors *acceptors)
{
    for (struct list *node = acceptors->list.next; node != &acceptors->list; node = node->next) {
        arrivals_give_up(&of(node)->arrivals);
        server_close_all(&of(node)->server);
    }
}

void acceptors_init(struct acceptors *acceptors, struct proxy *proxy, struct registry_gateway *gauges)
{
    *acceptors = (struct acceptors){.proxy = proxy, .gauges = gauges};
    acceptors->arrivals = slab_new("arrivals", arrival_size);
    list_init(&acceptors->list);
}

void acceptors_deinit(struct acceptors *acceptors)
{
    while (!list_is_empty(&acceptors->list))
        acceptor_free(of(acceptors->list.next));
    if (slab_in_use(acceptors->arrivals) == 0)
        slab_free(acceptors->arrivals);
    gateway_listeners_unref(acceptors->sockets);
}
