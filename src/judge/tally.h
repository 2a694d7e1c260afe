/* SPDX-License-Identifier: Apache-2.0 */
/* All that is known of one mirror and one pair of revisions, as counts that can be added up: those of two replicas, of two minutes,
 * of a run and the one before. Nothing in it depends on the order in which pairs came, but for the bounds: at most TALLY_FIELDS
 * (endpoint, field) entries, TALLY_ENDPOINTS endpoints and TALLY_CELLS cells of the joint histogram; what comes after is counted as "other".
 * Latencies are log-linear: LATENCY_STEPS buckets per doubling, from 1 us; live and shadow jointly in a sparse table of cells, so that pairs can be resampled.
 * Encoded as JSON with sorted keys (docs/reference/tally.md), read back as hostile input.
 * Lifetime: tally_new to tally_free. Thread: one. */
#pragma once

#include "base/err.h"
#include "base/strbuf.h"
#include "judge/observation.h"

#define TALLY_FIELDS 512
#define TALLY_ENDPOINTS 128
#define TALLY_CELLS 16384
#define LATENCY_STEPS 32

struct thresholds {
    uint64_t min_pairs, min_pairs_p99;
    double max_shadow_failures, max_lost, max_different, max_new_errors, max_blind; /* shares, 0 to 1 */
    double finding_latency_ms, finding_latency_share, max_latency_ms, max_latency_share;
};
extern const struct thresholds thresholds_default;

struct tally_key {
    struct str route, mirror, live_revision, shadow_revision;
};

struct tally; /* judge/tally_layout.h */
struct tally *tally_new(const struct tally_key *key);
void tally_free(struct tally *tally);
struct tally_key tally_key(const struct tally *tally);
/* Merging tallies with different ones takes the stricter of each. */
void tally_set_thresholds(struct tally *tally, const struct thresholds *thresholds);
/* `status` and `grpc-status` are counted from the legs themselves; fields of these names in the list are passed over. A leg without a duration (0) is
 * not in the latencies. The time that the tally covers is widened. */
void tally_add_pair(struct tally *whole, const struct pair_seen *pair);
/* Copies that were attempted (they passed sampling and filters), and those of them that Umbra lost: dropped for want of its own means, given up, or without a record.
 * Comes from the accounting, since a copy that was never made leaves no record. `unpaired`: legs that stayed alone. */
void tally_add_delivery(struct tally *whole, uint64_t attempted, uint64_t lost, uint64_t unpaired);
/* Copies, among those attempted, that were not sent because the shadow had failed before or had no address: as if it had failed each. `why`
 * is the label. */
void tally_add_kept_away(struct tally *whole, const char *why, uint64_t count);
/* An endpoint's name has changed (compare/endpoint.h): its counts become the other's. */
void tally_rename_endpoint(struct tally *tally, struct str from, struct str to);
/* `from` keeps its counts; both have the same key. */
void tally_merge(struct tally *tally, struct tally *from);
/* What was added by tally_add_pair and tally_add_delivery (not by merging) since tally_new or the last call, as a tally of its own, the caller's to free; for slots
 * of time in the store. It has no thresholds: what is allowed is no count. NULL: nothing. */
struct tally *tally_take_news(struct tally *tally);

void tally_write(struct tally *tally, struct strbuf *out);
/* NULL with what is wrong. */
struct tally *tally_read(struct str json, struct err *err) __attribute__((warn_unused_result));
/* docs/reference/tally.md */
void tally_reference(struct strbuf *page);
