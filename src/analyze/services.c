/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/services.h"

#include "base/mem.h"

#include <xxhash.h>

#define SERVICE_TABLE (2 * SERVICES_MOST)
/* A service that has been idle for so long, 10 minutes, is forgotten. */
#define FORGET_SLOTS 60
/* Requests of a slot that say something about the past. */
#define PAST_REQUESTS 30
#define PAST_WEIGHT (1.0 / 30)

void services_init(struct services *services, uint64_t now_ns)
{
    *services = (struct services){.begin_ns = now_ns, .now_ns = now_ns};
    services->buckets = mem_alloc(SERVICE_TABLE * sizeof(struct service *));
    list_init(&services->by_use);
}

static void service_free(struct services *services, struct service *service)
{
    struct service **at = &services->buckets[service->hash % SERVICE_TABLE];
    while (*at != service)
        at = &(*at)->next;
    *at = service->next;
    list_remove(&service->by_use);
    for (size_t i = 0; i <= SERVICE_SLOTS; i++)
        mem_free(service->slots[i].buckets);
    mem_free((char *)service->route.ptr);
    mem_free((char *)service->backend.ptr);
    mem_free((char *)service->endpoint.ptr);
    mem_free((char *)service->mirror.ptr);
    mem_free(service);
    services->count--;
}

void services_deinit(struct services *services)
{
    while (!list_is_empty(&services->by_use))
        service_free(services, CONTAINER_OF(services->by_use.next, struct service, by_use));
    mem_free(services->buckets);
}

static uint64_t hash_of(const struct service_leg *leg)
{
    uint64_t hash = XXH3_64bits_withSeed(leg->route.ptr, leg->route.len, leg->role);
    hash = XXH3_64bits_withSeed(leg->backend.ptr, leg->backend.len, hash);
    hash = XXH3_64bits_withSeed(leg->mirror.ptr, leg->mirror.len, hash);
    return XXH3_64bits_withSeed(leg->endpoint.ptr, leg->endpoint.len, hash);
}

static struct service *find(const struct services *services, const struct service_leg *leg, uint64_t hash)
{
    for (struct service *each = services->buckets[hash % SERVICE_TABLE]; each; each = each->next) {
        if (each->hash == hash && each->role == leg->role && str_eq(each->endpoint, leg->endpoint) &&
            str_eq(each->route, leg->route) && str_eq(each->backend, leg->backend) && str_eq(each->mirror, leg->mirror))
            return each;
    }
    return NULL;
}

static uint64_t slot_number(uint64_t now_ns)
{
    return now_ns / SERVICE_SLOT_NS + 1;
}

static uint64_t newest_slot(const struct service *service)
{
    uint64_t newest = 0;
    for (size_t i = 0; i <= SERVICE_SLOTS; i++)
        newest = service->slots[i].number > newest ? service->slots[i].number : newest;
    return newest;
}

static struct str own(struct str text)
{
    return (struct str){mem_dup(text.ptr ? text.ptr : "", text.len), text.len};
}

static struct service *add(struct services *services, const struct service_leg *leg, uint64_t hash)
{
    if (services->count >= SERVICES_MOST) {
        struct service *oldest = CONTAINER_OF(services->by_use.next, struct service, by_use);
        if (newest_slot(oldest) + SERVICE_SLOTS >= slot_number(services->now_ns)) {
            services->refused++;
            return NULL;
        }
        service_free(services, oldest);
    }
    struct service *service = mem_alloc(sizeof(struct service));
    service->route = own(leg->route);
    service->backend = own(leg->backend);
    service->endpoint = own(leg->endpoint);
    service->mirror = own(leg->mirror);
    service->role = leg->role;
    service->hash = hash;
    service->next = services->buckets[hash % SERVICE_TABLE];
    services->buckets[hash % SERVICE_TABLE] = service;
    list_init(&service->by_use);
    services->count++;
    return service;
}

static unsigned bucket_of(uint64_t duration_ns)
{
    uint64_t us = duration_ns / 1000;
    if (us < 1)
        us = 1;
    unsigned doubling = 63 - (unsigned)__builtin_clzll(us);
    if (doubling >= 26)
        return SERVICE_BUCKETS - 1;
    uint64_t rest = us - (1ull << doubling);
    return doubling * SERVICE_STEPS + (unsigned)(rest * SERVICE_STEPS >> doubling);
}

/* The middle of a bucket. */
static double bucket_ms(unsigned bucket)
{
    double doubling = (double)(1ull << (bucket / SERVICE_STEPS));
    return doubling * (1 + (bucket % SERVICE_STEPS + 0.5) / SERVICE_STEPS) / 1000;
}

static double quantile_ms(const uint64_t *counts, uint64_t total, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)total), below = 0;
    if (wanted >= total && total > 0)
        wanted = total - 1;
    for (unsigned i = 0; i < SERVICE_BUCKETS; i++) {
        below += counts[i];
        if (below > wanted)
            return bucket_ms(i);
    }
    return 0;
}

