/* SPDX-License-Identifier: Apache-2.0 */
#include "app/gateway_worker.h"

#include "base/mem.h"
#include "io/listener.h"
#include "io/worker.h"
#include "mirror/mirror.h"
#include "proxy/proxy.h"

#include <unistd.h>

struct worker_listener {
    struct listener listener;    /* first */
    struct proxy_listener proxy; /* what connections point at; stays until the worker ends */
    struct address address;
    int fd; /* of the set that it was started from */
    struct gateway_worker *worker;
    struct list node;
    bool is_wanted, is_started;
};

struct gateway_worker {
    const struct gateway_worker_context *context;
    struct worker *thread;
    struct registry_gateway *gauges;
    struct loop *loop;
    struct codec codec;
    struct server server;
    struct proxy proxy;
    struct mirror mirror;
    struct gateway_listeners *listeners;
    struct list accepting; /* struct worker_listener */
    struct task check_drained;
    bool is_draining, is_drained, is_listening_over;
};

/* ---- shared listeners ---- */

struct gateway_listeners *gateway_listeners_new(void)
{
    struct gateway_listeners *listeners = mem_alloc(sizeof *listeners);
    atomic_init(&listeners->refs, 1);
    return listeners;
}

struct gateway_listeners *gateway_listeners_ref(struct gateway_listeners *listeners)
{
    atomic_fetch_add_explicit(&listeners->refs, 1, memory_order_relaxed);
    return listeners;
}

void gateway_listeners_unref(struct gateway_listeners *listeners)
{
    if (!listeners || atomic_fetch_sub_explicit(&listeners->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->list[i].fd);
    mem_free(listeners);
}

/* ---- connections ---- */

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    struct gateway_worker *worker = CONTAINER_OF(server, struct gateway_worker, server);
    counter_add(&registry_totals(worker->context->registry)->refused[why], 1);
}

static void check_drained(struct task *task)
{
    struct gateway_worker *worker = CONTAINER_OF(task, struct gateway_worker, check_drained);
    bool is_empty = !worker->server.count && !worker->proxy.in_flight && !worker->mirror.in_flight;
    if (worker->is_drained || !worker->is_listening_over || !is_empty)
        return;
    worker->is_drained = true;
    worker->context->on_drained(worker->context->user);
}

static void look_whether_drained(struct gateway_worker *worker)
{
    if (worker->is_draining)
        loop_soon(worker->loop, &worker->check_drained);
}

static void on_connection_closed(struct server *server)
{
    struct gateway_worker *worker = CONTAINER_OF(server, struct gateway_worker, server);
    gauge_add(&worker->gauges->connections_client, -1);
    look_whether_drained(worker);
}

static void on_proxy_idle(struct proxy *proxy)
{
    look_whether_drained(CONTAINER_OF(proxy, struct gateway_worker, proxy));
}

static void on_mirror_idle(struct mirror *mirror)
{
    look_whether_drained(CONTAINER_OF(mirror, struct gateway_worker, mirror));
}

static void on_accept(struct listener *listener, int fd, const struct address *remote)
{
    struct worker_listener *own = CONTAINER_OF(listener, struct worker_listener, listener);
    struct gateway_worker *worker = own->worker;
    counter_add(&worker->gauges->accepted, 1);
    gauge_add(&worker->gauges->connections_client, 1);
    if (atomic_load_explicit(&worker->gauges->connections_client, memory_order_relaxed) >
        (int64_t)worker->context->settings->max_connections) {
        counter_add(&registry_totals(worker->context->registry)->refused[REFUSAL_CONNECTIONS], 1);
        gauge_add(&worker->gauges->connections_client, -1);
        close(fd);
        return;
    }
    struct peer peer = {.remote = *remote, .local = own->address, .listener = &own->proxy};
    server_accept(&worker->server, fd, &peer);
}

/* ---- rules and listeners ---- */

static uint32_t plan_socket_index(const struct plan *plan, const struct address *address)
{
    for (uint32_t i = 0; i < plan->sockets.count; i++) {
        if (address_eq(&PLAN_SOCKET(plan, i)->address, address))
            return i;
    }
    return PLAN_NONE;
}

static struct worker_listener *find_listener(struct gateway_worker *worker, const struct address *address)
{
    for (struct list *node = worker->accepting.next; node != &worker->accepting; node = node->next) {
        struct worker_listener *own = CONTAINER_OF(node, struct worker_listener, node);
        if (address_eq(&own->address, address))
            return own;
    }
    struct worker_listener *own = mem_alloc(sizeof *own);
    own->worker = worker;
    own->address = *address;
    list_add(&worker->accepting, &own->node);
    return own;
}

static void listener_end(struct worker_listener *own)
{
    if (own->is_started)
        listener_stop(&own->listener);
    own->is_started = false;
}

static void set_listeners(struct gateway_worker *worker, struct gateway_listeners *listeners, const struct plan *plan)
{
    for (struct list *node = worker->accepting.next; node != &worker->accepting; node = node->next)
        CONTAINER_OF(node, struct worker_listener, node)->is_wanted = false;
    for (size_t i = 0; i < listeners->count; i++) {
        struct worker_listener *own = find_listener(worker, &listeners->list[i].address);
        own->is_wanted = plan_socket_index(plan, &own->address) != PLAN_NONE;
        if (own->is_started && own->fd != listeners->list[i].fd)
            listener_end(own); /* the same socket under another descriptor; the old set's is about to be closed */
        if (own->is_wanted && !own->is_started && !worker->is_listening_over) {
            own->fd = listeners->list[i].fd;
            own->is_started = true;
            listener_start(&own->listener, worker->loop, own->fd, on_accept);
        }
    }
    for (struct list *node = worker->accepting.next; node != &worker->accepting; node = node->next) {
        struct worker_listener *own = CONTAINER_OF(node, struct worker_listener, node);
        own->proxy.index = plan_socket_index(plan, &own->address);
        if (!own->is_wanted)
            listener_end(own);
    }
    gateway_listeners_unref(worker->listeners);
    worker->listeners = listeners;
}

