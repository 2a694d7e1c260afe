/* SPDX-License-Identifier: Apache-2.0 */
/* Times as an API server writes them (RFC 3339). Thread: any. */
#pragma once

#include "base/str.h"

/* "2026-01-31T12:00:00Z", with a fraction or without, with Z or an offset as "+02:00", to Unix time. Times before 1970 and
 * dates that do not exist are refused. */
bool timestamp_parse(struct str text, uint64_t *seconds) __attribute__((warn_unused_result));
