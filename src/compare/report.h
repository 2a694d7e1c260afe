/* SPDX-License-Identifier: Apache-2.0 */
/* Where differences are put: each field once, at most `most` with their names. Places are a chain of steps up to the root that lies on the
 * stack of who walks, and are written out only when there is something to say.
 * Lifetime: report_begin to the next one. Thread: the comparer's. */
#pragma once

#include "base/arena.h"
#include "compare/compare.h"
#include "compare/path.h"

/* Of a field's name; what is longer ends in "…". */
#define REPORT_FIELD_BYTES 1024
/* Fields that are told apart beyond the named ones; after that each counts. */
#define REPORT_SEEN 2048

/* One step down; the root has none. */
struct place {
    const struct place *up;
    struct path_step step;
};

struct report {
    struct arena arena;
    char first[32768];
    struct difference list[COMPARE_MOST];
    uint64_t hashes[COMPARE_MOST]; /* of their fields */
    size_t count, unnamed;
    unsigned most;
    size_t seen_count;
    uint64_t seen[2 * REPORT_SEEN]; /* hashes of fields beyond, 0: free */
    bool has_seen;
    bool has_arena;
    char name[REPORT_FIELD_BYTES + 8];
};

void report_init(struct report *report);
void report_deinit(struct report *report);
void report_begin(struct report *report, unsigned most);

/* Values are copied, cut and made UTF-8. A field that was met before is left out. */
void report_add(struct report *report, struct str field, enum difference_kind kind, struct str live, struct str other);
/* The same with `prefix` and the place: `body.$`, `.a`, `[*]`. */
void report_add_place(struct report *report, struct str prefix, const struct place *place, enum difference_kind kind,
                      struct str live, struct str other);
