/* SPDX-License-Identifier: Apache-2.0 */
/* What the analyst takes of the machine: its memory, its share of CPUs that others want, and being the first to go when memory is
 * short. Lifetime: the process's. Thread: main. */
#pragma once

#include "app/settings.h"

/* Once, before it is confined. What can't be had is logged and done without. */
void analyst_limit(const struct settings *settings);
/* It is alive: it ends when it uses the CPU for ANALYST_STUCK_S without saying so again, and the record that it is stuck in is skipped by
 * the next one. */
#define ANALYST_STUCK_S 5
void analyst_is_alive(void);
