/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway process. Purpose: serve live traffic and send copies. Rights: the sockets it was handed and the connections it makes;
 * it opens no file, binds nothing, resolves nothing, executes nothing after start. Its main thread takes the supervisor's messages
 * and makes rules of plans; workers do the rest. */
#include "app/gateway.h"

#include "app/gateway_worker.h"
#include "app/ipc.h"
#include "app/log_sink.h"
#include "app/privileges.h"
#include "base/assert.h"
#include "base/mem.h"
#include "exchange/rules_tls.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/timer.h"
#include "plan/check.h"
#include "tls/tickets.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CPU_INTERVAL_MS 1000
#define OWN_DESCRIPTORS 64 /* listeners, epoll, shared memory; generous */
/* After the listeners are closed, an idle connection is given this long: a request that is on its way still gets its answer. */
#define IDLE_GRACE_MS 1000

struct gateway {
    struct loop *loop;
    struct watch channel;
    struct watch signals; /* eventfd: workers tell the main thread */
    struct settings settings;
    struct registry *registry;
    struct registry_gateway *gauges;
    struct records records;
    unsigned slot;
    struct ipc_parts parts;
    struct tls_tickets *tickets;
    struct rules *rules;                 /* those in force; NULL: none yet */
    struct gateway_listeners *listeners; /* as received last */
    struct gateway_listeners *served;    /* those of the rules in force; NULL */
    bool is_listeners_complete;          /* a plan came after them */
    struct gateway_worker_context context;
    struct gateway_worker **workers;
    unsigned worker_count;
    _Atomic uint64_t applied, drained; /* workers that reported */
    _Atomic unsigned newcomers;        /* that look for a worker with room */
    uint64_t apply_wanted;             /* reports that make the newest rules served by all */
    uint64_t generation;
    bool is_news; /* the supervisor has not heard of this generation */
    bool is_ready, is_draining;
    struct ipc_drain drain;
    struct timer drain_delay, drain_fence, drain_idle, drain_deadline, cpu;
    struct timer rotation; /* of the keys of TLS tickets */
    struct ipc_message message;
    int exit_code;
};

static void tell(struct gateway *gateway, enum ipc_type type, struct str payload)
{
    if (!ipc_send(gateway->channel.fd, type, payload, NULL, 0))
        log_error("the supervisor does not take messages");
}

/* ---- workers report ---- */

static void wake_main(struct gateway *gateway)
{
    uint64_t one = 1;
    ASSERT(write(gateway->signals.fd, &one, sizeof one) == sizeof one);
}

static void on_applied(void *user)
{
    struct gateway *gateway = user;
    atomic_fetch_add(&gateway->applied, 1);
    wake_main(gateway);
}

static void on_drained(void *user)
{
    struct gateway *gateway = user;
    atomic_fetch_add(&gateway->drained, 1);
    wake_main(gateway);
}

static void on_report(struct watch *watch, uint32_t events)
{
    (void)events;
    struct gateway *gateway = CONTAINER_OF(watch, struct gateway, signals);
    uint64_t count;
    while (read(watch->fd, &count, sizeof count) > 0)
        ;
    if (gateway->apply_wanted && atomic_load(&gateway->applied) >= gateway->apply_wanted) {
        atomic_store(&gateway->gauges->plan_generation, gateway->generation);
        atomic_store(&gateway->gauges->is_ready, !gateway->is_draining);
        if (!gateway->is_ready)
            tell(gateway, IPC_READY, STR_NONE);
        gateway->is_ready = true;
        if (gateway->is_news)
            tell(gateway, IPC_IN_FORCE, (struct str){(const char *)&gateway->generation, sizeof gateway->generation});
        gateway->is_news = false;
    }
    if (gateway->is_draining && atomic_load(&gateway->drained) == gateway->worker_count) {
        tell(gateway, IPC_DRAINED, STR_NONE);
        loop_stop(gateway->loop);
    }
}

/* ---- rules ---- */

