/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as a play sees it. */
#include "sim.h"

#include "sim_rules.h"

static uint64_t sum(counter *counters, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += counter_get(&counters[i]);
    return total;
}

static uint64_t sum_gauges(_Atomic int64_t *gauges)
{
    int64_t total = 0;
    for (size_t i = 0; i < REGISTRY_GATEWAYS; i++)
        total += atomic_load(&gauges[i]);
    return (uint64_t)total;
}

static void check_mirror(struct registry_mirror *entry, struct str label)
{
    uint64_t matched = counter_get(&entry->matched), sent = counter_get(&entry->sent);
    uint64_t queued = sum_gauges(entry->queued), in_flight = sum_gauges(entry->in_flight);
    uint64_t decided = counter_get(&entry->sampled_out) + sum(entry->filtered, FILTERED_COUNT) +
                       sum(entry->dropped, DROPPED_COUNT) + sent + queued;
    uint64_t ended = sum(entry->completed, REGISTRY_CODES) + sum(entry->failed, FAILED_COUNT);
    if (matched != decided)
        sim_fail("%.*s: matched %llu, but sampled_out + filtered + dropped + sent + queued is %llu", STR_ARG(label),
                 (unsigned long long)matched, (unsigned long long)decided);
    if (sent != ended + in_flight)
        sim_fail("%.*s: sent %llu, but completed + failed + in_flight is %llu", STR_ARG(label),
                 (unsigned long long)sent, (unsigned long long)(ended + in_flight));
    if ((uint64_t)atomic_load(&entry->occupied) != queued + in_flight)
        sim_fail("%.*s: occupied %lld, but queued + in_flight is %llu", STR_ARG(label),
                 (long long)atomic_load(&entry->occupied), (unsigned long long)(queued + in_flight));
}

void sim_check_equations(struct sim *sim)
{
    struct registry_mirror *entry;
    struct str route, label;
    for (size_t i = 0; registry_mirror_at(sim->registry, i, &route, &label, &entry); i++)
        check_mirror(entry, label);
}

struct registry_mirror *sim_mirror(struct sim *sim, unsigned mirror)
{
    char text[32];
    return registry_mirror(sim->registry, STR(SIM_ROUTE), sim_mirror_label(text, mirror));
}

static void expect(const char *what, const char *label, uint64_t got, uint64_t want)
{
    if (got != want)
        sim_fail("%s%s%s is %llu, not %llu", what, *label ? " " : "", label, (unsigned long long)got,
                 (unsigned long long)want);
}

void(sim_expects_matched)(struct sim *sim, unsigned mirror, uint64_t count)
{
    expect("matched", "", counter_get(&sim_mirror(sim, mirror)->matched), count);
}

void(sim_expects_sent)(struct sim *sim, unsigned mirror, uint64_t count)
{
    expect("sent", "", counter_get(&sim_mirror(sim, mirror)->sent), count);
}

void(sim_expects_completed)(struct sim *sim, unsigned mirror, uint64_t count)
{
    expect("completed", "", sum(sim_mirror(sim, mirror)->completed, REGISTRY_CODES), count);
}

void(sim_expects_filtered)(struct sim *sim, unsigned mirror, enum filtered reason, uint64_t count)
{
    expect("filtered", filtered_name(reason), counter_get(&sim_mirror(sim, mirror)->filtered[reason]), count);
}

void(sim_expects_dropped)(struct sim *sim, unsigned mirror, enum dropped reason, uint64_t count)
{
    expect("dropped", dropped_name(reason), counter_get(&sim_mirror(sim, mirror)->dropped[reason]), count);
}

void(sim_expects_failed)(struct sim *sim, unsigned mirror, enum failed reason, uint64_t count)
{
    expect("failed", failed_name(reason), counter_get(&sim_mirror(sim, mirror)->failed[reason]), count);
}

void(sim_expects_under_way)(struct sim *sim, unsigned mirror, uint64_t count)
{
    struct registry_mirror *entry = sim_mirror(sim, mirror);
    expect("queued and in flight", "", sum_gauges(entry->queued) + sum_gauges(entry->in_flight), count);
}

void(sim_expects_status)(struct sim *sim, unsigned status, uint64_t count)
{
    struct registry_route *entry;
    struct str route, backend;
    uint64_t total = 0;
    for (size_t i = 0; registry_route_at(sim->registry, i, &route, &backend, &entry); i++)
        total += counter_get(&entry->code[registry_code_index(status)]);
    expect("requests with this status", "", total, count);
}

void(sim_expects_refused)(struct sim *sim, enum refusal why, uint64_t count)
{
    expect("refused", refusal_name(why), counter_get(&registry_totals(sim->registry)->refused[why]), count);
}

int64_t sim_budget_used(struct sim *sim)
{
    return atomic_load(&registry_gateway_get(sim->registry, 0)->budget_used);
}
