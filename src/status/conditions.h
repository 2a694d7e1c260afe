/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of metav1.Condition: ours replaced by type, those of others kept, lastTransitionTime kept while the status is the same.
 * Lifetime: values are jansson's, given to the caller. Thread: any. */
#pragma once

#include "status/status.h"

#include <jansson.h>

struct conditions_merge {
    const json_t *present; /* the list as it is; anything else counts as none */
    const struct outcome_conditions *ours;
    const char *const
        *own_types;        /* NULL-terminated: those of them that are not among `ours` are taken out; NULL: all */
    const char *kept_type; /* left as it is when it is not among `ours`; NULL: none */
    int64_t generation;
    struct str now;
};
json_t *conditions_merge(const struct conditions_merge *merge);

/* A text as JSON has them: what is no UTF-8 or a control character becomes "?". */
json_t *text_new(struct str text);
/* Of a string; else STR_NONE. */
struct str text_of(const json_t *json);
struct str member_text(const json_t *object, const char *name);
