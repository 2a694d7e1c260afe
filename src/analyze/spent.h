/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU time that the analyst has used, for what may take a share of it. Lifetime: none. Thread: any; each has its own. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t spent_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}
