/* SPDX-License-Identifier: Apache-2.0 */
/* How much slower the shadow is than live, in all and at each endpoint: docs/judging.md, "Latency". */
#include "base/mem.h"
#include "judge/judging.h"

#include <math.h>
#include <stdio.h>

/* Sentences about single endpoints; findings have them all. */
#define ENDPOINT_REASONS 5

/* What is judged: the mirror, or one endpoint of it. */
struct scope {
    struct str endpoint; /* STR_NONE: all */
    struct latency_cells cells, control_cells;
    struct latency_histogram live, shadow, control, live_of_control;
};

static void add_cells(struct latency_cells *sum, struct latency_histogram *live, struct latency_histogram *other,
                      const struct latency_cells *cells)
{
    for (uint32_t c = 0; c < cells->capacity; c++) {
        uint32_t key = cells->keys[c] - 1;
        if (cells->keys[c] == 0)
            continue;
        (void)latency_cells_add(sum, key / 1024, key % 1024, cells->counts[c], true);
        latency_histogram_add(live, key / 1024, cells->counts[c]);
        latency_histogram_add(other, key % 1024, cells->counts[c]);
    }
}

static void scope_add(struct scope *scope, const struct endpoint_counts *endpoint)
{
    add_cells(&scope->cells, &scope->live, &scope->shadow, &endpoint->cells);
    add_cells(&scope->control_cells, &scope->live_of_control, &scope->control, &endpoint->control_cells);
}

static void scope_deinit(struct scope *scope)
{
    latency_cells_deinit(&scope->cells);
    latency_cells_deinit(&scope->control_cells);
    latency_histogram_deinit(&scope->live);
    latency_histogram_deinit(&scope->shadow);
    latency_histogram_deinit(&scope->control);
    latency_histogram_deinit(&scope->live_of_control);
}

static struct latency_side side_of(const struct latency_histogram *histogram)
{
    return (struct latency_side){
        .is_there = histogram->total > 0,
        .p50 = latency_quantile(histogram, 0.5),
        .p95 = latency_quantile(histogram, 0.95),
        .p99 = latency_quantile(histogram, 0.99),
    };
}

static struct interval interval_of(const struct latency_delta *delta)
{
    return (struct interval){
        .value = delta->value, .low = delta->value - delta->half, .high = delta->value + delta->half, .is_there = true};
}

/* What control adds to live in the same pairs: copies may reach their services later than live requests do, whatever these are. 0: less than nothing, or not
 * known. */
static double control_adds(const struct judging *judging, const struct scope *scope, double quantile)
{
    if (scope->control.total < judging->thresholds.min_pairs)
        return 0;
    double delta = latency_quantile(&scope->control, quantile) - latency_quantile(&scope->live_of_control, quantile);
    return delta > 0 ? delta : 0;
}

static double limit_of(double ms, double share, double live)
{
    return fmax(ms, share * live);
}

struct quantile {
    const char *name;
    double at;
    const struct interval *delta;
    double live;
};

static void add_latency_finding(struct judging *judging, const struct scope *scope, const struct quantile *quantile,
                                enum finding_severity severity, struct str numbers)
{
    struct str endpoint = scope->endpoint.ptr ? scope->endpoint : STR("*");
    struct finding *finding = judging_add_finding(judging, FINDING_LATENCY, severity, endpoint,
                                                  str_from_c(quantile->name));
    finding->summary = arena_printf(judging->memory, "%.*s%sthe shadow's %.*s", STR_ARG(scope->endpoint),
                                    scope->endpoint.ptr ? ": " : "", STR_ARG(numbers));
    finding->count = scope->cells.total;
    finding->rate = 1;
    finding->first_ns = judging->tally->since_ns;
    finding->last_ns = judging->tally->until_ns;
}

/* Milliseconds with three digits, and with all that stand before the point. */
static const char *ms(struct judging *judging, double value, const char *plus)
{
    const char *sign = value >= 0 ? plus : "";
    int digits = fabs(value) < 999.5 ? 3 : 15;
    double shown = fabs(value) < 999.5 ? value : round(value);
    return arena_printf(judging->memory, "%s%.*g", sign, digits, shown).ptr;
}

/* Returns whether it is a reason to fail. */
static bool judge_quantile(struct judging *judging, const struct scope *scope, const struct quantile *quantile,
                           bool has_room)
{
    const struct thresholds *limits = &judging->thresholds;
    const struct interval *delta = quantile->delta;
    double fail = limit_of(limits->max_latency_ms, limits->max_latency_share, quantile->live);
    double find = limit_of(limits->finding_latency_ms, limits->finding_latency_share, quantile->live);
    double control = control_adds(judging, scope, quantile->at), low = delta->low - control;
    bool is_whole = !scope->endpoint.ptr;
    char besides[96] = "";
    if (control > 0)
        (void)snprintf(besides, sizeof(besides), "; control adds %s ms", ms(judging, control, ""));
    struct str where = is_whole ? STR("") : arena_printf(judging->memory, "%.*s: ", STR_ARG(scope->endpoint));
    struct str numbers = arena_printf(judging->memory, "%s is %s ms above live's %s ms (%s to %s ms%s)", quantile->name,
                                      ms(judging, delta->value, ""), ms(judging, quantile->live, ""),
                                      ms(judging, delta->low, ""), ms(judging, delta->high, ""), besides);
    if (low > fail && has_room)
        judging_add_reason(judging, REASON_FAIL, low / fail / 10, "%.*s%s shadow's %.*s, more than the %s ms allowed.",
                           STR_ARG(where), is_whole ? "The" : "the", STR_ARG(numbers), ms(judging, fail, ""));
    else if (is_whole && delta->low > fail)
        judging_add_reason(judging, REASON_NOTE, 1,
                           "The shadow's %.*s: what control shows as well is not held against it.", STR_ARG(numbers));
    else if (is_whole && quantile->at < 0.9 && delta->value - control > fail)
        judging_add_reason(judging, REASON_INSUFFICIENT, 1,
                           "The shadow's %.*s; that looks like more than the %s ms allowed, but it is not certain yet.",
                           STR_ARG(numbers), ms(judging, fail, ""));
    else if (is_whole)
        judging_add_reason(judging, REASON_NOTE, 0, "The shadow's %s is %s ms from live's %s ms (%s to %s).",
                           quantile->name, ms(judging, delta->value, "+"), ms(judging, quantile->live, ""),
                           ms(judging, delta->low, "+"), ms(judging, delta->high, "+"));
    if (low > find)
        add_latency_finding(judging, scope, quantile, low > fail ? SEVERITY_OF_FAILURE : SEVERITY_OF_WARNING, numbers);
    return low > fail;
}

