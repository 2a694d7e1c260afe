/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a regular expression of a manifest is one, for a message where it is written. The gateway compiles anew on its own.
 * Thread: any. */
#pragma once

#include "manifest/problem.h"

/* An error at `at` when `pattern` is no valid expression, with what is wrong at which character. */
void regex_check(struct str pattern, const struct node *at, struct problems *problems);
