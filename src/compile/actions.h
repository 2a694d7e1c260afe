/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a rule or of a backendRef as actions of the rule tables. Mirrors are mirrors.h's.
 * Lifetime: the compiler's arena. Thread: control's. */
#pragma once

#include "compile/compiler.h"

/* False, and said, when there is a filter that can't be acted on: then the requests get 500, since the Gateway API
 * forbids to go on without it. */
bool actions_compile(struct compiler *compiler, const struct schema_list *filters, struct rule_actions *actions)
    __attribute__((warn_unused_result));

/* Warns of edits that are not done: of fields that no rule may touch. */
void actions_check_edits(struct compiler *compiler, const struct http_header_filter *filter);
/* The edits of a header filter in the order set, add, remove. */
struct rule_edit *actions_edits(struct arena *arena, const struct http_header_filter *filter, size_t *count);
