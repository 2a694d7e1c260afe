/* SPDX-License-Identifier: Apache-2.0 */
/* GET /status. Members that can't be known yet (a quantile of nothing) are null. */
#include "admin/status.h"

#include "admin/text.h"
#include "admin/why.h"
#include "http/http1_parse.h"

/* A member's name with the comma that it needs. */
static void key(struct strbuf *page, const char *name)
{
    char last = page->len ? page->ptr[page->len - 1] : '{';
    if (last != '{' && last != '[')
        strbuf_add_char(page, ',');
    strbuf_printf(page, "\"%s\":", name);
}

/* An element of an array. */
static void element(struct strbuf *page)
{
    if (page->ptr[page->len - 1] != '[')
        strbuf_add_char(page, ',');
    strbuf_add_char(page, '{');
}

static void add_count(struct strbuf *page, const char *name, uint64_t value)
{
    key(page, name);
    text_add_u64(page, value);
}

static void add_bool(struct strbuf *page, const char *name, bool value)
{
    key(page, name);
    strbuf_add(page, value ? STR("true") : STR("false"));
}

static void add_text(struct strbuf *page, const char *name, struct str value)
{
    key(page, name);
    strbuf_add_json(page, value);
}

/* Negative: null. */
static void add_number(struct strbuf *page, const char *name, double value)
{
    key(page, name);
    if (value < 0)
        strbuf_add(page, STR("null"));
    else
        strbuf_printf(page, "%.6g", value);
}

static void add_signed(struct strbuf *page, const char *name, int64_t value)
{
    key(page, name);
    strbuf_printf(page, "%lld", (long long)value);
}

static void add_time(struct strbuf *page, const char *name, uint64_t wall_ns)
{
    if (wall_ns) {
        add_text(page, name, str_from_c(text_time(wall_ns).ptr));
    } else {
        key(page, name);
        strbuf_add(page, STR("null"));
    }
}

static void add_codes(struct strbuf *page, counter *codes)
{
    key(page, "codes");
    strbuf_add_char(page, '{');
    for (unsigned i = 0; i < REGISTRY_CODES; i++) {
        uint64_t count = counter_get(&codes[i]);
        char code[8] = "other";
        if (!count)
            continue;
        if (i < REGISTRY_CODES - 1) {
            code[0] = (char)('1' + i / 100);
            code[1] = (char)('0' + i / 10 % 10);
            code[2] = (char)('0' + i % 10);
            code[3] = '\0';
        }
        add_count(page, code, count);
    }
    strbuf_add_char(page, '}');
}

static void add_connections(struct strbuf *page, int64_t client, int64_t live, int64_t shadow)
{
    key(page, "connections");
    strbuf_add_char(page, '{');
    add_signed(page, "client", client);
    add_signed(page, "live", live);
    add_signed(page, "shadow", shadow);
    strbuf_add_char(page, '}');
}

static void add_gateways(struct strbuf *page, const struct status_source *source)
{
    key(page, "gateways");
    strbuf_add_char(page, '[');
    for (unsigned slot = 0; slot < REGISTRY_GATEWAYS; slot++) {
        struct registry_gateway *gateway = registry_gateway_get(source->registry, slot);
        int32_t pid = atomic_load_explicit(&gateway->pid, memory_order_relaxed);
        if (!pid)
            continue;
        element(page);
        add_count(page, "slot", slot);
        add_signed(page, "pid", pid);
        add_bool(page, "ready", gateway->is_ready);
        add_bool(page, "draining", gateway->is_draining);
        add_count(page, "workers", gateway->workers);
        add_count(page, "plan_generation", gateway->plan_generation);
        add_number(page, "cpus", rates_gateway_cpu(source->rates, slot));
        add_number(page, "cpu_seconds", (double)counter_get(&gateway->cpu_ns) / 1e9);
        add_count(page, "accepted", counter_get(&gateway->accepted));
        add_connections(page, gateway->connections_client, gateway->connections_live, gateway->connections_shadow);
        add_signed(page, "budget_used", gateway->budget_used);
        add_bool(page, "shedding", gateway->is_shedding);
        strbuf_add_char(page, '}');
    }
    strbuf_add_char(page, ']');
}

static void add_analyst(struct strbuf *page, const struct status_source *source)
{
    const struct analyst_figures *analyst = source->analyst;
    if (!analyst)
        return;
    key(page, "analyst");
    strbuf_add_char(page, '{');
    add_bool(page, "up", analyst->is_up);
    if (analyst->why_not)
        add_text(page, "why_not", str_from_c(analyst->why_not));
    add_count(page, "records", counter_get(&registry_totals(source->registry)->records));
    add_count(page, "lost", status_records_lost(source));
    strbuf_add_char(page, '}');
}

