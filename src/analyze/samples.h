/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of pairs that differ, for people to look at: redacted before they leave this file, as the mirror's policy says (samples None:
 * nothing; Fields: what differs, its values masked; Full: request and answers). The first of a finding are kept at once, then each is further away
 * from the one before, so that a difference in every pair does not write one per pair.
 * Lifetime: samples_init to samples_deinit. Thread: the analyst's. */
#pragma once

#include "analyze/groups.h"
#include "analyze/observe.h"

/* Differences that are followed; when there are more, all begin anew. A power of two. */
#define SAMPLES_FOLLOWED 16384
/* Of a finding, before the gaps grow. */
#define SAMPLES_AT_ONCE 5
/* Of all, in a second: each is a write to the store. */
#define SAMPLES_PER_SECOND 40
/* Of a body, as it is kept; what is behind is cut. */
#define SAMPLE_BODY_MAX (32u * 1024)

/* Until the store takes them. */
#define SAMPLES_WAITING_MAX (8u * 1024 * 1024)

struct followed {
    uint64_t hash; /* 0: free */
    uint32_t seen, next;
};

struct samples {
    struct store *store;
    struct followed *table;
    size_t count;
    unsigned allowance;  /* of this second */
    struct list waiting; /* for the next transaction */
    size_t waiting_bytes;
    uint64_t written, refused;
    struct strbuf text, value;
};

void samples_init(struct samples *samples, struct store *store);
void samples_deinit(struct samples *samples);
/* A second is over. */
void samples_tick(struct samples *samples);
/* Gives those that wait to the store. */
bool samples_save(struct samples *samples);
/* Counts the difference once; true: it is time for a sample of it. */
bool samples_is_due(struct samples *samples, const struct group *group, struct str endpoint, struct str field);
/* Of the present pair, for its differences that are due (bit i of `due`: the i-th field, below 64). Their shown values are redacted already. */
void samples_add(struct samples *samples, struct observer *observer, const struct group *group,
                 const struct pair_seen *pair, uint64_t due, const struct leg *const legs[LEG_COUNT]);
/* RFC 3339, UTC, milliseconds. */
void add_time(struct strbuf *out, uint64_t wall_ns);
