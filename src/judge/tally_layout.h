/* SPDX-License-Identifier: Apache-2.0 */
/* What a tally is made of; for src/judge alone. Everything hangs on endpoints, so that merging, renaming and reading back are one walk over names.
 * Totals of the mirror are sums over its endpoints.
 * Lifetime: the tally's. Thread: one. */
#pragma once

#include "base/map.h"
#include "judge/latency.h"
#include "judge/tally.h"

/* Names and shown values are cut to these. */
#define TALLY_NAME 512
#define TALLY_EXAMPLE 120
/* Sets of fields that differed together, per tally: what comes after is counted by its single fields alone. */
#define TALLY_SETS 1024
/* Fields of one set: the first of a pair, by name. */
#define TALLY_SET_FIELDS 8
#define TALLY_FAILURES 16
/* The endpoint and the field that take what is beyond the bounds. */
#define TALLY_OTHER "other"

/* Of the pairs of one endpoint, those in which this field differs. A difference has a level: 0 none, 1 another value, order or length, 2 another type,
 * missing or extra. With a control: `signal` where the shadow's level is above control's, `noise` where control's is above the shadow's,
 * `both` where they are equal. Without: `alone`. */
struct field_counts {
    struct str name; /* the map's */
    uint64_t signal, noise, both;
    uint64_t alone, alone_volatile;
    uint64_t alone_errors; /* `status` and `grpc-status`: one side is an error, which new errors judge */
    uint64_t kinds[DIFFERENCE_KIND_COUNT]; /* of signal, alone and alone_errors */
    uint64_t seen_ns;                      /* first of all */
    uint64_t first_ns, last_ns;            /* of signal, alone and alone_errors */
    char *live, *shadow;                   /* shown values of the first of these; NULL: none */
};

struct endpoint_counts {
    struct str name;                /* the map's */
    uint64_t pairs, control_pairs;  /* live and shadow answered; of them, those whose control answered too */
    uint64_t failed;                /* shadow failed where live succeeded */
    uint64_t compared, same, blind; /* bodies; blind ones are not compared */
    /* The shadow's status is worse than live's: with a control where control's is not, and the reverse; without, and the reverse. */
    uint64_t only_signal,
        only_noise; /* pairs with a field in which the shadow differs more than control and none the other way round, and the reverse */
    uint64_t errors_signal, errors_noise, errors_alone, errors_reverse;
    struct map fields; /* struct field_counts */
    struct map
        sets; /* "c" or "a" (with, without control) and the names that differ, each behind a NUL -> struct set_count */
    struct latency_cells cells, control_cells; /* of live and shadow, of live and control */
};

struct set_count {
    uint64_t count;
};

struct tally {
    struct tally_key key; /* owned */
    struct thresholds thresholds;
    bool has_thresholds;
    uint64_t since_ns, until_ns;
    uint64_t attempted, lost, unpaired;
    uint64_t copies;   /* both legs answered or failed */
    uint64_t failed;   /* shadow failed, live succeeded */
    uint64_t reverse;  /* live failed or erred, shadow succeeded */
    uint64_t live_bad; /* live failed or erred */
    uint64_t failed_signal, failed_noise,
        control_copies; /* shadow failed where control did not, and the reverse; live succeeded */
    uint64_t live_status[6], shadow_status[6], mismatched;
    uint64_t fresh; /* pairs kept apart from the latencies: a connection was made for them */
    uint64_t cells_lost;
    struct map failures;  /* label -> struct set_count */
    struct map endpoints; /* struct endpoint_counts */
    size_t field_count, set_count, cell_count, control_cell_count;
    struct tally *news;   /* what tally_take_news hands out, in the counts above as well; NULL: nothing */
    struct tally *recent; /* what was added since tally_settle, and is in neither yet; NULL: nothing */
};

/* Counts what is recent. Whoever reads the counts above, or moves them, comes here first; adding alone does not, so that a pair is counted once
 * and not in each of three places. */
void tally_settle(struct tally *tally);

/* UTF-8 without NUL of at most `limit` bytes, so that names and texts are the same when they are read back. `room` has as many, and is used when something had
 * to give way. */
struct str tally_clean(struct str s, size_t limit, char *room);
struct endpoint_counts *tally_endpoint(struct tally *tally, struct str name);
struct field_counts *tally_field(struct tally *tally, struct endpoint_counts *endpoint, struct str name);
/* Counts a set under its key; false when there is no room. */
bool tally_count_set(struct tally *tally, struct endpoint_counts *endpoint, struct str key, uint64_t count);
/* `used`: cells of all endpoints; false when there is no room for a new one. */
bool tally_count_cell(struct latency_cells *cells, size_t *used, unsigned live, unsigned other, uint64_t count);
void tally_count_failure(struct tally *tally, struct str label, uint64_t count);
/* The older of two examples stays, of the same age the smaller: no order of merging matters. `first_ns` is that of live and shadow. */
void field_take_example(struct field_counts *field, uint64_t first_ns, struct str live, struct str shadow);
void field_widen(struct field_counts *field, uint64_t first_ns, uint64_t last_ns);
void endpoint_merge(struct tally *tally, struct endpoint_counts *into, const struct endpoint_counts *from);
void endpoint_free(struct endpoint_counts *endpoint);
/* Entries in order of their names; freed with mem_free. */
struct map_entry **tally_sorted(const struct map *map, size_t *count);

static inline uint64_t tally_first(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}
