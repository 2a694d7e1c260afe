/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Lifetime: none. Thread: any. */
#pragma once

#include "base/str.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* The length of the character at the start of `s`, 1 to 4; 0 when its first byte starts none or `s` is empty. */
size_t utf8_len(struct str s);

/* How many bytes at the start of `s` are ASCII and not NUL. */
size_t utf8_plain_len(struct str s);
