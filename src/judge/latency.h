/* SPDX-License-Identifier: Apache-2.0 */
/* Log-linear histograms of durations, and the joint one of pairs as a sparse table of cells, with the interval of the difference of two quantiles
 * (docs/judging.md, "Latency"). Lifetime: latency_*_deinit. Thread: one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LATENCY_STEPS buckets per doubling, from 1 us to 2^30 us (18 minutes). */
#define LATENCY_BUCKETS 960

struct latency_histogram {
    uint64_t *counts; /* LATENCY_BUCKETS; NULL: nothing yet */
    uint64_t total;
};

/* An open hash table. */
struct latency_cells {
    uint32_t *keys;   /* live bucket * 1024 + shadow bucket + 1; 0: free */
    uint64_t *counts; /* beside the keys */
    uint32_t capacity, used;
    uint64_t total;
};

unsigned latency_bucket(uint64_t duration_ns);
/* Edges in milliseconds. */
double latency_low_ms(unsigned bucket);

void latency_histogram_add(struct latency_histogram *histogram, unsigned bucket, uint64_t count);
void latency_histogram_deinit(struct latency_histogram *histogram);
/* Interpolated within the bucket; 0 when it is empty. */
double latency_quantile(const struct latency_histogram *histogram, double quantile);

/* False: it would be a new cell and `may_grow` is false. */
bool latency_cells_add(struct latency_cells *cells, unsigned live, unsigned shadow, uint64_t count, bool may_grow);
void latency_cells_deinit(struct latency_cells *cells);
/* Copies of the used ones in order, as pairs of key and count; freed with mem_free. */
struct latency_cell {
    uint16_t live, shadow;
    uint64_t count;
};
struct latency_cell *latency_cells_sorted(const struct latency_cells *cells, size_t *count);

#define LATENCY_QUANTILES 2
/* The difference of the two sides' quantiles in ms, and how far it may be off at any time with chance `alpha`. */
struct latency_delta {
    double quantile, tuned_pairs; /* in: where the interval is narrowest */
    double value, half;           /* out */
};
/* Resamples pairs; the same cells give the same answer. */
void latency_deltas(const struct latency_cell *cells, size_t count, double alpha, struct latency_delta *deltas,
                    size_t delta_count);
