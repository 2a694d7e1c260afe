/* SPDX-License-Identifier: Apache-2.0 */
#include "app/gateway_worker.h"

#include "app/acceptors.h"
#include "app/privileges.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/worker.h"
#include "mirror/mirror.h"
#include "proxy/proxy.h"

/* Of the gateway, beyond its limit of connections, while they are passed from worker to worker. */
#define NEWCOMERS_MAX 16
/* After the last copy, for the analyst to read what there is; then the ring's memory goes back to the system, as other memory of bursts does. */
#define TRIM_MS 500

struct gateway_worker {
    const struct gateway_worker_context *context;
    struct worker *thread;
    struct registry_gateway *gauges;
    struct loop *loop;
    struct codec codec;
    struct acceptors acceptors;
    struct proxy proxy;
    struct mirror mirror;
    struct ring_writer ring; /* without a header: none */
    uint64_t ring_given;     /* records_trim */
    struct timer trim;
    struct task check_drained;
    unsigned char marker_key[MARKER_KEY_BYTES], other_marker_key[MARKER_KEY_BYTES]; /* of the present rules */
    unsigned index;
    bool is_draining, is_drained;
    bool is_over; /* its loop has ended */
};

static void check_drained(struct task *task)
{
    struct gateway_worker *worker = CONTAINER_OF(task, struct gateway_worker, check_drained);
    bool is_empty = !worker->acceptors.connections && !worker->proxy.in_flight && !worker->mirror.in_flight;
    if (worker->is_drained || !worker->acceptors.is_stopped || !is_empty)
        return;
    worker->is_drained = true;
    worker->context->on_drained(worker->context->user);
}

static void look_whether_drained(struct gateway_worker *worker)
{
    if (worker->is_draining)
        loop_soon(worker->loop, &worker->check_drained);
}

static void on_connection_closed(struct acceptors *acceptors)
{
    look_whether_drained(CONTAINER_OF(acceptors, struct gateway_worker, acceptors));
}

static void on_proxy_idle(struct proxy *proxy)
{
    look_whether_drained(CONTAINER_OF(proxy, struct gateway_worker, proxy));
}

static void on_mirror_idle(struct mirror *mirror)
{
    struct gateway_worker *worker = CONTAINER_OF(mirror, struct gateway_worker, mirror);
    look_whether_drained(worker);
    if (worker->ring.header && !worker->is_draining && !timer_is_armed(&worker->trim))
        timer_arm(worker->loop, &worker->trim, TRIM_MS);
}

static void on_trim(struct timer *timer)
{
    struct gateway_worker *worker = CONTAINER_OF(timer, struct gateway_worker, trim);
    bool is_quiet = !worker->mirror.in_flight && !worker->proxy.in_flight;
    if (!is_quiet || !records_trim(&worker->ring, &worker->ring_given))
        timer_arm(worker->loop, timer, TRIM_MS);
}

static void on_records(struct mirror *mirror)
{
    records_wake(CONTAINER_OF(mirror, struct gateway_worker, mirror)->context->records);
}

static bool is_live_quiet(struct mirror *mirror)
{
    return !CONTAINER_OF(mirror, struct gateway_worker, mirror)->proxy.in_flight;
}

/* ---- rules ---- */

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
    acceptors_set(&worker->acceptors, apply->listeners, apply->rules);
    memcpy(worker->marker_key, apply->rules->marker_key, sizeof(worker->marker_key));
    memcpy(worker->other_marker_key, apply->rules->other_marker_key, sizeof(worker->other_marker_key));
    mirror_set_rules(&worker->mirror, apply->rules);
    proxy_set_rules(&worker->proxy, apply->rules);
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

