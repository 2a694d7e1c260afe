/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says where a rule's condition looks. Internal to src/route. Thread: any; the buffer is the caller's. */
#pragma once

#include "http/head.h"
#include "plan/layout.h"

/* The request, and how it came. */
struct condition_subject {
    const struct head *head;
    const struct plan *plan;
    uint32_t socket, listener; /* of the plan */
};

enum condition_found { CONDITION_ABSENT, CONDITION_FOUND, CONDITION_TOO_LONG /* over PLAN_MAX_VALUE */ };

/* The value of a header (of several fields of the name, joined with ","), of the first query parameter of the name, decoded, or of what
 * has no name. It stands in the head, in the plan or in `buffer` (PLAN_MAX_VALUE bytes). */
enum condition_found condition_value(const struct condition_subject *subject, enum plan_condition_kind kind,
                                     struct str name, char *buffer, struct str *value);