static void sum_up(const struct service_slot *slots, size_t count, uint64_t from, uint64_t to,
                   struct service_figures *figures)
{
    uint64_t counts[SERVICE_BUCKETS] = {0}, sum_ns = 0;
    for (size_t i = 0; i < count; i++) {
        const struct service_slot *slot = &slots[i];
        if (!slot->buckets || slot->number < from || slot->number > to)
            continue;
        figures->count += slot->count;
        figures->errors += slot->errors;
        sum_ns += slot->sum_ns;
        for (unsigned b = 0; b < SERVICE_BUCKETS; b++)
            counts[b] += slot->buckets[b];
    }
    if (figures->count == 0 || figures->seconds <= 0)
        return;
    figures->rate = (double)figures->count / figures->seconds;
    figures->error_share = (double)figures->errors / (double)figures->count;
    figures->mean_ms = (double)sum_ns / (double)figures->count / 1e6;
    figures->in_flight = (double)sum_ns / 1e9 / figures->seconds;
    figures->p50_ms = quantile_ms(counts, figures->count, 0.50);
    figures->p95_ms = quantile_ms(counts, figures->count, 0.95);
    figures->p99_ms = quantile_ms(counts, figures->count, 0.99);
}

void service_look(const struct services *services, const struct service *service, unsigned slots,
                  struct service_figures *figures)
{
    uint64_t now = slot_number(services->now_ns), from = now >= slots ? now - slots + 1 : 1;
    uint64_t begin_ns = (from - 1) * SERVICE_SLOT_NS;
    if (begin_ns < services->begin_ns)
        begin_ns = services->begin_ns;
    *figures = (struct service_figures){.seconds = (double)(services->now_ns - begin_ns) / 1e9};
    if (figures->seconds < 1)
        figures->seconds = 1;
    sum_up(service->slots, SERVICE_SLOTS + 1, from, now, figures);
}

static void move(double *past, double now, unsigned slots)
{
    double weight = slots < 30 ? 1.0 / (slots + 1) : PAST_WEIGHT;
    *past += (now - *past) * weight;
}

/* The slot leaves the window. */
static void remember(struct service *service, const struct service_slot *slot)
{
    struct service_past *past = &service->past;
    struct service_figures figures = {.seconds = SERVICE_SLOT_NS / 1e9};
    if (slot->count < PAST_REQUESTS)
        return;
    sum_up(slot, 1, slot->number, slot->number, &figures);
    move(&past->p50_ms, figures.p50_ms, past->slots);
    move(&past->p95_ms, figures.p95_ms, past->slots);
    move(&past->errors, figures.error_share, past->slots);
    move(&past->rate, figures.rate, past->slots);
    if (past->slots == 0 || figures.mean_ms < past->least_ms)
        past->least_ms = figures.mean_ms;
    if (figures.mean_ms <= 1.5 * past->least_ms && figures.rate > past->best_rate)
        past->best_rate = figures.rate;
    past->slots++;
}

static struct service_slot *slot_of(struct service *service, uint64_t number)
{
    struct service_slot *slot = &service->slots[number % (SERVICE_SLOTS + 1)];
    if (slot->number == number)
        return slot;
    if (slot->buckets)
        remember(service, slot);
    uint32_t *buckets = slot->buckets ? slot->buckets : mem_alloc_raw(SERVICE_BUCKETS * sizeof(uint32_t));
    memset(buckets, 0, SERVICE_BUCKETS * sizeof(uint32_t));
    *slot = (struct service_slot){.number = number, .buckets = buckets};
    return slot;
}

void services_add(struct services *services, const struct service_leg *leg)
{
    uint64_t hash = hash_of(leg);
    struct service *service = find(services, leg, hash);
    if (!service)
        service = add(services, leg, hash);
    if (!service)
        return;
    list_remove(&service->by_use);
    list_add(&services->by_use, &service->by_use);
    struct service_slot *slot = slot_of(service, slot_number(services->now_ns));
    slot->count++;
    slot->errors += leg->is_error;
    slot->sum_ns += leg->duration_ns;
    slot->buckets[bucket_of(leg->duration_ns)]++;
}

void services_tick(struct services *services, uint64_t now_ns)
{
    if (now_ns > services->now_ns)
        services->now_ns = now_ns;
    if (services->begin_ns == 0)
        services->begin_ns = now_ns;
    while (!list_is_empty(&services->by_use)) {
        struct service *oldest = CONTAINER_OF(services->by_use.next, struct service, by_use);
        if (newest_slot(oldest) + FORGET_SLOTS >= slot_number(services->now_ns))
            return;
        service_free(services, oldest);
    }
}

static const char *const role_names[LEG_COUNT] = {"live", "shadow", "control"};

void service_json(const struct services *services, const struct service *service, struct strbuf *out)
{
    struct service_figures figures;
    service_look(services, service, SERVICE_SLOTS, &figures);
    strbuf_add(out, STR("{\"route\":"));
    strbuf_add_json(out, service->route);
    strbuf_add(out, STR(",\"backend\":"));
    strbuf_add_json(out, service->backend);
    strbuf_printf(out, ",\"role\":\"%s\",\"endpoint\":", role_names[service->role]);
    strbuf_add_json(out, service->endpoint);
    strbuf_printf(out, ",\"rate\":%.3f,\"errors\":%.6f", figures.rate, figures.error_share);
    if (figures.count > 0)
        strbuf_printf(out, ",\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f", figures.p50_ms, figures.p95_ms,
                      figures.p99_ms);
    else
        strbuf_add(out, STR(",\"p50_ms\":null,\"p95_ms\":null,\"p99_ms\":null"));
    strbuf_printf(out, ",\"in_flight\":%.3f}", figures.in_flight);
}
