/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes may stand where in HTTP (RFC 9110 5.6.2) and in URLs (RFC 3986), as one table.
 * Lifetime: constant. Thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum byte_class {
    BYTE_TOKEN = 1,      /* tchar of RFC 9110 5.6.2 */
    BYTE_UNRESERVED = 2, /* RFC 3986 2.3 */
    BYTE_REG_NAME = 4,   /* unreserved and sub-delims; '%' begins an escape and is apart */
};

extern const uint8_t byte_classes[256];

static inline bool byte_is(char byte, enum byte_class class)
{
    return byte_classes[(uint8_t)byte] & class;
}

/* 0 to 15, or -1 when it is no hex digit. */
static inline int byte_hex(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
