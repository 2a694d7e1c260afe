/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include "base/assert.h"
#include "base/mem.h"
#include "plan/check.h"
#include "sim_message.h"
#include "sim_records.h"
#include "sim_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stddef.h>

#include <cmocka.h>

#undef sim_close
#undef sim_rest
#undef sim_advance_ms

/* More turns than any play takes at one moment. */
#define MAX_TURNS 200000
#define DEFAULT_BUFFERS (128 * 1024)
#define DEFAULT_BUDGET (64u * 1024 * 1024)
#define SLOT 0

static const unsigned char marker_key[MARKER_KEY_BYTES] = "an umbra in sim";

/* ---- where the play is ---- */

static const char *here_file = "?";
static int here_line;

void sim_here(const char *file, int line)
{
    here_file = file;
    here_line = line;
}

void (*sim_on_fail)(void);

void sim_fail(const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_error("%s\n", text);
    if (sim_on_fail)
        sim_on_fail();
    _fail(here_file, here_line);
    abort();
}

/* ---- hosts ---- */

static struct host *host_new(struct sim *sim, struct address address, bool is_shadow)
{
    struct host *host = mem_alloc(sizeof *host);
    host->address = address;
    host->is_shadow = is_shadow;
    list_add(&sim->hosts, &host->node);
    return host;
}

static struct host *find_host(struct sim *sim, const struct address *address)
{
    for (struct list *node = sim->hosts.next; node != &sim->hosts; node = node->next) {
        struct host *host = CONTAINER_OF(node, struct host, node);
        if (address_eq(&host->address, address))
            return host;
    }
    return host_new(sim, *address, address->ip[1] != 0);
}

struct host *sim_live_host(struct sim *sim, unsigned endpoint)
{
    struct address address = sim_live_address(endpoint);
    return find_host(sim, &address);
}

struct host *sim_shadow_host(struct sim *sim, unsigned mirror, unsigned endpoint)
{
    struct address address = sim_shadow_address(mirror, endpoint);
    return find_host(sim, &address);
}

void host_answers(struct host *host, const char *answer)
{
    host->answer = answer;
}

static struct actor *actor_new(struct sim *sim, struct wire *wire, struct host *host)
{
    struct actor *actor = mem_alloc(sizeof *actor);
    actor->sim = sim;
    actor->wire = wire;
    actor->host = host;
    wire->peer = actor;
    list_add(&sim->actors, &actor->node);
    return actor;
}

static bool on_connect(void *user, struct wire *wire, int send_buffer)
{
    struct sim *sim = user;
    struct host *host = find_host(sim, &wire->remote);
    host->attempts++;
    if (host->is_unreachable) {
        errno = ENETUNREACH;
        return false;
    }
    wire->outcome_at_ns = host->is_black_hole ? TWIN_NEVER : (twin_now_ms(sim->loop) + host->latency_ms) * NS_PER_MS;
    wire->outcome = host->is_refusing ? ECONNREFUSED : 0;
    wire->capacity = send_buffer ? 2 * (size_t)send_buffer : host->capacity ? host->capacity : DEFAULT_BUFFERS;
    return true;
}

/* ---- actors move ---- */

/* Connections that hosts have taken become actors. */
static bool meet(struct sim *sim)
{
    bool is_met = false;
    for (struct list *node = sim->loop->wires.next; node != &sim->loop->wires; node = node->next) {
        struct wire *wire = CONTAINER_OF(node, struct wire, node);
        if (wire->peer || wire->is_connecting || wire->outcome || wire->is_closed)
            continue;
        actor_new(sim, wire, find_host(sim, &wire->remote));
        is_met = true;
    }
    return is_met;
}

static bool actor_reads(struct actor *actor)
{
    struct str bytes = flow_peek(&actor->wire->written);
    if (actor->is_deaf || !bytes.len || actor->wire->is_reset)
        return false;
    flow_add(&actor->got, bytes.ptr, bytes.len);
    actor->total += bytes.len;
    actor->last_ms = twin_now_ms(actor->sim->loop);
    wire_receive(actor->wire, bytes.len);
    return true;
}

static bool actor_answers(struct actor *actor)
{
    size_t len;
    if (!actor->host || !actor->host->answer || actor->wire->is_reset || actor->wire->is_end_sent ||
        !message_request_len(flow_peek(&actor->got), &len))
        return false;
    flow_take(&actor->got, len);
    actor->host->requests++;
    if (*actor->host->answer)
        wire_send(actor->wire, actor->host->answer, strlen(actor->host->answer));
    else
        wire_reset(actor->wire);
    return true;
}

