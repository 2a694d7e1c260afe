/* SPDX-License-Identifier: Apache-2.0 */
#include "app/demo_record.h"

#define NS_PER_S 1000000000ull
#define RATE_WINDOW_NS (1 * NS_PER_S)
#define LATENCY_WINDOW_NS (5 * NS_PER_S)
#define SHORTEST_NS (NS_PER_S / 5) /* a rate over less says nothing */

#define X(name, label, words) label,
static const char *const names[] = {DEMO_CONDITIONS(X)};
#undef X
#define X(name, label, words) words,
static const char *const words_of[] = {DEMO_CONDITIONS(X)};
#undef X

const char *demo_condition_name(enum demo_condition condition)
{
    return names[condition];
}

const char *demo_condition_words(enum demo_condition condition)
{
    return words_of[condition];
}

/* The look `back` looks before the newest. */
static const struct demo_look *look_at(const struct demo_record *record, size_t back)
{
    return &record->looks[(record->look_count - 1 - back) % DEMO_LOOKS];
}

const struct demo_look *demo_record_newest(const struct demo_record *record)
{
    return look_at(record, 0);
}

/* The youngest look that is at least that old, else the oldest there is. */
static const struct demo_look *look_before(const struct demo_record *record, uint64_t age_ns)
{
    size_t kept = record->look_count < DEMO_LOOKS ? record->look_count : DEMO_LOOKS;
    uint64_t now = look_at(record, 0)->at_ns;
    for (size_t back = 1; back < kept; back++) {
        if (now - look_at(record, back)->at_ns >= age_ns)
            return look_at(record, back);
    }
    return look_at(record, kept - 1);
}

static double rate(uint64_t now, uint64_t before, uint64_t ns)
{
    return ns >= SHORTEST_NS ? (double)(now - before) * (double)NS_PER_S / (double)ns : 0;
}

struct demo_now demo_record_now(const struct demo_record *record)
{
    const struct demo_look *newest = look_at(record, 0);
    const struct demo_look *second = look_before(record, RATE_WINDOW_NS);
    const struct demo_look *window = look_before(record, LATENCY_WINDOW_NS);
    uint64_t ns = newest->at_ns - second->at_ns;
    uint64_t latency[LATENCY_BUCKETS];
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        latency[i] = newest->load.latency[i] - window->load.latency[i];
    return (struct demo_now){
        .requests = rate(newest->load.answered, second->load.answered, ns),
        .copies = rate(newest->gateway.completed, second->gateway.completed, ns),
        .p50_ms = latency_quantile_ms(latency, 0.50),
        .p99_ms = latency_quantile_ms(latency, 0.99),
    };
}

static void row_add(struct demo_row *row, const struct demo_look *before, const struct demo_look *look)
{
    row->ns += look->at_ns - before->at_ns;
    row->answered += look->load.answered - before->load.answered;
    row->errors += look->load.error_sum - before->load.error_sum;
    row->completed += look->gateway.completed - before->gateway.completed;
    row->failed += look->gateway.failed - before->gateway.failed;
    row->dropped += look->gateway.dropped - before->gateway.dropped;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        row->latency[i] += look->load.latency[i] - before->load.latency[i];
}

void demo_record_look(struct demo_record *record, const struct demo_look *look)
{
    if (record->look_count == 0) {
        record->condition_since_ns = look->at_ns;
        record->next_history_ns = look->at_ns + NS_PER_S;
    } else {
        row_add(&record->rows[record->condition], demo_record_newest(record), look);
        row_add(&record->all, demo_record_newest(record), look);
    }
    record->looks[record->look_count++ % DEMO_LOOKS] = *look;
    if (look->at_ns < record->next_history_ns)
        return;
    record->history[record->history_count++ % DEMO_HISTORY] = demo_record_now(record);
    record->next_history_ns += NS_PER_S;
    if (record->next_history_ns <= look->at_ns)
        record->next_history_ns = look->at_ns + NS_PER_S;
}

void demo_record_condition(struct demo_record *record, enum demo_condition condition)
{
    if (condition == record->condition)
        return;
    record->condition = condition;
    record->condition_since_ns = demo_record_newest(record)->at_ns;
}

size_t demo_record_history_len(const struct demo_record *record)
{
    return record->history_count < DEMO_HISTORY ? record->history_count : DEMO_HISTORY;
}

bool demo_record_history(const struct demo_record *record, size_t index, struct demo_now *now)
{
    size_t len = demo_record_history_len(record);
    if (index >= len)
        return false;
    *now = record->history[(record->history_count - len + index) % DEMO_HISTORY];
    return true;
}