static bool start_workers(struct gateway *gateway)
{
    struct err err;
    gateway->context = (struct gateway_worker_context){
        .settings = &gateway->settings,
        .registry = gateway->registry,
        .slot = gateway->slot,
        .max_shadow_connections = gateway->context.max_shadow_connections,
        .records = &gateway->records,
        .newcomers = &gateway->newcomers,
        .on_applied = on_applied,
        .on_drained = on_drained,
        .user = gateway,
    };
    gateway->workers = gateway->context.workers = mem_alloc(gateway->settings.workers *
                                                            sizeof(struct gateway_worker *));
    for (unsigned i = 0; i < gateway->settings.workers; i++) {
        gateway->workers[i] = gateway_worker_start(&gateway->context, i, &err);
        if (!gateway->workers[i]) {
            log_error("%s; the process is allowed too few threads or descriptors", err.text);
            return false;
        }
        gateway->worker_count++;
    }
    gateway->context.worker_count = gateway->worker_count;
    atomic_store(&gateway->gauges->workers, gateway->worker_count);
    if (gateway->settings.is_sandboxed && !privileges_seal(ROLE_GATEWAY, false, &err))
        log_error("the gateway's main thread can still open files: %s", err.text);
    return true;
}

/* Sockets that these rules no longer have: from here on nobody queues for them, and each worker empties them once more. */
static void fence_removed(struct gateway *gateway)
{
    const struct gateway_listeners *served = gateway->served;
    for (size_t i = 0; served && i < served->count; i++) {
        if (!gateway_listeners_has(gateway->listeners, &served->list[i].address))
            listener_fence(served->list[i].fd);
    }
}

/* All workers go on with these. Takes over the reference. */
static void apply(struct gateway *gateway, struct rules *rules)
{
    if (!gateway->is_draining)
        fence_removed(gateway);
    gateway_listeners_unref(gateway->served);
    gateway->served = gateway_listeners_ref(gateway->listeners);
    rules_unref(gateway->rules);
    gateway->rules = rules;
    gateway->generation = rules->plan->generation;
    for (unsigned i = 0; i < gateway->worker_count; i++)
        gateway_worker_apply(gateway->workers[i], rules_ref(rules), gateway_listeners_ref(gateway->listeners));
    gateway->apply_wanted += gateway->worker_count;
}

static const struct endpoints *find_endpoints(const struct gateway *gateway)
{
    struct err err;
    int fd = gateway->parts.fds[IPC_PART_ENDPOINTS];
    const struct endpoints *endpoints = fd < 0 ? NULL : endpoints_map(fd, &err);
    if (fd >= 0 && !endpoints)
        log_error("endpoints are refused: %s", err.text);
    return endpoints;
}

static void set_marker_key(const struct credentials *credentials, struct str label, const unsigned char *otherwise,
                           unsigned char key[MARKER_KEY_BYTES])
{
    struct credential found;
    bool is_given = credentials && credentials_find(credentials, label, CREDENTIAL_MARKER, &found) &&
                    found.chain.len >= MARKER_KEY_BYTES;
    memcpy(key, is_given ? (const void *)found.chain.ptr : otherwise, MARKER_KEY_BYTES);
}

/* Keys are mapped only as long as contexts are made of them. */
static void take_credentials(const struct gateway *gateway, struct rules *rules)
{
    struct err err;
    int fd = gateway->parts.fds[IPC_PART_CREDENTIALS];
    const struct credentials *credentials = fd < 0 ? NULL : credentials_map(fd, &err);
    if (fd >= 0 && !credentials)
        log_error("credentials are refused: %s; nothing is served over TLS", err.text);
    rules->tls = rules_tls_new(rules->plan, credentials, gateway->worker_count, gateway->tickets,
                               gateway->rules ? gateway->rules->tls : NULL);
    set_marker_key(credentials, STR(CREDENTIALS_MARKER), gateway->settings.marker_key, rules->marker_key);
    set_marker_key(credentials, STR(CREDENTIALS_OTHER_MARKER), rules->marker_key, rules->other_marker_key);
    if (credentials)
        credentials_unmap(credentials);
}

