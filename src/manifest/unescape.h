/* SPDX-License-Identifier: Apache-2.0 */
/* Characters that JSON and YAML write as hexadecimal numbers. Lifetime: none. Thread: any. */
#pragma once

#include "base/str.h"

/* Reads `digits` digits at `*at`; where four of them are the first half of a surrogate pair, \u and the second half, too.
 * Writes UTF-8, which takes no more room than the digits. False for what is no character. */
bool unescape_code(const char **at, const char *end, unsigned digits, char **out) __attribute__((warn_unused_result));
