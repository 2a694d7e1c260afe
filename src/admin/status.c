/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/status.h"

#include "base/mem.h"

#define LOAD(atomic) atomic_load_explicit(&(atomic), memory_order_relaxed)

/* Gauges are sums of differences: one worker's part can be seen before another's. */
static uint64_t not_negative(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t sum_counters(counter *counters, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += counter_get(&counters[i]);
    return sum;
}

uint64_t status_records_lost(const struct status_source *source)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < RECORD_DROP_COUNT; i++)
        sum += counter_get(&registry_totals(source->registry)->records_dropped[i]);
    for (size_t i = 0; source->analyst && i < RING_LOSS_COUNT; i++)
        sum += source->analyst->lost[i];
    return sum;
}

struct status_totals status_totals(const struct status_source *source)
{
    struct registry_totals *totals = registry_totals(source->registry);
    struct status_totals out = {
        .is_draining = source->is_draining,
        .is_off = LOAD(totals->is_off),
        .generation = LOAD(totals->config_generation),
        .errors = LOAD(totals->config_errors),
        .budget_limit = counter_get(&totals->budget_limit),
        .uptime_ns = source->now_wall_ns > source->started_wall_ns ? source->now_wall_ns - source->started_wall_ns : 0,
        .cpus = -1,
    };
    int64_t budget = 0;
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        struct registry_gateway *gateway = registry_gateway_get(source->registry, slot);
        if (!LOAD(gateway->pid))
            continue;
        bool is_draining = LOAD(gateway->is_draining);
        out.gateways++;
        out.workers += LOAD(gateway->workers);
        out.is_ready |= LOAD(gateway->is_ready) && !is_draining && !source->is_draining;
        out.is_shedding |= LOAD(gateway->is_shedding) != 0;
        out.client += LOAD(gateway->connections_client);
        out.live += LOAD(gateway->connections_live);
        out.shadow += LOAD(gateway->connections_shadow);
        budget += LOAD(gateway->budget_used);
        double cpus = rates_gateway_cpu(source->rates, slot);
        if (cpus >= 0)
            out.cpus = (out.cpus < 0 ? 0 : out.cpus) + cpus;
    }
    out.is_ready = out.is_ready && !source->config.not_ready;
    out.budget_used = not_negative(budget);
    return out;
}

double status_quantile_ms(struct registry_duration *duration, double quantile)
{
    uint64_t counts[HISTOGRAM_BUCKETS], total = 0, below = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += counts[i] = counter_get(&duration->bucket[i]);
    if (!total)
        return -1;
    double rank = quantile * (double)total;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        double from = i ? (double)histogram_bounds_ns[i - 1] / 1e6 : 0;
        double to = (double)histogram_bounds_ns[i] / 1e6;
        if (counts[i] && (double)(below + counts[i]) >= rank)
            return from + (to - from) * (rank - (double)below) / (double)counts[i];
        below += counts[i];
    }
    return (double)histogram_bounds_ns[HISTOGRAM_BUCKETS - 2] / 1e6;
}

static struct str rule_key(struct strbuf *key, struct str route, struct str mirror)
{
    strbuf_clear(key);
    strbuf_add(key, route);
    strbuf_add_char(key, '\0');
    strbuf_add(key, mirror);
    return strbuf_str(key);
}

void status_open(struct status_walk *walk, const struct status_source *source)
{
    *walk = (struct status_walk){.source = source};
    map_init(&walk->rules);
    const struct plan *plan = source->plan;
    if (!plan)
        return;
    struct strbuf key = STRBUF_INIT;
    for (size_t i = 0; i < plan->mirrors.count; i++) {
        const struct plan_mirror *mirror = PLAN_MIRROR(plan, i);
        struct str route = plan_text(plan, PLAN_ROUTE(plan, mirror->route)->label);
        map_add(&walk->rules, rule_key(&key, route, plan_text(plan, mirror->label)), (void *)mirror);
    }
    strbuf_deinit(&key);
}

void status_close(struct status_walk *walk)
{
    map_deinit(&walk->rules);
}

static bool is_asked_for(struct str only, struct str label)
{
    return !only.ptr || str_eq(only, label);
}

static uint64_t server_errors(counter *codes)
{
    return sum_counters(codes + registry_code_index(500), 100);
}

bool status_next_route(struct status_walk *walk, struct status_route *route)
{
    struct registry_route *entry;
    for (;;) {
        *route = (struct status_route){.index = walk->next_route};
        if (!registry_route_at(walk->source->registry, walk->next_route++, &route->route, &route->backend, &entry))
            return false;
        if (is_asked_for(walk->source->only_route, route->route))
            break;
    }
    route->entry = entry;
    route->requests = sum_counters(entry->code, REGISTRY_CODES);
    route->server_errors = server_errors(entry->code);
    route->in_flight = not_negative((int64_t)sum_counters(entry->in_flight, REGISTRY_GATEWAYS));
    route->p50_ms = status_quantile_ms(&entry->duration, 0.50);
    route->p99_ms = status_quantile_ms(&entry->duration, 0.99);
    route->rate = rates_route(walk->source->rates, route->index);
    return true;
}