static void apply_plan(struct gateway *gateway)
{
    struct err err;
    const struct plan *plan = plan_map(gateway->parts.fds[IPC_PART_PLAN], &err);
    struct rules *rules = plan ? rules_new(plan, find_endpoints(gateway), gateway->registry, gateway->slot, &err)
                               : NULL;
    if (!rules) {
        log_error("a plan is refused: %s; the rules stay as they were", err.text);
        return;
    }
    take_credentials(gateway, rules);
    gateway->is_news = true;
    apply(gateway, rules);
}

/* The plan that is in force stays, with what was made of it. */
static void apply_news(struct gateway *gateway, uint32_t came)
{
    const struct endpoints *endpoints = find_endpoints(gateway);
    if (!endpoints && gateway->parts.fds[IPC_PART_ENDPOINTS] >= 0)
        return; /* the addresses stay as they were */
    struct rules *rules = rules_with_endpoints(gateway->rules, endpoints);
    if (came >> IPC_PART_CREDENTIALS & 1) {
        rules_tls_unref(rules->tls);
        take_credentials(gateway, rules);
    }
    apply(gateway, rules);
}

static void take_parts(struct gateway *gateway, struct ipc_message *message)
{
    uint32_t came = ipc_take_parts(message, &gateway->parts);
    bool is_plan = came >> IPC_PART_PLAN & 1;
    if (is_plan)
        gateway->is_listeners_complete = true;
    if (is_plan && gateway->registry && gateway->listeners)
        apply_plan(gateway);
    else if (came && gateway->rules && gateway->is_listeners_complete)
        apply_news(gateway, came);
}

/* ---- draining ---- */

static void drain_all(struct gateway *gateway, enum gateway_drain step)
{
    for (unsigned i = 0; i < gateway->worker_count; i++)
        gateway_worker_drain(gateway->workers[i], step);
}

/* The workers' references are the last from here on: a socket is closed when all of them have accepted what it had. */
static void let_listeners_go(struct gateway *gateway)
{
    gateway_listeners_unref(gateway->listeners);
    gateway->listeners = gateway_listeners_new();
    gateway_listeners_unref(gateway->served);
    gateway->served = NULL;
}

static void on_drain_delay(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, drain_delay);
    const struct gateway_listeners *listeners = gateway->listeners;
    bool is_takeover = gateway->drain.is_takeover;
    for (size_t i = 0; listeners && !is_takeover && i < listeners->count; i++)
        listener_fence(listeners->list[i].fd);
    timer_arm(gateway->loop, &gateway->drain_fence, is_takeover ? 0 : LISTENER_FENCE_MS);
}

static void on_drain_fence(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, drain_fence);
    let_listeners_go(gateway);
    drain_all(gateway, DRAIN_LISTENERS);
    timer_arm(gateway->loop, &gateway->drain_deadline, gateway->drain.deadline_ms);
    if (!gateway->drain.is_takeover)
        timer_arm(gateway->loop, &gateway->drain_idle, IDLE_GRACE_MS);
}

static void on_drain_idle(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, drain_idle);
    drain_all(gateway, DRAIN_IDLE);
    timer_arm(gateway->loop, timer, IDLE_GRACE_MS);
}

static void on_drain_deadline(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, drain_deadline);
    log_warn("the drain's deadline has passed; what is left is reset");
    drain_all(gateway, DRAIN_ALL);
}

static void begin_drain(struct gateway *gateway, const struct ipc_drain *drain)
{
    if (gateway->is_draining)
        return;
    gateway->is_draining = true;
    gateway->drain = *drain;
    atomic_store(&gateway->gauges->is_draining, 1);
    atomic_store(&gateway->gauges->is_ready, 0);
    if (!gateway->worker_count) {
        tell(gateway, IPC_DRAINED, STR_NONE);
        loop_stop(gateway->loop);
        return;
    }
    drain_all(gateway, DRAIN_ANSWERS);
    timer_arm(gateway->loop, &gateway->drain_delay, drain->is_takeover ? 0 : drain->delay_ms);
}

