/* SPDX-License-Identifier: Apache-2.0 */
/* The block that `umbra run` prints once, when it serves. Thread: the supervisor's. */
#pragma once

#include "app/settings.h"
#include "base/strbuf.h"

/* To standard error, in one piece; as a log line with --log-format json. */
void startup_print(const struct settings *settings, const struct address *listening, size_t count,
                   const struct address *admin);
/* The block's text alone. */
void startup_format(struct strbuf *out, const struct settings *settings, const struct address *listening, size_t count,
                    const struct address *admin);
