/* SPDX-License-Identifier: Apache-2.0 */
/* The arrays of a plan by number: for what is done to all of them alike. Thread: any. */
#pragma once

#include "plan/layout.h"

enum array_id {
    ARRAY_STRINGS, /* first: texts have their offsets before the block is whole */
    ARRAY_SOCKETS,
    ARRAY_LISTENERS,
    ARRAY_NODES,
    ARRAY_BRANCHES,
    ARRAY_GROUPS,
    ARRAY_MATCHES,
    ARRAY_CONDITIONS,
    ARRAY_REGEXES,
    ARRAY_NAMES,
    ARRAY_BUCKETS,
    ARRAY_CANDIDATES,
    ARRAY_LENGTHS,
    ARRAY_PEER_SETS,
    ARRAY_ROUTES,
    ARRAY_WEIGHTED,
    ARRAY_BACKENDS,
    ARRAY_MIRRORS,
    ARRAY_CIDRS,
    ARRAY_EDITS,
    ARRAY_REWRITES,
    ARRAY_REDIRECTS,
    ARRAY_CORS,
    ARRAY_ANSWERS,
    ARRAY_REDACTIONS,
    ARRAY_TLS,
    ARRAY_SANS,
    ARRAY_COMPARISONS,
    ARRAY_ARRAY_RULES,
    ARRAY_CODES,
    ARRAY_TEXTS,
    ARRAY_TRUSTED_PROXIES,
    ARRAY_COUNT
};

struct array_kind {
    const char *name;    /* in words, for messages */
    size_t offset;       /* of its struct plan_array in struct plan */
    size_t element_size; /* in bytes */
};

extern const struct array_kind array_kinds[ARRAY_COUNT];

static inline struct plan_array *array_of(struct plan *plan, enum array_id id)
{
    return (struct plan_array *)((char *)plan + array_kinds[id].offset);
}
