/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with manifests, collected over a whole run so that people mend everything at once. Shown as
 * `file:line:col: Kind/name: field: what is wrong`. Lifetime: problems_deinit; texts are in its arena. Thread: the owner's. */
#pragma once

#include "base/arena.h"
#include "base/strbuf.h"
#include "manifest/node.h"

enum severity {
    SEVERITY_ERROR,   /* the resource is left out, or its last good version stays */
    SEVERITY_WARNING, /* in force, but worth a person's look */
    SEVERITY_NOTE,    /* said once, needs no attention: a kind that Umbra does not know */
};

struct problem {
    enum severity severity;
    struct str file; /* STR_NONE: not from a file */
    uint32_t line, column;
    struct str kind, ns, name; /* of the resource; STR_NONE where it is not known */
    struct str field;          /* "spec.rules[0].matches[1].path.value"; may be empty */
    struct str reason;         /* the Gateway API's reason where it has one ("BackendNotFound"); else empty */
    struct str text;           /* what is wrong and how to mend it */
};

#define PROBLEMS_MAX 10000 /* kept; what comes after is only counted */

struct problems {
    struct arena arena;
    struct problem *list;
    size_t count, capacity;
    size_t left_out;
    size_t errors, warnings; /* all of them */
};

void problems_init(struct problems *problems);
void problems_deinit(struct problems *problems);

/* At a node: file, position and field path come from it, kind and name from its document's root (for members of a List
 * from the item). `reason` may be STR_NONE. */
void problems_add(struct problems *problems, enum severity severity, struct str reason, const struct node *at,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* At a node's member that may be absent: then the position is the node's own and the field path ends in `member`. */
void problems_add_member(struct problems *problems, enum severity severity, struct str reason, const struct node *at,
                         const char *member, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* At a place of a file where there is no node: syntax errors, files that can't be read (line 0). */
void problems_add_place(struct problems *problems, enum severity severity, struct str file, uint32_t line,
                        uint32_t column, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* At the same place and of the same resource as another one. */
void problems_add_beside(struct problems *problems, enum severity severity, struct str reason,
                         const struct problem *other, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Appends copies of all of `more`. */
void problems_add_all(struct problems *problems, const struct problems *more);

/* How many resources have an error, or a warning too; what has no resource counts for its file, and what was left out each for
 * itself. `more` may be NULL. */
size_t problems_count_resources(const struct problems *problems, const struct problems *more, enum severity least);

/* `file:line:col: Kind/name: field: text`; parts that are not known are left out. Ends without a newline. */
void problem_format(struct strbuf *out, const struct problem *problem);
