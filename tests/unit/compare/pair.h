/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of answers for tests, and what is found in them as one line: "field kind live|other; …".
 * Lifetime: the text of a call lives until the next one. Thread: one. */
#pragma once

#include "compare/compare.h"

struct pair {
    const struct compare_rules *rules;
    const char *type; /* content-type; NULL: none */
    const char *live_coding, *other_coding;
    struct str live, other;
    struct compare_limits limits; /* zeroed: the default */
};

/* What differs; `body` may be NULL. */
const char *pair_differences(const struct pair *pair, enum body_verdict *body, struct compare_counts *counts);
/* Of two answers as they are. */
const char *pair_of_answers(const struct compare_rules *rules, const struct answer *live, const struct answer *other,
                            enum body_verdict *body);
/* Compares in both directions and wants the one to mirror the other; the text is that of live to other. */
void pair_check(const struct pair *pair, const char *expected);
