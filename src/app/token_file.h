/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --admin-token-file, made where there is none. Knows nothing of what stands in a file that is there already.
 * Thread: main. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Bytes of a token that is made here, as hex digits. */
#define TOKEN_FILE_DIGITS 64

/* When there is no such file, makes one that only this user may read (mode 0600), with a random token in one line; others see it whole or not
 * at all. Of several that make it at once, one wins. *is_made: it was this one. False with a sentence when it can't be made. */
bool token_file_ensure(const char *path, bool *is_made, struct err *err) __attribute__((warn_unused_result));
