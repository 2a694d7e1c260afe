/* SPDX-License-Identifier: Apache-2.0 */
/* What was meant by a misspelt word. Lifetime: the candidates'. Thread: any. */
#pragma once

#include "base/str.h"

/* The candidate nearest to a misspelt word, or NULL when none is near. `next` yields candidates until NULL. */
const char *nearest_word(struct str word, const char *(*next)(size_t index, const void *user), const void *user);
