/* SPDX-License-Identifier: Apache-2.0 */
/* What has been seen so far: the figures of now (over the last seconds), one row for each condition of the shadow, and a history by the
 * second for the curves. Lifetime: values, zeroed at the start. Thread: any; pure functions. */
#pragma once

#include "app/demo_figures.h"
#include "app/demo_load.h"

/* What the shadow is like. */
/* clang-format off */
#define DEMO_CONDITIONS(X) \
    X(HEALTHY, "healthy", "answers, with faults planted") \
    X(KILLED, "killed", "its process is gone") \
    X(HUNG, "hung", "its process is stopped: it takes connections and says nothing") \
    X(SLOW, "slow", "every answer takes a second longer") \
    X(GARBLED, "garbled", "answers bytes that are no HTTP, or break it") \
    X(OFF, "mirror off", "the kill switch: nothing is copied")
/* clang-format on */
#define X(name, label, words) DEMO_##name,
enum demo_condition { DEMO_CONDITIONS(X) DEMO_CONDITION_COUNT };
#undef X
const char *demo_condition_name(enum demo_condition condition);
const char *demo_condition_words(enum demo_condition condition);

/* One look at both sides. */
struct demo_look {
    uint64_t at_ns;
    struct load_sample load;
    struct demo_figures gateway;
};

struct demo_row {
    uint64_t ns;
    uint64_t answered, errors, completed, failed, dropped;
    uint64_t latency[LATENCY_BUCKETS];
};

struct demo_now {
    double requests, copies; /* per second: answered by live, completed by the shadow */
    double p50_ms, p99_ms;   /* of live; negative: nothing measured */
};

#define DEMO_LOOKS 32    /* kept: enough for the longest window at four a second */
#define DEMO_HISTORY 240 /* seconds */

struct demo_record {
    struct demo_look looks[DEMO_LOOKS]; /* a ring */
    size_t look_count;                  /* ever; the newest is (look_count - 1) % DEMO_LOOKS */
    struct demo_row rows[DEMO_CONDITION_COUNT];
    struct demo_row all;
    enum demo_condition condition;
    uint64_t condition_since_ns;
    struct demo_now history[DEMO_HISTORY]; /* a ring, one a second */
    size_t history_count;                  /* ever */
    uint64_t next_history_ns;
};

/* What happened since the look before belongs to the present condition. Looks come in the order of time. */
void demo_record_look(struct demo_record *record, const struct demo_look *look);
/* From the newest look on it is like this. */
void demo_record_condition(struct demo_record *record, enum demo_condition condition);
const struct demo_look *demo_record_newest(const struct demo_record *record);
struct demo_now demo_record_now(const struct demo_record *record);
/* Of the seconds in memory, oldest first; false at the end. */
bool demo_record_history(const struct demo_record *record, size_t index, struct demo_now *now);
size_t demo_record_history_len(const struct demo_record *record);