static void read_accounting(struct status_mirror *out, struct registry_mirror *entry)
{
    int64_t queued = 0, in_flight = 0;
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        queued += LOAD(entry->queued[slot]);
        in_flight += LOAD(entry->in_flight[slot]);
    }
    out->queued = not_negative(queued);
    out->in_flight = not_negative(in_flight);
    for (size_t i = 0; i < FAILED_COUNT; i++)
        out->failed_sum += out->failed[i] = counter_get(&entry->failed[i]);
    out->completed = sum_counters(entry->completed, REGISTRY_CODES);
    out->server_errors = server_errors(entry->completed);
    out->sent = counter_get(&entry->sent);
    for (size_t i = 0; i < DROPPED_COUNT; i++)
        out->dropped_sum += out->dropped[i] = counter_get(&entry->dropped[i]);
    for (size_t i = 0; i < FILTERED_COUNT; i++)
        out->filtered_sum += out->filtered[i] = counter_get(&entry->filtered[i]);
    out->sampled_out = counter_get(&entry->sampled_out);
    out->matched = counter_get(&entry->matched);
    out->bytes_sent = counter_get(&entry->bytes_sent);
    out->bytes_received = counter_get(&entry->bytes_received);
    out->held_bytes = not_negative(LOAD(entry->held_bytes));
}

static void read_state(struct status_mirror *out, struct registry_mirror *entry, uint64_t now_ns)
{
    uint32_t breaker = LOAD(entry->breaker), reason = LOAD(entry->last_failure);
    uint64_t until = counter_get(&entry->breaker_until_ns);
    out->is_off = LOAD(entry->is_off);
    out->connections = LOAD(entry->connections);
    out->breaker = breaker <= BREAKER_HALF_OPEN ? (enum breaker_state)breaker : BREAKER_CLOSED;
    out->failures_in_a_row = LOAD(entry->breaker_failures);
    out->probe_in_ns = until > now_ns ? until - now_ns : 0;
    out->last_sent_wall_ns = counter_get(&entry->last_sent_wall_ns);
    out->last_failure_wall_ns = counter_get(&entry->last_failure_wall_ns);
    out->last_failure = reason < FAILED_COUNT ? (enum failed)reason : FAILED_PROTOCOL;
    out->last_errno = (int)LOAD(entry->last_failure_errno);
    out->p50_ms = status_quantile_ms(&entry->duration, 0.50);
    out->p99_ms = status_quantile_ms(&entry->duration, 0.99);
}

static void read_rule(struct status_mirror *out, struct status_walk *walk)
{
    const struct status_source *source = walk->source;
    if (!source->plan)
        return;
    struct strbuf key = STRBUF_INIT;
    out->rule = map_find(&walk->rules, rule_key(&key, out->route, out->mirror));
    strbuf_deinit(&key);
    out->is_removed = !out->rule;
    if (out->rule && out->rule->is_control) /* directly behind it: plan_check has seen to that */
        out->control_of = plan_text(source->plan, out->rule[-1].label);
    if (!out->rule || !source->endpoints)
        return;
    size_t addresses;
    const struct plan_backend *backend = PLAN_BACKEND(source->plan, out->rule->backend);
    endpoints_find(source->endpoints, plan_text(source->plan, backend->label), &addresses);
    out->is_without_endpoint = addresses == 0;
}

bool status_next_mirror(struct status_walk *walk, struct status_mirror *mirror)
{
    const struct status_source *source = walk->source;
    for (;;) {
        *mirror = (struct status_mirror){.index = walk->next_mirror};
        if (!registry_mirror_at(source->registry, walk->next_mirror++, &mirror->route, &mirror->mirror, &mirror->entry))
            return false;
        if (is_asked_for(source->only_route, mirror->route) && is_asked_for(source->only_mirror, mirror->mirror))
            break;
    }
    read_accounting(mirror, mirror->entry);
    read_state(mirror, mirror->entry, source->now_ns);
    read_rule(mirror, walk);
    walk->removed += mirror->is_removed;
    mirror->rate = rates_mirror(source->rates, mirror->index);
    return true;
}

int64_t status_matched_gap(const struct status_mirror *mirror)
{
    return (int64_t)(mirror->matched - (mirror->sampled_out + mirror->filtered_sum + mirror->dropped_sum +
                                        mirror->sent + mirror->queued));
}

int64_t status_sent_gap(const struct status_mirror *mirror)
{
    return (int64_t)(mirror->sent - (mirror->completed + mirror->failed_sum + mirror->in_flight));
}
