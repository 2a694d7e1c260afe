/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a stream become lines, however they are cut. A line that comes whole in one part is handed on where it lies.
 * Lifetime: lines_deinit; all zero is empty. Thread: the owner's. */
#pragma once

#include "kube/wiped.h"

struct lines {
    struct wiped rest; /* of a line that has not ended */
};

/* A line, without its end; never empty. False: no more is wanted. Must not touch the lines it comes from. */
typedef bool line_fn(void *user, struct str line);

void lines_deinit(struct lines *lines);
/* False: a line is longer than `limit` bytes; nothing more is to be added. True also when `on_line` wanted no more. */
bool lines_add(struct lines *lines, struct str part, size_t limit, line_fn *on_line, void *user)
    __attribute__((warn_unused_result));
