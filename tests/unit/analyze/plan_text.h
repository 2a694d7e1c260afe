/* SPDX-License-Identifier: Apache-2.0 */
/* A small plan made by hand: one route with live backends and mirrors. Lifetime: the caller's. Thread: one. */
#pragma once

#include "plan/layout.h"

#define PLAN_TEXT_MOST 16

struct plan_text_mirror {
    const char *label, *revision;
    bool has_control, is_compared;
    int of_backend; /* a mirror of that backendRef; -1: of the rule */
};

struct plan_text {
    struct plan plan;
    struct plan_route route;
    struct plan_weighted weighted[PLAN_TEXT_MOST];
    struct plan_backend backends[2 * PLAN_TEXT_MOST];
    struct plan_mirror mirrors[PLAN_TEXT_MOST];
    struct plan_comparison comparison;
    struct plan_str texts[PLAN_TEXT_MOST];
    char strings[4096];
    uint32_t used;
};

/* `live_revisions` and `mirrors` end with a NULL and with a label of NULL; mirrors of the rule come first. */
void plan_text_init(struct plan_text *text, const char *route, const char *const *live_revisions,
                    const struct plan_text_mirror *mirrors);
/* One text, as a range of plan.texts. */
struct plan_range plan_text_list(struct plan_text *text, const char *word);
