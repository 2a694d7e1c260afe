/* SPDX-License-Identifier: Apache-2.0 */
/* What control knows of the analyst, for metrics and status. Lifetime: borrowed from who fills it in; it changes between pages. Thread: one. */
#pragma once

#include "base/ring.h"
#include "base/str.h"

struct analyst_figures {
    bool is_up;                     /* it answers */
    const char *why_not;            /* a sentence when there is none to ask; NULL: there is */
    uint64_t lost[RING_LOSS_COUNT]; /* by the analysts of this run */
    struct str metrics;             /* its own, in Prometheus text format; empty: not known */
};
