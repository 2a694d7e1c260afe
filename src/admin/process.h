/* SPDX-License-Identifier: Apache-2.0 */
/* What the process that serves the admin port uses, from /proc/self, for the process_* metrics.
 * Lifetime: a value. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct process {
    bool is_known; /* false: /proc could not be read; the process_* families are then left out */
    double cpu_seconds;
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
    double start_time_seconds; /* since 1970 */
};

struct process process_read(void);
