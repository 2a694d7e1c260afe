/* SPDX-License-Identifier: Apache-2.0 */
/* Working memory in the order of a stack: what was taken after a mark is given back at once. Blocks beyond the first are freed by
 * scratch_trim. Lifetime: scratch_init to scratch_deinit. Thread: the owner's. */
#pragma once

#include "base/str.h"

struct scratch_block;
struct scratch {
    struct scratch_block *first, *current;
};
struct scratch_mark {
    struct scratch_block *block;
    size_t used;
};

void scratch_init(struct scratch *scratch);
void scratch_deinit(struct scratch *scratch);
void scratch_trim(struct scratch *scratch);
/* 16-byte aligned, not zeroed. */
void *scratch_take(struct scratch *scratch, size_t size) __attribute__((returns_nonnull, warn_unused_result));
struct scratch_mark scratch_mark(const struct scratch *scratch);
void scratch_reset(struct scratch *scratch, struct scratch_mark mark);
