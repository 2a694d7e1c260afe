/* SPDX-License-Identifier: Apache-2.0 */
/* A plan is checked once, before it is used: magic, version, size, checksum, every array inside the block and aligned,
 * every index and string in range, every enum known, denominators at least 1. A damaged plan is refused, never followed out of
 * bounds. Thread: any. */
#pragma once

#include "base/err.h"
#include "plan/layout.h"

bool plan_check(const void *bytes, size_t len, struct err *err) __attribute__((warn_unused_result));

/* Maps a descriptor read-only after checking seals and contents; NULL with a reason otherwise. The descriptor stays the
 * caller's. */
const struct plan *plan_map(int fd, struct err *err) __attribute__((warn_unused_result));
void plan_unmap(const struct plan *plan);
