/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines of a process go: standard error, one write(2) a line, so that lines of several processes never mix.
 * Lifetime: set once, before threads start. Thread: the lines may come from any. */
#pragma once

#include "app/settings.h"

void log_sink_start(const char *role, const struct settings *settings);
