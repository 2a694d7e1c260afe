/* SPDX-License-Identifier: Apache-2.0 */
/* status.parents of routes and status.ancestors of policies: the entries of this controller replaced, those of others kept.
 * Lifetime: values are jansson's, given to the caller. Thread: any. */
#pragma once

#include "status/status.h"

#include <jansson.h>

struct branches_merge {
    const json_t *present;
    const struct outcome *outcome;
    const char *ref_name;                 /* "parentRef" or "ancestorRef" */
    size_t most;                          /* entries that the API allows; those of others come first */
    const struct outcome_condition *flow; /* added to each of ours; NULL: none */
    const char *kept_type;
    struct str now;
};
json_t *branches_merge(const struct branches_merge *merge);
