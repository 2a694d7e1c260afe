/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/state.h"
#include "base/mem.h"

#include <inttypes.h>

static void add_verdicts(struct analyze *analyze, struct strbuf *out)
{
    const struct map *map = &analyze->groups.by_label;
    struct verdict *verdicts = mem_alloc((map->live + 1) * sizeof(struct verdict));
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct group *group = map->entries[i].value;
        if (group && group->has_verdict)
            verdicts[count++] = group->verdict;
    }
    verdicts_metrics(verdicts, count, out);
    mem_free(verdicts);
}

struct number {
    const char *name, *type, *help;
    uint64_t value;
};

void analyze_metrics(struct analyze *analyze, struct strbuf *out)
{
    const struct pairs_counts *pairs = &analyze->pairs.counts;
    const struct groups_counts *groups = &analyze->groups.counts;
    const struct compare_counts *compared = comparer_counts(observer_comparer(analyze->observer));
    struct store_counts store = store_counts(analyze->store);
    const struct number numbers[] = {
        {"umbra_analyst_parts_total", "counter", "Parts of records that came.", pairs->parts},
        {"umbra_analyst_damaged_total", "counter", "Parts that were no whole record.", pairs->damaged},
        {"umbra_analyst_no_memory_total", "counter", "Parts and pairs that were given up for want of memory.",
         pairs->no_memory + groups->no_memory},
        {"umbra_analyst_duplicates_total", "counter", "Parts that had come already.", pairs->duplicates},
        {"umbra_analyst_void_legs_total", "counter", "Legs with a part missing.", pairs->void_legs},
        {"umbra_analyst_alone_total", "counter", "Copies whose live leg did not come.", pairs->alone},
        {"umbra_analyst_pairs_total", "counter", "Pairs that were judged.", groups->pairs},
        {"umbra_analyst_other_revision_total", "counter", "Pairs of revisions that are no more.",
         groups->other_revision},
        {"umbra_analyst_no_group_total", "counter", "Pairs of mirrors that are no more.", groups->no_group},
        {"umbra_analyst_waiting", "gauge", "Exchanges whose legs have not all come.", analyze->pairs.count},
        {"umbra_analyst_waiting_bytes", "gauge", "Memory of the legs that wait.", analyze->legs_room.used},
        {"umbra_analyst_bodies_total", "counter", "Bodies that were compared.", compared->bodies},
        {"umbra_analyst_bodies_same_total", "counter", "Of them, those whose hashes settled it.",
         compared->same_by_hash},
        {"umbra_analyst_bodies_too_large_total", "counter", "Bodies beyond what may be decoded.",
         compared->decoded_too_large},
        {"umbra_analyst_bodies_undecodable_total", "counter", "Bodies that can't be decoded.", compared->undecodable},
        {"umbra_analyst_bodies_too_deep_total", "counter", "Bodies nested too deep.",
         compared->too_deep + compared->too_many_values},
        {"umbra_analyst_samples_total", "counter", "Samples given to the store.", analyze->samples.written},
        {"umbra_analyst_samples_refused_total", "counter", "Samples beyond so many a second.",
         analyze->samples.refused},
        {"umbra_analyst_services_refused_total", "counter", "Legs of services beyond those that are followed.",
         analyze->services.refused},
        {"umbra_store_writes_total", "counter", "Transactions of the store.", store.writes},
        {"umbra_store_failures_total", "counter", "Transactions that failed.", store.failures},
        {"umbra_store_lost_total", "counter", "Rows that were given up.", store.lost},
        {"umbra_store_bytes", "gauge", "Size of the database.", store.bytes},
        {"umbra_store_samples", "gauge", "Samples in the store.", store.samples},
    };
    verdicts_renew(&analyze->verdicts, analyze->now_ns, analyze->wall_ns);
    add_verdicts(analyze, out);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", numbers[i].name, numbers[i].help,
                      numbers[i].name, numbers[i].type, numbers[i].name, numbers[i].value);
}
