/* SPDX-License-Identifier: Apache-2.0 */
/* What Umbra says of the demo's shadows, read from GET /api/tallies and judged: verdicts with their reasons, and what was found of each
 * planted fault. Lifetime: values of a fixed size, which processes share. Thread: any; pure functions. */
#pragma once

#include "app/demo_shop.h"
#include "base/address.h"
#include "judge/verdict.h"

/* In the order of the roles: the one with planted faults, the clean one. */
#define DEMO_SHADOWS 2
#define DEMO_REASONS 8 /* kept of a verdict: more fit no screen */
#define DEMO_SENTENCE 400

struct demo_judged {
    bool is_there; /* anything is known of it */
    enum verdict_kind kind;
    uint64_t pairs, attempted, failed; /* copies: attempted, and not answered by the shadow's fault */
    size_t reason_count;
    char reasons[DEMO_REASONS][DEMO_SENTENCE]; /* the weightiest first */
    char found[SHOP_FAULTS][DEMO_SENTENCE];    /* by planted fault; "": nothing yet */
};

struct demo_judgement {
    uint64_t asked_at_ns;        /* CLOCK_MONOTONIC; 0: never */
    char trouble[DEMO_SENTENCE]; /* why it could not be asked; "": it could */
    struct demo_judged shadows[DEMO_SHADOWS];
};

/* `shadows` are filled; those that the answer does not name are not there. */
bool demo_judgement_read(struct demo_judgement *judgement, struct str json, const char labels[][ADDRESS_TEXT],
                         struct err *err) __attribute__((warn_unused_result));
/* PASS or FAIL. */
bool demo_judged_is_settled(const struct demo_judged *judged);
/* Both are settled, and each planted fault is found. */
bool demo_judgement_is_whole(const struct demo_judgement *judgement);
