/* SPDX-License-Identifier: Apache-2.0 */
/* How much slower the shadow is than live: docs/judging.md, "Latency". */
#include "base/mem.h"
#include "judge/judging.h"

#include <math.h>
#include <stdio.h>

static void sum_cells(const struct tally *tally, struct latency_cells *sum, struct latency_histogram *live,
                      struct latency_histogram *shadow)
{
    for (size_t i = 0; i < tally->endpoints.count; i++) {
        const struct endpoint_counts *endpoint = tally->endpoints.entries[i].value;
        for (uint32_t c = 0; endpoint && c < endpoint->cells.capacity; c++) {
            uint32_t key = endpoint->cells.keys[c] - 1;
            if (endpoint->cells.keys[c] == 0)
                continue;
            (void)latency_cells_add(sum, key / 1024, key % 1024, endpoint->cells.counts[c], true);
            latency_histogram_add(live, key / 1024, endpoint->cells.counts[c]);
            latency_histogram_add(shadow, key % 1024, endpoint->cells.counts[c]);
        }
    }
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

/* What control adds to live in the same pairs: copies may reach their services later than live requests do, whatever these are. */
static bool control_delta(const struct judging *judging, double quantile, uint64_t least_pairs, double *delta)
{
    const struct tally *tally = judging->tally;
    if (tally->control.total < least_pairs)
        return false;
    *delta = latency_quantile(&tally->control, quantile) - latency_quantile(&tally->live_of_control, quantile);
    return *delta > 0;
}

static void judge_quantile(struct judging *judging, const char *name, double quantile, const struct interval *delta,
                           double live)
{
    const struct thresholds *limits = &judging->thresholds;
    double fail = fmax(limits->max_latency_ms, limits->max_latency_share * live);
    double find = fmax(limits->finding_latency_ms, limits->finding_latency_share * live);
    double control = 0;
    bool has_control = control_delta(judging, quantile, limits->min_pairs, &control);
    double low = delta->low - control;
    char besides[96] = "";
    if (has_control)
        (void)snprintf(besides, sizeof(besides), "; control adds %.3g ms", control);
    struct str numbers = arena_printf(judging->memory, "%s is %.3g ms above live's %.3g ms (from %.3g to %.3g ms%s)",
                                      name, delta->value, live, delta->low, delta->high, besides);
    if (low > fail)
        judging_add_reason(judging, REASON_FAIL, low / fail / 10, "The shadow's %.*s, more than the %.3g ms allowed.",
                           STR_ARG(numbers), fail);
    else if (delta->low > fail)
        judging_add_reason(judging, REASON_NOTE, 1,
                           "The shadow's %.*s: what control shows as well is not held against it.", STR_ARG(numbers));
    else if (quantile < 0.9 && delta->value - control > fail)
        judging_add_reason(
            judging, REASON_INSUFFICIENT, 1,
            "The shadow's %.*s; that looks like more than the %.3g ms allowed, but it is not certain yet.",
            STR_ARG(numbers), fail);
    else
        judging_add_reason(judging, REASON_NOTE, 0, "The shadow's %s is %+.3g ms from live's %.3g ms (%+.3g to %+.3g).",
                           name, delta->value, live, delta->low, delta->high);
    if (low <= find)
        return;
    struct finding *finding = judging_add_finding(
        judging, FINDING_LATENCY, low > fail ? SEVERITY_OF_FAILURE : SEVERITY_OF_WARNING, STR("*"), str_from_c(name));
    finding->summary = arena_printf(judging->memory, "The shadow's %.*s", STR_ARG(numbers));
    finding->count = judging->verdict->pairs;
    finding->rate = 1;
    finding->first_ns = judging->tally->since_ns;
    finding->last_ns = judging->tally->until_ns;
}

void judge_latency(struct judging *judging)
{
    struct verdict *verdict = judging->verdict;
    const struct thresholds *limits = &judging->thresholds;
    struct latency_cells cells = {0};
    struct latency_histogram live = {0}, shadow = {0};
    sum_cells(judging->tally, &cells, &live, &shadow);
    verdict->live = side_of(&live);
    verdict->shadow = side_of(&shadow);
    if (cells.total >= limits->min_pairs && cells.total > 0) {
        size_t count;
        struct latency_cell *sorted = latency_cells_sorted(&cells, &count);
        struct latency_delta deltas[] = {{.quantile = 0.5, .tuned_pairs = 400},
                                         {.quantile = 0.99, .tuned_pairs = 2000}};
        bool has_p99 = cells.total >= limits->min_pairs_p99;
        latency_deltas(sorted, count, ALPHA_LATENCY, deltas, has_p99 ? 2 : 1);
        mem_free(sorted);
        verdict->delta_p50 = interval_of(&deltas[0]);
        judge_quantile(judging, "p50", 0.5, &verdict->delta_p50, verdict->live.p50);
        if (has_p99) {
            verdict->delta_p99 = interval_of(&deltas[1]);
            judge_quantile(judging, "p99", 0.99, &verdict->delta_p99, verdict->live.p99);
        } else {
            judging_add_reason(judging, REASON_NOTE, -1, "p99 is judged from %llu pairs on; there are %llu.",
                               (unsigned long long)limits->min_pairs_p99, (unsigned long long)cells.total);
        }
    } else {
        judging_add_reason(
            judging, REASON_NOTE, -1,
            "Latency is not judged: %llu pairs of the %llu that it needs, and %llu more for which a connection "
            "was made.",
            (unsigned long long)cells.total, (unsigned long long)limits->min_pairs,
            (unsigned long long)judging->tally->fresh);
    }
    latency_histogram_deinit(&live);
    latency_histogram_deinit(&shadow);
    latency_cells_deinit(&cells);
}
