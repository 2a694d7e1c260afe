/* SPDX-License-Identifier: Apache-2.0 */
/* The customers of the demo's shop: requests at a steady rate, whether answers come or not (open loop), in a process of their own, each
 * answer compared byte for byte with what live has to say. What they saw stands in memory that the demo shares.
 * Lifetime: the process; the figures are the demo's, load_figures_new to its end. Thread: main of a demo child; figures: any. */
#pragma once

#include "app/demo_latency.h"
#include "base/address.h"

#include <stdatomic.h>

#define LOAD_MAX_RATE 5000
/* Requests without an answer at once; one beyond is not sent and counts as an error: the load must stay bounded. */
#define LOAD_MAX_WAITING 1024
#define LOAD_TIMEOUT_MS 5000

/* What a client calls an error. */
/* clang-format off */
#define LOAD_ERRORS(X) \
    X(CONNECT, "no connection") \
    X(RESET, "broken answer") \
    X(TIMEOUT, "no answer in 5 s") \
    X(STATUS, "wrong status") \
    X(BODY, "wrong bytes") \
    X(WAITING, "too many waiting")
/* clang-format on */
#define X(name, label) LOAD_ERROR_##name,
enum load_error { LOAD_ERRORS(X) LOAD_ERROR_COUNT };
#undef X
const char *load_error_name(enum load_error error);

/* Shared; written by the load alone. */
struct load_figures {
    _Atomic uint64_t begun; /* = answered + errors + waiting */
    _Atomic uint64_t answered;
    _Atomic uint64_t errors[LOAD_ERROR_COUNT];
    _Atomic uint64_t latency[LATENCY_BUCKETS]; /* of answered ones, from sending to the last byte */
};

/* A copy at one moment. */
struct load_sample {
    uint64_t begun, answered, errors[LOAD_ERROR_COUNT], error_sum;
    uint64_t latency[LATENCY_BUCKETS];
};

struct load_spec {
    struct address gateway;
    uint32_t rate; /* requests a second */
    struct load_figures *figures;
};

#define LOAD_STOP 'x' /* the word on the channel after which nothing more is sent; what waits may still be answered */

/* Zeroed memory that children share, NULL with errno. */
struct load_figures *load_figures_new(void);
void load_figures_free(struct load_figures *figures);
void load_sample_take(struct load_figures *figures, struct load_sample *sample);
/* Requests that wait for their answer. */
uint64_t load_waiting(const struct load_sample *sample);

/* `spec` points at a struct load_spec. Ends when the channel closes. */
int demo_load_run(const void *spec);