static bool actors_move(struct sim *sim)
{
    bool is_moving = meet(sim);
    for (struct list *node = sim->actors.next; node != &sim->actors; node = node->next) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        is_moving |= actor_reads(actor);
        is_moving |= actor_answers(actor);
    }
    return is_moving;
}

void sim_rest(struct sim *sim)
{
    uint64_t begin = sim->loop->turns;
    do {
        do {
            while (!twin_is_quiet(sim->loop)) {
                twin_turn(sim->loop);
                if (sim->loop->turns - begin > MAX_TURNS)
                    sim_fail("it does not come to rest");
            }
        } while (actors_move(sim));
        if (sim->on_rest)
            sim->on_rest(sim);
    } while (!twin_is_quiet(sim->loop));
    sim_check_equations(sim);
}

void sim_advance_ms(struct sim *sim, uint64_t ms)
{
    uint64_t until = twin_now_ms(sim->loop) + ms;
    sim_rest(sim);
    for (;;) {
        uint64_t next = twin_next_ms(sim->loop);
        twin_set_ms(sim->loop, next < until ? next : until);
        sim_rest(sim);
        if (next >= until)
            return;
    }
}

uint64_t sim_now_ms(const struct sim *sim)
{
    return twin_now_ms(sim->loop);
}

/* ---- the gateway ---- */

static void on_refused(struct server *server, enum refusal why, const struct peer *peer)
{
    (void)peer;
    struct sim *sim = CONTAINER_OF(server, struct sim, server);
    counter_add(&registry_totals(sim->registry)->refused[why], 1);
}

/* Plays with the same acts are the same down to the ids. */
static void seed(struct random *random, uint64_t value)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = 0x9e3779b97f4a7c15ull * (value + (uint64_t)i + 1);
}

static void on_records(struct mirror *mirror)
{
    CONTAINER_OF(mirror, struct sim, mirror)->records->wakes++;
}

static void start_worker(struct sim *sim)
{
    struct mirror_settings settings = {.gateway_slot = SLOT, .marker_key = marker_key};
    if (sim->records)
        settings.ring = &sim->records->writer;
    codec_init(&sim->codec, sim->loop);
    server_init(&sim->server, &sim->codec, &proxy_handler, &sim->proxy);
    sim->server.on_refused = on_refused;
    proxy_init(&sim->proxy, &sim->codec, sim->registry, SLOT);
    sim->proxy.marker_key = marker_key;
    mirror_init(&sim->mirror, &sim->codec, sim->registry, &settings);
    sim->mirror.on_records = on_records;
    sim->proxy.tap = &sim->mirror.tap;
    seed(&sim->proxy.random, 1);
    seed(&sim->mirror.random, 2);
}

struct sim *sim_open(const struct sim_rules *rules)
{
    struct err err;
    int fd;
    struct sim *sim = mem_alloc(sizeof *sim);
    list_init(&sim->hosts);
    list_init(&sim->actors);
    sim->loop = loop_new(&err);
    sim->loop->on_connect = on_connect;
    sim->loop->user = sim;
    sim->registry = registry_new(&fd, &err);
    if (!sim->registry || registry_gateway_take(sim->registry, 1) != SLOT)
        sim_fail("no registry: %s", err.text);
    close(fd);
    sim_set_budget(sim, DEFAULT_BUDGET);
    sim->records = rules->ring_bytes ? sim_records_new(rules->ring_bytes) : NULL;
    start_worker(sim);
    sim->accept = server_accept;
    sim->peer.listener = &sim->listener;
    sim->peer.local = (struct address){.family = ADDRESS_IPV4, .port = 80, .ip = {192, 0, 2, 80}};
    sim_apply(sim, rules);
    return sim;
}

void sim_apply(struct sim *sim, const struct sim_rules *play)
{
    struct err err;
    int plan_fd, endpoints_fd;
    sim_rules_build(play, &plan_fd, &endpoints_fd);
    const struct plan *plan = plan_map(plan_fd, &err);
    const struct endpoints *endpoints = endpoints_map(endpoints_fd, &err);
    close(plan_fd);
    close(endpoints_fd);
    ASSERT(plan && endpoints);
    struct rules *rules = rules_new(plan, endpoints, sim->registry, SLOT, &err);
    ASSERT(rules);
    mirror_set_rules(&sim->mirror, rules);
    proxy_set_rules(&sim->proxy, rules);
    sim_rest(sim);
}

void sim_set_budget(struct sim *sim, uint64_t bytes)
{
    atomic_store(&registry_totals(sim->registry)->budget_limit, bytes);
}

