/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/latency.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "judge/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES 400
#define REPLICATES_LEAST 100
/* Draws of one look: bounds its time, about 30 ns each. */
#define DRAWS 2000000
#define CELLS_MIN 64

unsigned latency_bucket(uint64_t duration_ns)
{
    if (duration_ns < 1000)
        return 0;
    double bucket = log2((double)duration_ns / 1000.0) * LATENCY_STEPS;
    return bucket >= LATENCY_BUCKETS ? LATENCY_BUCKETS - 1 : (unsigned)bucket;
}

double latency_low_ms(unsigned bucket)
{
    return bucket == 0 ? 0 : exp2((double)bucket / LATENCY_STEPS) / 1000.0;
}

void latency_histogram_add(struct latency_histogram *histogram, unsigned bucket, uint64_t count)
{
    if (!histogram->counts)
        histogram->counts = mem_alloc(LATENCY_BUCKETS * sizeof(*histogram->counts));
    histogram->counts[bucket] += count;
    histogram->total += count;
}

void latency_histogram_deinit(struct latency_histogram *histogram)
{
    mem_free(histogram->counts);
    *histogram = (struct latency_histogram){0};
}

/* Buckets outside of it are empty. */
struct span {
    unsigned first, last;
};
static const struct span all_buckets = {0, LATENCY_BUCKETS - 1};

/* The bucket in which the quantile lies, and how much of it is below the quantile, 0 to 1. */
static unsigned find_quantile(const uint64_t *counts, struct span span, double total, double quantile, double *part)
{
    double wanted = total * quantile, below = 0;
    unsigned last = 0;
    for (unsigned i = span.first; i <= span.last; i++) {
        double here = (double)counts[i];
        if (here == 0)
            continue;
        last = i;
        if (below + here >= wanted) {
            *part = (wanted - below) / here;
            return i;
        }
        below += here;
    }
    *part = 1;
    return last;
}

static double quantile_of(const uint64_t *counts, struct span span, double total, double quantile)
{
    double part;
    unsigned bucket = find_quantile(counts, span, total, quantile, &part);
    double low = latency_low_ms(bucket);
    return low + (latency_low_ms(bucket + 1) - low) * part;
}

double latency_quantile(const struct latency_histogram *histogram, double quantile)
{
    return histogram->total == 0 ? 0 : quantile_of(histogram->counts, all_buckets, (double)histogram->total, quantile);
}

/* ------------------------------------------------------------------------------------------------------------- cells */

static uint32_t find_slot(const struct latency_cells *cells, uint32_t key)
{
    uint32_t mask = cells->capacity - 1;
    uint32_t slot = (key * 2654435769u) & mask;
    while (cells->keys[slot] != 0 && cells->keys[slot] != key)
        slot = (slot + 1) & mask;
    return slot;
}

static void grow(struct latency_cells *cells)
{
    struct latency_cells before = *cells;
    cells->capacity = before.capacity ? before.capacity * 2 : CELLS_MIN;
    cells->keys = mem_alloc(cells->capacity * sizeof(*cells->keys));
    cells->counts = mem_alloc(cells->capacity * sizeof(*cells->counts));
    for (uint32_t i = 0; i < before.capacity; i++) {
        if (before.keys[i] == 0)
            continue;
        uint32_t slot = find_slot(cells, before.keys[i]);
        cells->keys[slot] = before.keys[i];
        cells->counts[slot] = before.counts[i];
    }
    mem_free(before.keys);
    mem_free(before.counts);
}

bool latency_cells_add(struct latency_cells *cells, unsigned live, unsigned shadow, uint64_t count, bool may_grow)
{
    uint32_t key = live * 1024 + shadow + 1;
    if (cells->used * 2 >= cells->capacity) {
        if (cells->capacity == 0 && !may_grow)
            return false;
        grow(cells);
    }
    uint32_t slot = find_slot(cells, key);
    if (cells->keys[slot] == 0) {
        if (!may_grow)
            return false;
        cells->keys[slot] = key;
        cells->used++;
    }
    cells->counts[slot] += count;
    cells->total += count;
    return true;
}

void latency_cells_deinit(struct latency_cells *cells)
{
    mem_free(cells->keys);
    mem_free(cells->counts);
    *cells = (struct latency_cells){0};
}

static int by_place(const void *a, const void *b)
{
    const struct latency_cell *x = a, *y = b;
    return x->live != y->live ? (int)x->live - (int)y->live : (int)x->shadow - (int)y->shadow;
}

struct latency_cell *latency_cells_sorted(const struct latency_cells *cells, size_t *count)
{
    struct latency_cell *list = mem_alloc((cells->used + 1) * sizeof(*list));
    size_t n = 0;
    for (uint32_t i = 0; i < cells->capacity; i++) {
        if (cells->keys[i] != 0)
            list[n++] = (struct latency_cell){(uint16_t)((cells->keys[i] - 1) / 1024),
                                              (uint16_t)((cells->keys[i] - 1) % 1024), cells->counts[i]};
    }
    qsort(list, n, sizeof(*list), by_place);
    *count = n;
    return list;
}

/* --------------------------------------------------------------------------------------------------------- resampling */

