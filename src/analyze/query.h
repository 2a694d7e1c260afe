/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of the analyst's pages: name=value, percent-encoded, each at most once, none that the page does not know.
 * Lifetime: texts are in the arena. Thread: any. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum parameter {
    PARAMETER_ROUTE = 1,
    PARAMETER_MIRROR = 2,
    PARAMETER_SINCE = 4,
    PARAMETER_KIND = 8,
    PARAMETER_LIMIT = 16,
    PARAMETER_AFTER = 32,
};

#define QUERY_LIMIT 100
#define QUERY_LIMIT_MOST 1000

struct query {
    struct str route, mirror, after; /* empty: not asked for */
    int kind;                        /* enum finding_kind; -1: all */
    uint64_t since_ns;               /* CLOCK_REALTIME; 0: not asked for */
    size_t limit;
};

/* `known`: those of enum parameter that the page has. False: `err` is a sentence for who asked. */
bool query_parse(struct str text, unsigned known, uint64_t wall_ns, struct arena *arena, struct query *query,
                 struct err *err) __attribute__((warn_unused_result));
/* "10m", counted back from now, or RFC 3339. */
bool since_parse(struct str text, uint64_t wall_ns, uint64_t *since_ns) __attribute__((warn_unused_result));
