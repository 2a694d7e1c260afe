/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/backoff.h"

#include "base/random.h"

#define FIRST_MS 200
#define LAST_MS 30000
#define RETRY_AFTER_MAX_MS 60000

uint32_t backoff_next_ms(struct backoff *backoff, uint32_t retry_after_ms)
{
    struct random random;
    random_init(&random);
    uint32_t whole = LAST_MS;
    if (backoff->failures < 8 && FIRST_MS << backoff->failures < LAST_MS)
        whole = FIRST_MS << backoff->failures;
    backoff->failures++;
    uint32_t half = whole / 2, jitter = (uint32_t)(random_next(&random) % (half + 1));
    if (retry_after_ms > RETRY_AFTER_MAX_MS)
        retry_after_ms = RETRY_AFTER_MAX_MS;
    return (retry_after_ms > half ? retry_after_ms : half) + jitter;
}
