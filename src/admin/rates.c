/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/rates.h"

#include "base/mem.h"

#define MIN_INTERVAL_NS 100000000ull

/* The counters of a mirror that rates are made of, in the order of struct rate_mirror. */
enum {
    MATCHED,
    SAMPLED_OUT,
    SENT,
    COMPLETED,
    FAILED,
    BYTES_SENT,
    BYTES_RECEIVED,
    FILTERED,
    DROPPED = FILTERED + FILTERED_COUNT,
    MIRROR_COUNTERS = DROPPED + DROPPED_COUNT
};

struct sample_route {
    uint64_t last, delta;
};

struct sample_mirror {
    uint64_t last[MIRROR_COUNTERS];
    uint64_t delta[MIRROR_COUNTERS];
};

struct sample_gateway {
    int32_t pid;
    uint64_t cpu_ns;
    double cpus; /* negative: not known */
};

struct rates {
    uint64_t sampled_at_ns; /* 0: never */
    double seconds;         /* between the last two samples */
    struct sample_route *routes;
    struct sample_mirror *mirrors;
    size_t route_count, route_capacity, mirror_count, mirror_capacity;
    struct sample_gateway gateways[REGISTRY_GATEWAYS];
};

struct rates *rates_new(void)
{
    struct rates *rates = mem_alloc(sizeof(*rates));
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++)
        rates->gateways[slot].cpus = -1;
    return rates;
}

void rates_free(struct rates *rates)
{
    if (!rates)
        return;
    mem_free(rates->routes);
    mem_free(rates->mirrors);
    mem_free(rates);
}

static void *grow(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    return mem_grow(items, *capacity * item_size);
}

static uint64_t sum(counter *counters, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += counter_get(&counters[i]);
    return total;
}

/* Counters only rise, but the memory is also a gateway's to write. */
static uint64_t rise(uint64_t now, uint64_t last)
{
    return now > last ? now - last : 0;
}

static void sample_routes(struct rates *rates, struct registry *registry)
{
    struct str route, backend;
    struct registry_route *entry;
    for (size_t i = 0; registry_route_at(registry, i, &route, &backend, &entry); i++) {
        /* One request is one duration, and there are fewer buckets than codes. */
        uint64_t requests = sum(entry->duration.bucket, HISTOGRAM_BUCKETS);
        if (i == rates->route_count) {
            rates->routes = grow(rates->routes, i, &rates->route_capacity, sizeof(*rates->routes));
            rates->routes[rates->route_count++] = (struct sample_route){requests, 0};
            continue;
        }
        rates->routes[i].delta = rise(requests, rates->routes[i].last);
        rates->routes[i].last = requests;
    }
}

static void read_mirror(struct registry_mirror *entry, uint64_t *values)
{
    values[MATCHED] = counter_get(&entry->matched);
    values[SAMPLED_OUT] = counter_get(&entry->sampled_out);
    values[SENT] = counter_get(&entry->sent);
    values[COMPLETED] = sum(entry->duration.bucket, HISTOGRAM_BUCKETS);
    values[FAILED] = sum(entry->failed, FAILED_COUNT);
    values[BYTES_SENT] = counter_get(&entry->bytes_sent);
    values[BYTES_RECEIVED] = counter_get(&entry->bytes_received);
    for (size_t i = 0; i < FILTERED_COUNT; i++)
        values[FILTERED + i] = counter_get(&entry->filtered[i]);
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        values[DROPPED + i] = counter_get(&entry->dropped[i]);
}

static void sample_mirrors(struct rates *rates, struct registry *registry)
{
    struct str route, mirror;
    struct registry_mirror *entry;
    for (size_t i = 0; registry_mirror_at(registry, i, &route, &mirror, &entry); i++) {
        if (i == rates->mirror_count) {
            rates->mirrors = grow(rates->mirrors, i, &rates->mirror_capacity, sizeof(*rates->mirrors));
            struct sample_mirror *first = &rates->mirrors[rates->mirror_count++];
            *first = (struct sample_mirror){.last = {0}};
            read_mirror(entry, first->last);
            continue;
        }
        struct sample_mirror *sample = &rates->mirrors[i];
        uint64_t now[MIRROR_COUNTERS];
        read_mirror(entry, now);
        for (size_t n = 0; n < MIRROR_COUNTERS; n++) {
            sample->delta[n] = rise(now[n], sample->last[n]);
            sample->last[n] = now[n];
        }
    }
}

static void sample_gateways(struct rates *rates, struct registry *registry, double seconds)
{
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        struct sample_gateway *sample = &rates->gateways[slot];
        struct registry_gateway *gateway = registry_gateway_get(registry, slot);
        int32_t pid = atomic_load_explicit(&gateway->pid, memory_order_relaxed);
        uint64_t cpu_ns = counter_get(&gateway->cpu_ns);
        bool is_same = pid && pid == sample->pid && seconds > 0 && cpu_ns >= sample->cpu_ns;
        sample->cpus = is_same ? (double)(cpu_ns - sample->cpu_ns) / 1e9 / seconds : -1;
        sample->pid = pid;
        sample->cpu_ns = cpu_ns;
    }
}

void rates_sample(struct rates *rates, struct registry *registry, uint64_t now_ns)
{
    if (rates->sampled_at_ns && now_ns < rates->sampled_at_ns + MIN_INTERVAL_NS)
        return;
    rates->seconds = rates->sampled_at_ns ? (double)(now_ns - rates->sampled_at_ns) / 1e9 : 0;
    rates->sampled_at_ns = now_ns;
    sample_routes(rates, registry);
    sample_mirrors(rates, registry);
    sample_gateways(rates, registry, rates->seconds);
}

struct rate_route rates_route(const struct rates *rates, size_t index)
{
    if (!rates || rates->seconds <= 0 || index >= rates->route_count)
        return (struct rate_route){0};
    return (struct rate_route){(double)rates->routes[index].delta / rates->seconds};
}

struct rate_mirror rates_mirror(const struct rates *rates, size_t index)
{
    struct rate_mirror rate = {0};
    if (!rates || rates->seconds <= 0 || index >= rates->mirror_count)
        return rate;
    const uint64_t *delta = rates->mirrors[index].delta;
    double per_second = 1 / rates->seconds;
    rate.matched = (double)delta[MATCHED] * per_second;
    rate.sampled_out = (double)delta[SAMPLED_OUT] * per_second;
    rate.sent = (double)delta[SENT] * per_second;
    rate.completed = (double)delta[COMPLETED] * per_second;
    rate.failed = (double)delta[FAILED] * per_second;
    rate.bytes_sent = (double)delta[BYTES_SENT] * per_second;
    rate.bytes_received = (double)delta[BYTES_RECEIVED] * per_second;
    for (size_t i = 0; i < FILTERED_COUNT; i++)
        rate.filtered[i] = (double)delta[FILTERED + i] * per_second;
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        rate.dropped[i] = (double)delta[DROPPED + i] * per_second;
    return rate;
}

double rates_gateway_cpu(const struct rates *rates, unsigned slot)
{
    return rates && slot < REGISTRY_GATEWAYS ? rates->gateways[slot].cpus : -1;
}