/* ---- the supervisor's messages ---- */

/* They are part of what mirrors hold: no byte of them can be had twice. */
static void take_records(struct gateway *gateway, struct ipc_message *message)
{
    struct ipc_records payload;
    struct err err;
    if (gateway->records.workers || gateway->worker_count || message->len != sizeof payload)
        return;
    memcpy(&payload, message->payload, sizeof payload);
    if (!records_open(&gateway->records, RECORDS_FOR_GATEWAY, message->fds, message->fd_count, payload.workers,
                      payload.capacity, &err))
        log_error("answers are not compared: %s", err.text);
}

static void take_registry(struct gateway *gateway, const struct ipc_message *message)
{
    struct ipc_registry payload;
    struct err err;
    if (gateway->registry || message->len != sizeof payload || message->fd_count != 1)
        return;
    memcpy(&payload, message->payload, sizeof payload);
    gateway->registry = registry_open(message->fds[0], &err);
    if (!gateway->registry || payload.gateway_slot >= REGISTRY_GATEWAYS) {
        log_error("the registry can't be used: %s", gateway->registry ? "bad slot" : err.text);
        gateway->exit_code = EXIT_FAILURE;
        loop_stop(gateway->loop);
        return;
    }
    gateway->slot = payload.gateway_slot;
    gateway->gauges = registry_gateway_get(gateway->registry, gateway->slot);
    atomic_store(&registry_totals(gateway->registry)->budget_limit, gateway->settings.mirror_budget);
    atomic_store(&registry_totals(gateway->registry)->budget_aside,
                 records_bytes(gateway->records.workers, gateway->records.capacity));
    timer_arm(gateway->loop, &gateway->cpu, CPU_INTERVAL_MS);
    timer_arm(gateway->loop, &gateway->rotation, TLS_TICKET_ROTATION_S * 1000ull);
    if (!start_workers(gateway)) {
        gateway->exit_code = EXIT_FAILURE;
        loop_stop(gateway->loop);
    }
}

/* Sets come before each plan; the first message after a plan begins a new one. */
static void take_listeners(struct gateway *gateway, struct ipc_message *message)
{
    struct gateway_listeners *listeners = gateway->listeners;
    if (!listeners || gateway->is_listeners_complete) {
        gateway_listeners_unref(listeners);
        listeners = gateway->listeners = gateway_listeners_new();
        gateway->is_listeners_complete = false;
    }
    const char *at = message->payload;
    for (size_t i = 0; i < message->fd_count && listeners->count < GATEWAY_MAX_LISTENERS;
         i++, at += sizeof(struct address)) {
        if ((size_t)(at - message->payload) + sizeof(struct address) > message->len)
            return;
        memcpy(&listeners->list[listeners->count].address, at, sizeof(struct address));
        listeners->list[listeners->count++].fd = message->fds[i];
        message->fds[i] = -1;
    }
}

/* Each client may need a connection to live; shadows get what both leave, so that they can't take a descriptor from live. */
static void share_descriptors(struct gateway *gateway)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    uint64_t all = limit.rlim_cur > UINT32_MAX ? UINT32_MAX : limit.rlim_cur;
    if (!gateway->settings.max_connections)
        gateway->settings.max_connections = (uint32_t)(all * 3 / 8);
    uint64_t taken = 2ull * gateway->settings.max_connections + OWN_DESCRIPTORS;
    uint64_t left = all > taken ? all - taken : 0;
    gateway->context.max_shadow_connections = (uint32_t)(left > all / 8 ? left : all / 8);
}

