/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "judge/tally_counters.h"

static void merge_field(struct field_counts *into, const struct field_counts *from)
{
    into->signal += from->signal;
    into->noise += from->noise;
    into->both += from->both;
    into->alone += from->alone;
    into->alone_volatile += from->alone_volatile;
    into->alone_errors += from->alone_errors;
    for (size_t i = 0; i < DIFFERENCE_KIND_COUNT; i++)
        into->kinds[i] += from->kinds[i];
    into->seen_ns = tally_first(into->seen_ns, from->seen_ns);
    if (from->live)
        field_take_example(into, from->first_ns, str_from_c(from->live), str_from_c(from->shadow));
    field_widen(into, from->first_ns, from->last_ns);
}

/* Returns how many had no room. */
static uint64_t merge_cells(struct latency_cells *into, size_t *used, const struct latency_cells *from)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < from->capacity; i++) {
        uint32_t key = from->keys[i] - 1;
        if (from->keys[i] != 0 && !tally_count_cell(into, used, key / 1024, key % 1024, from->counts[i]))
            lost += from->counts[i];
    }
    return lost;
}

/* Into `tally`'s bounds: what has no room becomes "other", or is counted by its fields alone. */
void endpoint_merge(struct tally *tally, struct endpoint_counts *into, const struct endpoint_counts *from)
{
    for (const struct tally_counter *counter = endpoint_counters; counter->name; counter++)
        *tally_counter_at(into, counter) += tally_counter_value(from, counter);
    for (size_t i = 0; i < from->fields.count; i++) {
        const struct map_entry *entry = &from->fields.entries[i];
        if (entry->value)
            merge_field(tally_field(tally, into, entry->key), entry->value);
    }
    for (size_t i = 0; i < from->sets.count; i++) {
        const struct map_entry *entry = &from->sets.entries[i];
        if (entry->value)
            (void)tally_count_set(tally, into, entry->key, ((struct set_count *)entry->value)->count);
    }
    tally->cells_lost += merge_cells(&into->cells, &tally->cell_count, &from->cells);
    (void)merge_cells(&into->control_cells, &tally->control_cell_count, &from->control_cells);
}

static double lower(double a, double b)
{
    return a < b ? a : b;
}

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void merge_thresholds(struct tally *tally, const struct tally *from)
{
    if (!from->has_thresholds)
        return;
    struct thresholds *into = &tally->thresholds;
    const struct thresholds *other = &from->thresholds;
    if (!tally->has_thresholds) {
        tally_set_thresholds(tally, other);
        return;
    }
    into->min_pairs = more(into->min_pairs, other->min_pairs);
    into->min_pairs_p99 = more(into->min_pairs_p99, other->min_pairs_p99);
    into->max_shadow_failures = lower(into->max_shadow_failures, other->max_shadow_failures);
    into->max_lost = lower(into->max_lost, other->max_lost);
    into->max_different = lower(into->max_different, other->max_different);
    into->max_new_errors = lower(into->max_new_errors, other->max_new_errors);
    into->max_blind = lower(into->max_blind, other->max_blind);
    into->finding_latency_ms = lower(into->finding_latency_ms, other->finding_latency_ms);
    into->finding_latency_share = lower(into->finding_latency_share, other->finding_latency_share);
    into->max_latency_ms = lower(into->max_latency_ms, other->max_latency_ms);
    into->max_latency_share = lower(into->max_latency_share, other->max_latency_share);
}

void tally_merge(struct tally *tally, struct tally *from)
{
    tally_settle(from);
    merge_thresholds(tally, from);
    tally->since_ns = tally_first(tally->since_ns, from->since_ns);
    tally->until_ns = more(tally->until_ns, from->until_ns);
    tally->attempted += from->attempted;
    tally->lost += from->lost;
    tally->unpaired += from->unpaired;
    tally->copies += from->copies;
    tally->failed += from->failed;
    tally->reverse += from->reverse;
    tally->live_bad += from->live_bad;
    tally->failed_signal += from->failed_signal;
    tally->failed_noise += from->failed_noise;
    tally->control_copies += from->control_copies;
    for (size_t i = 0; i < 6; i++) {
        tally->live_status[i] += from->live_status[i];
        tally->shadow_status[i] += from->shadow_status[i];
    }
    tally->mismatched += from->mismatched;
    tally->fresh += from->fresh;
    tally->cells_lost += from->cells_lost;
    for (size_t i = 0; i < from->failures.count; i++) {
        const struct map_entry *entry = &from->failures.entries[i];
        if (entry->value)
            tally_count_failure(tally, entry->key, ((struct set_count *)entry->value)->count);
    }
    for (size_t i = 0; i < from->endpoints.count; i++) {
        const struct map_entry *entry = &from->endpoints.entries[i];
        if (entry->value)
            endpoint_merge(tally, tally_endpoint(tally, entry->key), entry->value);
    }
}

void tally_settle(struct tally *tally)
{
    struct tally *recent = tally->recent;
    if (!recent)
        return;
    tally->recent = NULL;
    tally_merge(tally, recent);
    if (!tally->news) {
        tally->news = recent;
        return;
    }
    tally_merge(tally->news, recent);
    tally_free(recent);
}

void tally_rename_endpoint(struct tally *tally, struct str from, struct str to)
{
    tally_settle(tally);
    if (tally->news)
        tally_rename_endpoint(tally->news, from, to);
    char room[TALLY_NAME];
    from = tally_clean(from, TALLY_NAME, room);
    struct endpoint_counts *old = str_eq(from, to) ? NULL : map_remove(&tally->endpoints, from);
    if (!old)
        return;
    tally->field_count -= old->fields.live;
    tally->set_count -= old->sets.live;
    tally->cell_count -= old->cells.used;
    tally->control_cell_count -= old->control_cells.used;
    endpoint_merge(tally, tally_endpoint(tally, to), old);
    endpoint_free(old);
}