/* SplitMix64 (Steele, Lea, Flood, 2014), to seed from the counts. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void seed_from(struct random *random, const struct latency_cell *cells, size_t count)
{
    uint64_t state = count;
    for (size_t i = 0; i < count; i++) {
        state ^= ((uint64_t)cells[i].live << 40) ^ ((uint64_t)cells[i].shadow << 20) ^ cells[i].count;
        state = mix(&state);
    }
    for (size_t i = 0; i < 4; i++)
        random->state[i] = mix(&state);
}

/* (0, 1) */
static double uniform(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 0.5) * 0x1p-53;
}

/* Of a Poisson distribution: by inversion, for many by the normal one. `zero` is exp(-mean). */
static uint64_t draw(struct random *random, double mean, double zero)
{
    if (mean < 32) {
        double u = uniform(random), p = zero, sum = p;
        uint64_t k = 0;
        while (u > sum && k < 200) {
            k++;
            p *= mean / (double)k;
            sum += p;
        }
        return k;
    }
    double normal = sqrt(-2 * log(uniform(random))) * cos(6.283185307179586 * uniform(random));
    double value = floor(mean + sqrt(mean) * normal + 0.5);
    return value < 0 ? 0 : (uint64_t)value;
}

struct sides {
    uint64_t live[LATENCY_BUCKETS], shadow[LATENCY_BUCKETS];
    struct span live_span, shadow_span;
    double total;
};

static void widen(struct span *span, unsigned bucket)
{
    span->first = bucket < span->first ? bucket : span->first;
    span->last = bucket > span->last ? bucket : span->last;
}

static void clear(uint64_t *counts, struct span span)
{
    memset(counts + span.first, 0, (span.last - span.first + 1) * sizeof(*counts));
}

static double difference_of(const struct sides *sides, double quantile)
{
    return quantile_of(sides->shadow, sides->shadow_span, sides->total, quantile) -
           quantile_of(sides->live, sides->live_span, sides->total, quantile);
}

static void resample(struct random *random, const struct latency_cell *cells, const double *zeros, size_t count,
                     struct sides *sides)
{
    clear(sides->live, sides->live_span);
    clear(sides->shadow, sides->shadow_span);
    sides->total = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t drawn = draw(random, (double)cells[i].count, zeros[i]);
        sides->live[cells[i].live] += drawn;
        sides->shadow[cells[i].shadow] += drawn;
        sides->total += (double)drawn;
    }
}

/* What interpolation may hide: all of a bucket's width when most of the pairs are in it, little when it is one of many. */
static double blur(const uint64_t *counts, double total, double quantile)
{
    double part;
    unsigned bucket = find_quantile(counts, all_buckets, total, quantile, &part);
    double share = 4 * (double)counts[bucket] / total;
    return (latency_low_ms(bucket + 1) - latency_low_ms(bucket)) / 2 * (share < 1 ? share : 1);
}

/* The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (Annals of Statistics 2024, eq. 2.5), in
 * standard errors; rho is chosen so that it is narrowest at `tuned` pairs. */
static double sequence_width(double pairs, double tuned, double alpha)
{
    double cost = -2 * log(alpha);
    double v = (cost + log(cost) + 1) / tuned * pairs; /* t rho^2 */
    return sqrt(2 * (v + 1) / v * log(sqrt(v + 1) / alpha));
}

void latency_deltas(const struct latency_cell *cells, size_t count, double alpha, struct latency_delta *deltas,
                    size_t delta_count)
{
    ASSERT(delta_count <= LATENCY_QUANTILES);
    struct sides *all = mem_alloc(sizeof(*all)), *drawn = mem_alloc(sizeof(*drawn));
    double *zeros = mem_alloc((count + 1) * sizeof(*zeros));
    all->live_span = all->shadow_span = (struct span){LATENCY_BUCKETS - 1, 0};
    for (size_t i = 0; i < count; i++) {
        widen(&all->live_span, cells[i].live);
        widen(&all->shadow_span, cells[i].shadow);
        all->live[cells[i].live] += cells[i].count;
        all->shadow[cells[i].shadow] += cells[i].count;
        all->total += (double)cells[i].count;
        zeros[i] = exp(-(double)cells[i].count);
    }
    size_t replicates = count > 0 ? DRAWS / count : REPLICATES;
    replicates = replicates > REPLICATES ? REPLICATES : replicates < REPLICATES_LEAST ? REPLICATES_LEAST : replicates;
    double sum[LATENCY_QUANTILES] = {0}, squares[LATENCY_QUANTILES] = {0};
    struct random random;
    seed_from(&random, cells, count);
    for (size_t d = 0; d < delta_count && all->total > 0; d++)
        deltas[d].value = difference_of(all, deltas[d].quantile);
    drawn->live_span = all->live_span;
    drawn->shadow_span = all->shadow_span;
    for (size_t r = 0; r < replicates && all->total > 0; r++) {
        resample(&random, cells, zeros, count, drawn);
        for (size_t d = 0; d < delta_count && drawn->total > 0; d++) {
            double off = difference_of(drawn, deltas[d].quantile) - deltas[d].value;
            sum[d] += off;
            squares[d] += off * off;
        }
    }
    for (size_t d = 0; d < delta_count && all->total > 0; d++) {
        double mean = sum[d] / (double)replicates;
        double variance = squares[d] / (double)replicates - mean * mean;
        deltas[d].half = sqrt(variance > 0 ? variance : 0) * sequence_width(all->total, deltas[d].tuned_pairs, alpha) +
                         blur(all->live, all->total, deltas[d].quantile) +
                         blur(all->shadow, all->total, deltas[d].quantile);
    }
    mem_free(zeros);
    mem_free(all);
    mem_free(drawn);
}
