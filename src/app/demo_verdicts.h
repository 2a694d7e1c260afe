/* SPDX-License-Identifier: Apache-2.0 */
/* How the demo shows Umbra's verdicts, in words without colours: on the page, among the lines of a demo without a terminal, and in the
 * summary. Lifetime: values. Thread: any. */
#pragma once

#include "app/demo_judgement.h"

/* The verdicts and whose they are. */
struct demo_verdicts {
    const struct demo_judgement *judgement;
    struct str labels[DEMO_SHADOWS];
};

/* "shadow", "clean" */
const char *demo_shadow_name(size_t shadow);
/* "3,412 pairs; 0.2 % of copies failed" */
void demo_judged_numbers(const struct demo_judged *judged, struct strbuf *page);
/* Wraps a sentence into at most `rows` lines of `width` columns behind `indent` blanks, each with its end. Returns how many these are. */
size_t demo_sentence(const char *sentence, size_t rows, size_t indent, size_t width, struct strbuf *page);
/* Its reasons in at most so many lines: a line each, and two where there is room, or room for one alone. Returns how many these are. */
size_t demo_judged_reasons(const struct demo_judged *judged, size_t rows, size_t indent, size_t width,
                           struct strbuf *page);

/* What was said last; zeroed at the start. */
struct demo_said {
    struct demo_judged last[DEMO_SHADOWS];
    uint64_t at_ns[DEMO_SHADOWS];
    char trouble[DEMO_SENTENCE];
};
/* What is new, if anything: a verdict that was reached, or one that changed, or its reasons (other than in their numbers) a few seconds
 * after it was said. `clock` stands in front. */
void demo_verdicts_say(const struct demo_verdicts *verdicts, struct demo_said *said, uint64_t now_ns, struct str clock,
                       struct strbuf *page);
/* Both verdicts with all reasons. */
void demo_verdicts_add(const struct demo_verdicts *verdicts, struct strbuf *page);
/* A line for each planted fault with what was found of it, cut at `width` (0: whole), each with its end; `indent` blanks in front of all
 * but the first. */
#define DEMO_FAULT_WIDTH 34
void demo_faults_add(const struct demo_judgement *judgement, size_t indent, size_t width, struct strbuf *page);
