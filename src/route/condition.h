/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says where a rule's condition looks. Internal to src/route. Thread: any; the buffer is the caller's. */
#pragma once

#include "http/head.h"
#include "plan/layout.h"

/* The value of a header (of several fields of the name, joined with ",") or of the first query parameter of the name, decoded;
 * false when there is none, or when it is longer than PLAN_MAX_VALUE. It stands in the head or in `buffer` (PLAN_MAX_VALUE bytes). */
bool condition_value(const struct head *head, enum plan_condition_kind kind, struct str name, char *buffer,
                     struct str *value) __attribute__((warn_unused_result));
