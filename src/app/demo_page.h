/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo shows: the page of a terminal, a line a second elsewhere, and the summary at the end.
 * Lifetime: values. Thread: any; pure functions. */
#pragma once

#include "app/demo_record.h"
#include "app/demo_verdicts.h"
#include "base/strbuf.h"

#define DEMO_PAGE_LOG 4

struct demo_view {
    const struct demo_record *record;
    struct demo_verdicts verdicts;
    struct str gateway, admin; /* "http://127.0.0.1:8080" */
    uint64_t elapsed_ns;
    uint32_t rate;
    struct str notice;             /* what was done or went wrong last; may be empty */
    struct str log[DEMO_PAGE_LOG]; /* what the processes said, newest first; STR_NONE at the end */
    unsigned rows, columns;        /* of the page */
    bool has_colour, has_utf8;
};

/* At least 23 lines of at least 80 columns; more room is used. */
void demo_page(const struct demo_view *view, struct strbuf *page);
/* The keys, for the last line of the terminal. */
void demo_page_keys(const struct demo_view *view, struct strbuf *page);
/* Verdicts that are new, without a terminal. */
void demo_page_say(const struct demo_view *view, struct demo_said *said, uint64_t now_ns, struct strbuf *page);
/* One line. */
void demo_line(const struct demo_view *view, struct strbuf *page);
/* What it came to: conditions, both equations, errors, verdicts. No colours. */
void demo_summary(const struct demo_view *view, struct strbuf *page);
