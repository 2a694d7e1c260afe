/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that the demo's page and its summary share: equations, reasons, rows by condition. Lines without an end, of at most 79
 * columns. Lifetime: none. Thread: any; pure functions. */
#pragma once

#include "app/demo_record.h"
#include "base/strbuf.h"

struct demo_clock {
    char ptr[24];
};
/* "1:05" */
struct demo_clock demo_clock(uint64_t ns);
/* "2.5 s", "1:05" from 100 s on */
struct demo_clock demo_span(uint64_t ns);

enum demo_equation { DEMO_MATCHED, DEMO_SENT, DEMO_EQUATION_COUNT };
enum demo_verdict { VERDICT_HOLDS, VERDICT_MOVING, VERDICT_BROKEN };

/* "matched = sampled out + …" and the numbers below, up to where the verdict begins. */
void demo_equation_names(enum demo_equation equation, struct strbuf *page);
void demo_equation_values(enum demo_equation equation, const struct demo_figures *figures, struct strbuf *page);
bool demo_equation_holds(enum demo_equation equation, const struct demo_figures *figures);
/* A page that is made while things move may be between two counters; one that stays unequal is broken. */
enum demo_verdict demo_verdict(const struct demo_record *record, enum demo_equation equation);

/* "failed: connect 3", "dropped: breaker 40, inflight 2", "filtered: method 12", with `between` between them. */
void demo_reasons(const struct demo_figures *figures, const char *between, struct strbuf *page);

/* Names have an indent of 2 columns, where a mark may stand before a row. */
void demo_row_names(struct strbuf *page);
void demo_row(const char *name, const struct demo_row *row, struct strbuf *page);