static void add_totals(struct strbuf *page, const struct status_source *source, const struct status_totals *totals)
{
    add_text(page, "version", STR(UMBRA_VERSION));
    add_time(page, "now", source->now_wall_ns);
    add_number(page, "uptime_seconds", (double)totals->uptime_ns / 1e9);
    add_bool(page, "ready", totals->is_ready);
    add_bool(page, "draining", totals->is_draining);
    add_bool(page, "off", totals->is_off);
    key(page, "config");
    strbuf_printf(page, "{\"generation\":%llu,\"errors\":%llu,\"loads\":%llu}", (unsigned long long)totals->generation,
                  (unsigned long long)totals->errors, (unsigned long long)source->config.loads);
    add_count(page, "workers", totals->workers);
    add_number(page, "cpus", totals->cpus);
    add_connections(page, totals->client, totals->live, totals->shadow);
    key(page, "budget");
    strbuf_printf(page, "{\"used\":%llu,\"limit\":%llu}", (unsigned long long)totals->budget_used,
                  (unsigned long long)totals->budget_limit);
    add_bool(page, "shedding", totals->is_shedding);
    add_bool(page, "sandbox", source->config.is_sandboxed);
    add_analyst(page, source);
    struct registry_totals *counters = registry_totals(source->registry);
    key(page, "refused");
    strbuf_add_char(page, '{');
    for (size_t i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++)
        add_count(page, refusal_name((enum refusal)i), counter_get(&counters->refused[i]));
    strbuf_add_char(page, '}');
    add_gateways(page, source);
}

static void add_listeners(struct strbuf *page, const struct status_config *config)
{
    key(page, "listeners");
    strbuf_add_char(page, '[');
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct status_listener *listener = &config->listeners[i];
        char address[ADDRESS_TEXT];
        element(page);
        add_text(page, "gateway", listener->gateway);
        add_text(page, "name", listener->name);
        if (listener->address.family == ADDRESS_NONE) {
            key(page, "address");
            strbuf_add(page, STR("null"));
        } else {
            add_text(page, "address", address_format(&listener->address, address));
        }
        add_count(page, "routes", listener->routes);
        strbuf_add_char(page, '}');
    }
    strbuf_add_char(page, ']');
}

static void add_problem(struct strbuf *page, const struct problem *problem)
{
    static const char *const severities[] = {
        [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTE] = "note"};
    element(page);
    add_text(page, "severity", str_from_c(severities[problem->severity]));
    add_text(page, "file", problem->file);
    add_count(page, "line", problem->line);
    add_count(page, "column", problem->column);
    add_text(page, "kind", problem->kind);
    add_text(page, "namespace", problem->ns);
    add_text(page, "name", problem->name);
    add_text(page, "field", problem->field);
    add_text(page, "reason", problem->reason);
    add_text(page, "message", problem->text);
    strbuf_add_char(page, '}');
}

static void add_problems(struct strbuf *page, const struct problems *problems)
{
    size_t count = problems ? problems->count : 0;
    size_t shown = count < STATUS_MAX_PROBLEMS ? count : STATUS_MAX_PROBLEMS;
    key(page, "problems");
    strbuf_add_char(page, '[');
    for (size_t i = 0; i < shown; i++)
        add_problem(page, &problems->list[i]);
    strbuf_add_char(page, ']');
    add_count(page, "problems_left_out", problems ? count - shown + problems->left_out : 0);
}

static void add_route(struct strbuf *page, const struct status_route *route)
{
    element(page);
    add_text(page, "route", route->route);
    add_text(page, "backend", route->backend);
    add_count(page, "requests", route->requests);
    add_number(page, "requests_per_second", route->rate.requests);
    add_count(page, "errors", route->server_errors);
    add_number(page, "error_share", route->requests ? (double)route->server_errors / (double)route->requests : 0);
    add_count(page, "in_flight", route->in_flight);
    add_number(page, "p50_ms", route->p50_ms);
    add_number(page, "p99_ms", route->p99_ms);
    add_codes(page, route->entry->code);
    strbuf_add_char(page, '}');
}

static void add_reasons(struct strbuf *page, const char *name, const uint64_t *values, size_t count,
                        const char *(*reason)(size_t index))
{
    key(page, name);
    strbuf_add_char(page, '{');
    for (size_t i = 0; i < count; i++)
        add_count(page, reason(i), values[i]);
    strbuf_add_char(page, '}');
}

static const char *filtered_at(size_t i)
{
    return filtered_name((enum filtered)i);
}

static const char *dropped_at(size_t i)
{
    return dropped_name((enum dropped)i);
}

static const char *failed_at(size_t i)
{
    return failed_name((enum failed)i);
}