struct apply_message {
    struct message message; /* first */
    struct gateway_worker *worker;
    struct rules *rules;
    struct gateway_listeners *listeners;
};

static void run_apply(struct message *message, struct loop *loop, unsigned index)
{
    (void)loop;
    (void)index;
    struct apply_message *apply = CONTAINER_OF(message, struct apply_message, message);
    struct gateway_worker *worker = apply->worker;
    mirror_set_rules(&worker->mirror, apply->rules);
    proxy_set_rules(&worker->proxy, apply->rules);
    set_listeners(worker, apply->listeners, apply->rules->plan);
    mem_free(apply);
    worker->context->on_applied(worker->context->user);
}

void gateway_worker_apply(struct gateway_worker *worker, struct rules *rules, struct gateway_listeners *listeners)
{
    struct apply_message *apply = mem_alloc(sizeof *apply);
    *apply = (struct apply_message){{.run = run_apply}, worker, rules, listeners};
    worker_post(worker->thread, &apply->message);
}

/* ---- drain ---- */

struct drain_message {
    struct message message; /* first */
    struct gateway_worker *worker;
    enum gateway_drain step;
};

static void stop_listeners(struct gateway_worker *worker)
{
    for (struct list *node = worker->accepting.next; node != &worker->accepting; node = node->next) {
        struct worker_listener *own = CONTAINER_OF(node, struct worker_listener, node);
        if (own->is_started)
            listener_sweep(&own->listener);
        listener_end(own);
    }
    worker->is_listening_over = true;
    gateway_listeners_unref(worker->listeners);
    worker->listeners = NULL;
}

static void run_drain(struct message *message, struct loop *loop, unsigned index)
{
    (void)loop;
    (void)index;
    struct drain_message *drain = CONTAINER_OF(message, struct drain_message, message);
    struct gateway_worker *worker = drain->worker;
    worker->is_draining = true;
    switch (drain->step) {
    case DRAIN_ANSWERS: server_drain(&worker->server); break;
    case DRAIN_LISTENERS: stop_listeners(worker); break;
    case DRAIN_IDLE: server_close_idle(&worker->server); break;
    case DRAIN_ALL:
        server_close_all(&worker->server);
        mirror_abort_all(&worker->mirror);
        break;
    }
    look_whether_drained(worker);
    mem_free(drain);
}

void gateway_worker_drain(struct gateway_worker *worker, enum gateway_drain step)
{
    struct drain_message *drain = mem_alloc(sizeof *drain);
    *drain = (struct drain_message){{.run = run_drain}, worker, step};
    worker_post(worker->thread, &drain->message);
}

/* ---- the thread ---- */

static void on_start(struct loop *loop, unsigned index, void *arg)
{
    (void)index;
    struct gateway_worker *worker = arg;
    const struct gateway_worker_context *context = worker->context;
    worker->loop = loop;
    codec_init(&worker->codec, loop);
    server_init(&worker->server, &worker->codec, &proxy_handler, &worker->proxy);
    worker->server.on_refused = on_refused;
    worker->server.on_close = on_connection_closed;
    proxy_init(&worker->proxy, &worker->codec, context->registry, context->slot);
    worker->proxy.marker_key = context->settings->marker_key;
    worker->proxy.is_access_log = context->settings->is_access_log;
    worker->proxy.on_idle = on_proxy_idle;
    mirror_init(&worker->mirror, &worker->codec, context->registry,
                &(struct mirror_settings){
                    .gateway_slot = context->slot,
                    .is_shedding = context->settings->is_shedding,
                    .is_safe_methods = context->settings->is_safe_methods,
                    .marker_key = context->settings->marker_key,
                    .max_connections = context->max_shadow_connections,
                });
    worker->mirror.on_idle = on_mirror_idle;
    worker->proxy.tap = &worker->mirror.tap;
    task_init(&worker->check_drained, check_drained);
}

static void on_stop(struct loop *loop, unsigned index, void *arg)
{
    (void)index;
    struct gateway_worker *worker = arg;
    if (!worker->is_drained)
        return; /* memory of exchanges in flight goes with the process */
    proxy_deinit(&worker->proxy);
    mirror_deinit(&worker->mirror);
    loop_settle(loop);
    codec_deinit(&worker->codec);
    chunk_cache_trim();
}

static const struct worker_ops worker_ops = {"umbra-worker", on_start, on_stop};

struct gateway_worker *gateway_worker_start(const struct gateway_worker_context *context, unsigned index,
                                            struct err *err)
{
    struct gateway_worker *worker = mem_alloc(sizeof *worker);
    worker->context = context;
    worker->gauges = registry_gateway_get(context->registry, context->slot);
    list_init(&worker->accepting);
    worker->thread = worker_start(&worker_ops, index, worker, err);
    if (!worker->thread) {
        mem_free(worker);
        return NULL;
    }
    return worker;
}

void gateway_worker_join(struct gateway_worker *worker)
{
    worker_join(worker->thread);
    struct list *node;
    while ((node = list_take_first(&worker->accepting)))
        mem_free(CONTAINER_OF(node, struct worker_listener, node));
    gateway_listeners_unref(worker->listeners);
    mem_free(worker);
}