static void run_drain(struct message *message, struct loop *loop, unsigned index)
{
    (void)loop;
    (void)index;
    struct drain_message *drain = CONTAINER_OF(message, struct drain_message, message);
    struct gateway_worker *worker = drain->worker;
    worker->is_draining = true;
    switch (drain->step) {
    case DRAIN_ANSWERS: acceptors_drain(&worker->acceptors); break;
    case DRAIN_LISTENERS: acceptors_stop(&worker->acceptors); break;
    case DRAIN_IDLE: acceptors_close_idle(&worker->acceptors); break;
    case DRAIN_ALL:
        acceptors_close_all(&worker->acceptors);
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

/* ---- newcomers ---- */

/* At the limit of connections, those that could make room may all be another worker's: the kernel wakes whoever it likes. So a newcomer
 * goes round before it is turned away. */
struct newcomer {
    struct message message; /* first */
    struct gateway_worker *worker;
    int fd;
    struct peer peer;
    unsigned hops; /* workers to be asked yet */
};

static void pass_on(struct newcomer *newcomer);

static void run_newcomer(struct message *message, struct loop *loop, unsigned index)
{
    (void)loop;
    (void)index;
    struct newcomer *newcomer = CONTAINER_OF(message, struct newcomer, message);
    struct gateway_worker *worker = newcomer->worker;
    bool is_served = !worker->is_over && acceptors_take(&worker->acceptors, newcomer->fd, &newcomer->peer);
    if (!is_served && !worker->is_over && --newcomer->hops > 0) {
        pass_on(newcomer);
        return;
    }
    if (!is_served)
        acceptors_turn_away(&worker->acceptors, newcomer->fd);
    atomic_fetch_sub_explicit(worker->context->newcomers, 1, memory_order_relaxed);
    mem_free(newcomer);
}

static void pass_on(struct newcomer *newcomer)
{
    const struct gateway_worker_context *context = newcomer->worker->context;
    newcomer->worker = context->workers[(newcomer->worker->index + 1) % context->worker_count];
    worker_post(newcomer->worker->thread, &newcomer->message);
}

static bool on_full(struct acceptors *acceptors, int fd, const struct peer *peer)
{
    struct gateway_worker *worker = CONTAINER_OF(acceptors, struct gateway_worker, acceptors);
    const struct gateway_worker_context *context = worker->context;
    if (context->worker_count < 2)
        return false;
    if (atomic_fetch_add_explicit(context->newcomers, 1, memory_order_relaxed) >= NEWCOMERS_MAX) {
        atomic_fetch_sub_explicit(context->newcomers, 1, memory_order_relaxed);
        return false;
    }
    struct newcomer *newcomer = mem_alloc(sizeof *newcomer);
    *newcomer = (struct newcomer){{.run = run_newcomer}, worker, fd, *peer, context->worker_count - 1};
    pass_on(newcomer);
    return true;
}

/* ---- the thread ---- */

/* Where the worker's records go; NULL: nowhere. */
static struct ring_writer *open_ring(struct gateway_worker *worker)
{
    struct err err;
    const struct records *records = worker->context->records;
    if (records->workers == 0)
        return NULL;
    if (records_writer(records, worker->index, &worker->ring, &err))
        return &worker->ring;
    log_error("nothing that worker %u mirrors is compared: %s", worker->index, err.text);
    return NULL;
}

static void on_start(struct loop *loop, unsigned index, void *arg)
{
    struct gateway_worker *worker = arg;
    const struct gateway_worker_context *context = worker->context;
    worker->loop = loop;
    codec_init(&worker->codec, loop);
    proxy_init(&worker->proxy, &worker->codec, context->registry, context->slot);
    worker->proxy.upstreams.worker = index;
    worker->proxy.marker_key = worker->marker_key;
    worker->proxy.other_marker_key = worker->other_marker_key;
    worker->proxy.is_access_log = context->settings->is_access_log;
    worker->proxy.on_idle = on_proxy_idle;
    acceptors_init(&worker->acceptors, &worker->proxy, worker->gauges);
    worker->acceptors.max_connections = context->settings->max_connections;
    worker->acceptors.on_close = on_connection_closed;
    worker->acceptors.on_full = on_full;
    worker->acceptors.worker = index;
    mirror_init(&worker->mirror, &worker->codec, context->registry,
                &(struct mirror_settings){
                    .gateway_slot = context->slot,
                    .worker = index,
                    .is_shedding = context->settings->is_shedding,
                    .is_safe_methods = context->settings->is_safe_methods,
                    .marker_key = worker->marker_key,
                    .ring = open_ring(worker),
                    .max_connections = context->max_shadow_connections,
                });
    worker->mirror.on_idle = on_mirror_idle;
    timer_init(&worker->trim, on_trim);
    worker->mirror.on_records = on_records;
    worker->mirror.is_live_quiet = is_live_quiet;
    worker->proxy.tap = &worker->mirror.tap;
    task_init(&worker->check_drained, check_drained);
    struct err err;
    if (context->settings->is_sandboxed && !privileges_seal(ROLE_GATEWAY, true, &err))
        log_error("worker %u can still open files: %s", index, err.text);
}

static void on_stop(struct loop *loop, unsigned index, void *arg)
{
    (void)index;
    struct gateway_worker *worker = arg;
    worker->is_over = true;
    timer_disarm(&worker->trim);
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
    worker->index = index;
    worker->gauges = registry_gateway_get(context->registry, context->slot);
    worker->thread = worker_start(&worker_ops, index, worker, err);
    if (!worker->thread) {
        mem_free(worker);
        return NULL;
    }
    return worker;
}

void gateway_worker_stop(struct gateway_worker *worker)
{
    worker_stop(worker->thread);
}

void gateway_worker_join(struct gateway_worker *worker)
{
    worker_join(worker->thread);
    acceptors_deinit(&worker->acceptors);
    mem_free(worker);
}
