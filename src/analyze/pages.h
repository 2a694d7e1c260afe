/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst's answers to questions, as JSON. Lifetime: none. Thread: the analyst's. */
#pragma once

#include "analyze/analyze.h"
#include "analyze/findings.h"
#include "analyze/services.h"
#include "analyze/verdicts.h"

struct pages {
    struct groups *groups;
    struct findings *findings;
    struct verdicts *verdicts;
    struct services *services;
};

/* `now_ns` is the clock of deadlines, `wall_ns` CLOCK_REALTIME. What is not stored yet is stored first when stored slots are asked for. */
void pages_ask(const struct pages *pages, struct str path, struct str query, uint64_t now_ns, uint64_t wall_ns,
               struct analyze_answer *answer);
