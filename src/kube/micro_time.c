/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/micro_time.h"

#include <stdio.h>
#include <time.h>

void micro_time_now(char out[MICRO_TIME])
{
    struct timespec now;
    struct tm parts;
    char second[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, MICRO_TIME, "%.19s.%06uZ", second, (unsigned)(now.tv_nsec / 1000) % 1000000);
}
