/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3-64 with seed 0, by the widest instructions that the processor has: libxxhash's plain function has SSE2 alone, and takes six times as
 * long for a record as it does with AVX2. The build chooses the file. Thread: any; pure function. */
#pragma once

#include "base/str.h"

uint64_t record_checksum(struct str bytes);