struct actor *sim_client(struct sim *sim)
{
    struct peer peer = sim->peer;
    peer.remote = (struct address){
        .family = ADDRESS_IPV4, .port = (uint16_t)(40000 + sim->clients++), .ip = {192, 0, 2, 1}};
    struct wire *wire = wire_new(sim->loop, &peer.remote);
    wire->capacity = DEFAULT_BUFFERS;
    struct actor *client = actor_new(sim, wire, NULL);
    sim->accept(&sim->server, wire->fd, &peer);
    sim_rest(sim);
    return client;
}

/* ---- the end ---- */

static void check_zero(int64_t value, const char *what)
{
    if (value)
        sim_fail("at the end: %s is %lld, not 0", what, (long long)value);
}

static void check_mirror_is_idle(struct registry_mirror *entry)
{
    check_zero(atomic_load(&entry->queued[SLOT]), "queued");
    check_zero(atomic_load(&entry->in_flight[SLOT]), "in flight");
    check_zero(atomic_load(&entry->occupied), "occupied");
    check_zero(atomic_load(&entry->connections), "connections of a mirror");
    check_zero(atomic_load(&entry->gateway_connections[SLOT]), "connections of a mirror in this gateway");
    check_zero(atomic_load(&entry->held_bytes), "held bytes of a mirror");
    check_zero(atomic_load(&entry->gateway_held_bytes[SLOT]), "held bytes of a mirror in this gateway");
}

static bool has_timers(const struct wheel *wheel)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        for (int slot = 0; slot < WHEEL_SLOTS; slot++) {
            if (!list_is_empty(&wheel->slots[level][slot]))
                return true;
        }
    }
    return false;
}

static void check_nothing_is_held(struct sim *sim)
{
    struct registry_gateway *gateway = registry_gateway_get(sim->registry, SLOT);
    struct registry_mirror *entry;
    struct str route, label;
    for (size_t i = 0; registry_mirror_at(sim->registry, i, &route, &label, &entry); i++)
        check_mirror_is_idle(entry);
    check_zero(atomic_load(&gateway->budget_used), "the budget");
    check_zero(atomic_load(&gateway->budget_records), "the budget of records");
    check_zero(atomic_load(&gateway->connections_live), "live connections");
    check_zero(atomic_load(&gateway->connections_shadow), "shadow connections");
    check_zero((int64_t)slab_in_use(sim->codec.server_conns), "server connections in their slab");
    check_zero((int64_t)slab_in_use(sim->codec.client_conns), "client connections in their slab");
    if (has_timers(&sim->loop->wheel))
        sim_fail("at the end: a timer is armed");
    for (struct list *node = sim->loop->wires.next; node != &sim->loop->wires; node = node->next) {
        if (CONTAINER_OF(node, struct wire, node)->sock)
            sim_fail("at the end: a socket is open");
    }
}

static void free_play(struct sim *sim)
{
    struct list *node;
    while ((node = list_take_first(&sim->loop->wires)))
        wire_free(CONTAINER_OF(node, struct wire, node));
    while ((node = list_take_first(&sim->actors))) {
        struct actor *actor = CONTAINER_OF(node, struct actor, node);
        flow_deinit(&actor->got);
        mem_free(actor);
    }
    while ((node = list_take_first(&sim->hosts)))
        mem_free(CONTAINER_OF(node, struct host, node));
    loop_free(sim->loop);
    if (sim->records)
        sim_records_free(sim->records);
    mem_free(sim);
}

void sim_close(struct sim *sim)
{
    sim_rest(sim);
    sim->on_rest = NULL;
    server_close_all(&sim->server);
    mirror_abort_all(&sim->mirror);
    sim_rest(sim);
    check_zero((int64_t)sim->server.count, "client connections");
    check_zero((int64_t)sim->proxy.in_flight, "exchanges in flight");
    check_zero((int64_t)sim->mirror.in_flight, "copies under way");
    check_zero((int64_t)slab_in_use(sim->proxy.relays), "relays in their slab");
    check_zero((int64_t)slab_in_use(sim->mirror.copies), "copies in their slab");
    check_zero((int64_t)slab_in_use(sim->mirror.watches), "watches in their slab");
    check_zero((int64_t)slab_in_use(sim->mirror.sink.captures), "captures in their slab");
    proxy_deinit(&sim->proxy);
    mirror_deinit(&sim->mirror);
    sim_rest(sim);
    check_nothing_is_held(sim);
    codec_deinit(&sim->codec);
    registry_close(sim->registry);
    free_play(sim);
    chunk_cache_trim();
}
