/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of JSON paths (the subset of RFC 9535 in compare.h), and which of them covers a place. A place is walked to step by step with a
 * state (which paths are how far), so that a document is asked once per value; or asked by its rendered path. Members of messages
 * (`[*].3.1`) are names of digits. Cost grows with the paths that are still open where one stands: none, mostly.
 * Lifetime: path_set_new to path_set_free; sets don't change. Thread: any. */
#pragma once

#include "base/str.h"

struct path_set;

/* Paths that can't be read cover nothing: check them before with path_is_valid. */
struct path_set *path_set_new(const struct str *paths, size_t count);
void path_set_free(struct path_set *set);
bool path_is_valid(struct str path);
bool path_set_is_empty(const struct path_set *set);

/* The index of the first path that covers `rendered` (`$.items[*].id`, also with the `body.` of a field in front), or -1. `[*]` in it is
 * any element, so that `[3]` covers it as well. */
int path_set_find(const struct path_set *set, struct str rendered);
/* There may be places below `rendered` that are covered, though it is not. */
bool path_set_may_be_below(const struct path_set *set, struct str rendered);

/* ---- walking ---- */

#define PATH_ANY_INDEX UINT64_MAX

struct path_step {
    struct str name; /* unescaped; of an element not looked at */
    uint64_t index;
    bool is_element;
};
/* A state is path_set_words() words of the caller's, at least 1. */
size_t path_set_words(const struct path_set *set);
/* At the root. Returns the first path that is `$`, or -1. */
int path_set_begin(const struct path_set *set, uint64_t *state);
/* From a place to one below. Returns the first path that ends there, or -1. False in `is_open`: no path goes on below. */
int path_set_step(const struct path_set *set, const uint64_t *from, const struct path_step *step, uint64_t *to,
                  bool *is_open);
