/* SPDX-License-Identifier: Apache-2.0 */
/* One object of an API server as it is kept: its JSON without metadata.managedFields, and what names it. What comes from the server is
 * checked here: JSON, and names that can stand in a path. Lifetime: object_read to object_free. Thread: the owner's. */
#pragma once

#include "kube/watch.h"

/* Of one object's text. API servers refuse more than about 1.5 MB. */
#define OBJECT_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct kept {
    struct kube_object object; /* its texts lie behind this struct */
    size_t size;               /* of the whole block */
    uint32_t listing;          /* the last list that had it */
    bool is_ahead;             /* an answer to a write brought it: events may still tell of what was before */
};

/* What the objects of a collection are, where their text does not say so. */
struct object_form {
    struct str api_version, kind;
};

/* NULL: it is none, said in `problem` for people. */
struct kept *object_read(struct str text, const struct object_form *form, const char **problem)
    __attribute__((warn_unused_result));
/* Wiped; what was made of it goes too. */
void object_free(struct kept *kept);

/* Whether version `a` is later than `b` as far as can be known: both are decimal numbers. */
bool object_version_is_later(struct str a, struct str b);
