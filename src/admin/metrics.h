/* SPDX-License-Identifier: Apache-2.0 */
/* The page of GET /metrics (Prometheus text format 0.0.4) from the registry. One table in metrics.c holds every family:
 * it makes the page and docs/reference/metrics.md. The page is made in pieces, so that 30,000 series cost the memory of one
 * piece and a slow scraper holds nothing more; values of one entry are read together, those of different entries one after the other.
 * Lifetime: the cursor's. Thread: any; reads atomics only. */
#pragma once

#include "admin/analyst_figures.h"
#include "admin/process.h"
#include "base/strbuf.h"
#include "registry/registry.h"

/* Sent as Content-Type. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Where a page that is made in pieces stands; zero at its start. */
struct metrics_cursor {
    size_t family, entry;
    bool is_over; /* with the analyst's own */
};

struct metrics_from {
    struct registry *registry;
    const struct process *process;
    const struct analyst_figures *analyst; /* NULL: nothing is known of one */
};

/* Appends the next piece, at least `piece` bytes unless the page ends before; false when it has ended with this piece. */
bool metrics_next(const struct metrics_from *from, struct metrics_cursor *cursor, size_t piece, struct strbuf *page);
/* What is good of the analyst's own text, which may be anything: lines of the families that the table says are its. */
void metrics_add_analyst(struct strbuf *page, struct str text);

/* docs/reference/metrics.md */
void metrics_reference(struct strbuf *page);