static void take_deltas(const struct scope *scope, double alpha, struct latency_delta *deltas, size_t count)
{
    size_t cell_count;
    struct latency_cell *sorted = latency_cells_sorted(&scope->cells, &cell_count);
    deltas[0] = (struct latency_delta){.quantile = 0.5, .tuned_pairs = 400};
    if (count > 1)
        deltas[1] = (struct latency_delta){.quantile = 0.99, .tuned_pairs = 2000};
    latency_deltas(sorted, cell_count, alpha, deltas, count);
    mem_free(sorted);
}

static void judge_whole(struct judging *judging, const struct scope *scope)
{
    struct verdict *verdict = judging->verdict;
    const struct thresholds *limits = &judging->thresholds;
    uint64_t total = scope->cells.total;
    verdict->live = side_of(&scope->live);
    verdict->shadow = side_of(&scope->shadow);
    if (total < limits->min_pairs || total == 0) {
        judging_add_reason(judging, REASON_NOTE, -1,
                           "Latency is not judged: %llu pairs of the %llu that it needs, and %llu more for which a "
                           "connection was made.",
                           (unsigned long long)total, (unsigned long long)limits->min_pairs,
                           (unsigned long long)judging->tally->fresh);
        return;
    }
    struct latency_delta deltas[LATENCY_QUANTILES];
    bool has_p99 = total >= limits->min_pairs_p99;
    take_deltas(scope, ALPHA_LATENCY, deltas, has_p99 ? 2 : 1);
    verdict->delta_p50 = interval_of(&deltas[0]);
    (void)judge_quantile(judging, scope, &(struct quantile){"p50", 0.5, &verdict->delta_p50, verdict->live.p50}, true);
    if (has_p99) {
        verdict->delta_p99 = interval_of(&deltas[1]);
        (void)judge_quantile(judging, scope, &(struct quantile){"p99", 0.99, &verdict->delta_p99, verdict->live.p99},
                             true);
    } else {
        judging_add_reason(judging, REASON_NOTE, -1, "p99 is judged from %llu pairs on; there are %llu.",
                           (unsigned long long)limits->min_pairs_p99, (unsigned long long)total);
    }
}

/* Whether it is worth resampling: most endpoints are as fast as ever. */
static bool looks_slow(const struct judging *judging, const struct scope *scope, double quantile)
{
    const struct thresholds *limits = &judging->thresholds;
    double live = latency_quantile(&scope->live, quantile);
    return latency_quantile(&scope->shadow, quantile) - live - control_adds(judging, scope, quantile) >
           limit_of(limits->finding_latency_ms, limits->finding_latency_share, live);
}

/* The share of all endpoints is divided by as many as there can be, so that it does not matter which come. */
static void judge_endpoint(struct judging *judging, const struct scope *scope, size_t *reasons)
{
    const struct thresholds *limits = &judging->thresholds;
    bool has_p99 = scope->cells.total >= limits->min_pairs_p99;
    bool is_slow = looks_slow(judging, scope, 0.5), is_p99_slow = has_p99 && looks_slow(judging, scope, 0.99);
    if (scope->cells.total < limits->min_pairs || (!is_slow && !is_p99_slow))
        return;
    struct latency_delta deltas[LATENCY_QUANTILES];
    struct interval delta;
    take_deltas(scope, ALPHA_ENDPOINTS / (LATENCY_QUANTILES * TALLY_ENDPOINTS), deltas, has_p99 ? 2 : 1);
    for (size_t i = 0; i < (has_p99 ? 2u : 1u); i++) {
        delta = interval_of(&deltas[i]);
        struct quantile quantile = {i == 0 ? "p50" : "p99", deltas[i].quantile, &delta,
                                    latency_quantile(&scope->live, deltas[i].quantile)};
        if (i == 0 ? is_slow : is_p99_slow)
            *reasons += judge_quantile(judging, scope, &quantile, *reasons < ENDPOINT_REASONS);
    }
}

void judge_latency(struct judging *judging)
{
    struct scope whole = {0};
    size_t count, reasons = 0;
    struct map_entry **endpoints = tally_sorted(&judging->tally->endpoints, &count);
    for (size_t i = 0; i < count; i++)
        scope_add(&whole, endpoints[i]->value);
    judge_whole(judging, &whole);
    scope_deinit(&whole);
    for (size_t i = 0; count > 1 && i < count; i++) {
        struct scope scope = {.endpoint = endpoints[i]->key};
        scope_add(&scope, endpoints[i]->value);
        judge_endpoint(judging, &scope, &reasons);
        scope_deinit(&scope);
    }
    mem_free(endpoints);
}
