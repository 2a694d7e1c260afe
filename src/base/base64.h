/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 4) to bytes. Lifetime: the caller's memory. Thread: any. */
#pragma once

#include "base/str.h"

/* Room that is enough for the bytes of a text. */
#define BASE64_ROOM(text_len) ((text_len) / 4 * 3 + 3)

/* Writes the bytes of a text that is known to be base64 and returns how many there are. Line breaks and other bytes that are none of the
 * alphabet are passed over. */
size_t base64_decode(struct str text, char *out);