static void take_settings(struct gateway *gateway, const struct ipc_message *message)
{
    if (message->len != sizeof gateway->settings)
        return;
    memcpy(&gateway->settings, message->payload, message->len);
    share_descriptors(gateway);
    log_sink_start("gateway", &gateway->settings);
    struct err err;
    if (gateway->settings.is_sandboxed && !privileges_confine(ROLE_GATEWAY, &err))
        log_error("the gateway has no filter of its own, only the supervisor's: %s", err.text);
}

static void take_message(struct gateway *gateway, struct ipc_message *message)
{
    struct ipc_drain drain;
    switch (message->type) {
    case IPC_SETTINGS: take_settings(gateway, message); break;
    case IPC_RECORDS: take_records(gateway, message); break;
    case IPC_REGISTRY: take_registry(gateway, message); break;
    case IPC_LISTENERS: take_listeners(gateway, message); break;
    case IPC_PLAN: take_parts(gateway, message); break;
    case IPC_DRAIN:
        if (message->len == sizeof drain) {
            memcpy(&drain, message->payload, sizeof drain);
            begin_drain(gateway, &drain);
        }
        break;
    default: break; /* not a gateway's */
    }
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    struct gateway *gateway = CONTAINER_OF(watch, struct gateway, channel);
    switch (ipc_receive(watch->fd, &gateway->message)) {
    case IPC_OK:
        take_message(gateway, &gateway->message);
        ipc_discard(&gateway->message);
        break;
    case IPC_AGAIN: break;
    case IPC_CLOSED:
    case IPC_BROKEN: /* the supervisor is gone, and this process goes with it */
        gateway->exit_code = EXIT_FAILURE;
        loop_stop(gateway->loop);
        break;
    }
}

static void on_cpu(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, cpu);
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    atomic_store(&gateway->gauges->cpu_ns, (uint64_t)used.tv_sec * 1000000000ull + (uint64_t)used.tv_nsec);
    timer_arm(gateway->loop, timer, CPU_INTERVAL_MS);
}

static void on_rotation(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, rotation);
    tls_tickets_rotate(gateway->tickets);
    timer_arm(gateway->loop, timer, TLS_TICKET_ROTATION_S * 1000ull);
}

static void gateway_free(struct gateway *gateway)
{
    gateway_listeners_unref(gateway->listeners);
    gateway_listeners_unref(gateway->served);
    rules_unref(gateway->rules);
    ipc_close_parts(&gateway->parts);
    tls_tickets_free(gateway->tickets);
    if (gateway->registry)
        registry_close(gateway->registry);
    records_close(&gateway->records);
    close(gateway->signals.fd);
    loop_free(gateway->loop);
    mem_free(gateway->workers);
    mem_free(gateway);
}

int gateway_main(void)
{
    struct err err;
    struct gateway *gateway = mem_alloc(sizeof *gateway);
    gateway->parts = IPC_PARTS_NONE;
    gateway->tickets = tls_tickets_new();
    privileges_drop(ROLE_GATEWAY);
    tzset(); /* reads /etc/localtime now, not at the first log line */
    gateway->loop = loop_new(&err);
    gateway->signals = (struct watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .on_ready = on_report};
    if (!gateway->loop || gateway->signals.fd < 0)
        return EXIT_FAILURE;
    gateway->channel = (struct watch){.fd = IPC_FD, .on_ready = on_channel};
    timer_init(&gateway->drain_delay, on_drain_delay);
    timer_init(&gateway->drain_fence, on_drain_fence);
    timer_init(&gateway->drain_idle, on_drain_idle);
    timer_init(&gateway->drain_deadline, on_drain_deadline);
    timer_init(&gateway->cpu, on_cpu);
    timer_init(&gateway->rotation, on_rotation);
    loop_add(gateway->loop, &gateway->signals);
    loop_add_shared(gateway->loop, &gateway->channel);
    loop_run(gateway->loop);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        gateway_worker_stop(gateway->workers[i]);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        gateway_worker_join(gateway->workers[i]);
    int exit_code = gateway->exit_code;
    gateway_free(gateway);
    return exit_code;
}
