/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before asking again: doubling from 200 ms to 30 s, each with jitter (half of it to all of it), never less than what the
 * server asked for (Retry-After, at most 60 s of it). Lifetime: a value. Thread: any. */
#pragma once

#include <stdint.h>

struct backoff {
    uint32_t failures; /* since the last success */
};

static inline void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
/* After one more failure: milliseconds. */
uint32_t backoff_next_ms(struct backoff *backoff, uint32_t retry_after_ms);