static void add_accounting(struct strbuf *page, const struct status_mirror *mirror)
{
    add_count(page, "matched", mirror->matched);
    add_count(page, "sampled_out", mirror->sampled_out);
    add_count(page, "filtered", mirror->filtered_sum);
    add_reasons(page, "filtered_by_reason", mirror->filtered, FILTERED_COUNT, filtered_at);
    add_count(page, "dropped", mirror->dropped_sum);
    add_reasons(page, "dropped_by_reason", mirror->dropped, DROPPED_COUNT, dropped_at);
    add_count(page, "queued", mirror->queued);
    add_count(page, "sent", mirror->sent);
    add_count(page, "completed", mirror->completed);
    add_codes(page, mirror->entry->completed);
    add_count(page, "failed", mirror->failed_sum);
    add_reasons(page, "failed_by_reason", mirror->failed, FAILED_COUNT, failed_at);
    add_count(page, "in_flight", mirror->in_flight);
    key(page, "equations");
    strbuf_printf(page, "{\"matched\":{\"holds\":%s,\"difference\":%lld},\"sent\":{\"holds\":%s,\"difference\":%lld}}",
                  status_matched_gap(mirror) ? "false" : "true", (long long)status_matched_gap(mirror),
                  status_sent_gap(mirror) ? "false" : "true", (long long)status_sent_gap(mirror));
}

static void add_last_failure(struct strbuf *page, const struct status_mirror *mirror, uint64_t now_wall_ns)
{
    key(page, "last_failure");
    if (!mirror->last_failure_wall_ns) {
        strbuf_add(page, STR("null"));
        return;
    }
    struct strbuf words = STRBUF_INIT;
    why_failed(mirror->last_failure, mirror->last_errno, &words);
    uint64_t at = mirror->last_failure_wall_ns;
    strbuf_add_char(page, '{');
    add_text(page, "reason", str_from_c(failed_name(mirror->last_failure)));
    add_text(page, "text", strbuf_str(&words));
    add_time(page, "at", at);
    add_number(page, "age_seconds", now_wall_ns > at ? (double)(now_wall_ns - at) / 1e9 : 0);
    strbuf_add_char(page, '}');
    strbuf_deinit(&words);
}

static void add_mirror(struct strbuf *page, const struct status_mirror *mirror, const struct status_totals *totals,
                       uint64_t now_wall_ns)
{
    static const char *const breakers[] = {"closed", "open", "half_open"};
    struct strbuf sentence = STRBUF_INIT;
    enum why why = why_not_sent(mirror, totals, &sentence);
    element(page);
    add_text(page, "route", mirror->route);
    add_text(page, "mirror", mirror->mirror);
    add_text(page, "state", str_from_c(why_name(why)));
    add_text(page, "why", sentence.len ? strbuf_str(&sentence) : STR(""));
    if (mirror->control_of.len)
        add_text(page, "control_of", mirror->control_of);
    add_bool(page, "off", mirror->is_off);
    add_bool(page, "in_rules", !mirror->is_removed);
    add_accounting(page, mirror);
    add_number(page, "copies_per_second", mirror->rate.sent);
    add_number(page, "bytes_per_second", mirror->rate.bytes_sent);
    add_count(page, "bytes_sent", mirror->bytes_sent);
    add_count(page, "bytes_received", mirror->bytes_received);
    add_count(page, "held_bytes", mirror->held_bytes);
    add_signed(page, "connections", mirror->connections);
    add_number(page, "p50_ms", mirror->p50_ms);
    add_number(page, "p99_ms", mirror->p99_ms);
    key(page, "breaker");
    strbuf_printf(page, "{\"state\":\"%s\",\"failures_in_a_row\":%u,\"next_probe_ms\":%llu}", breakers[mirror->breaker],
                  mirror->failures_in_a_row,
                  (unsigned long long)(mirror->breaker == BREAKER_OPEN ? mirror->probe_in_ns / 1000000 : 0));
    add_time(page, "last_sent", mirror->last_sent_wall_ns);
    add_last_failure(page, mirror, now_wall_ns);
    strbuf_add_char(page, '}');
    strbuf_deinit(&sentence);
}

void status_json(const struct status_source *source, struct strbuf *page)
{
    struct status_totals totals = status_totals(source);
    struct status_walk walk;
    struct status_route route;
    struct status_mirror mirror;
    status_open(&walk, source);
    strbuf_add_char(page, '{');
    add_totals(page, source, &totals);
    add_problems(page, source->config.problems);
    add_listeners(page, &source->config);
    key(page, "routes");
    strbuf_add_char(page, '[');
    while (status_next_route(&walk, &route))
        add_route(page, &route);
    strbuf_add_char(page, ']');
    key(page, "mirrors");
    strbuf_add_char(page, '[');
    while (status_next_mirror(&walk, &mirror))
        add_mirror(page, &mirror, &totals, source->now_wall_ns);
    strbuf_add(page, STR("]}\n"));
    status_close(&walk);
}
