/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t utf8_len(struct str s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *byte = (const unsigned char *)s.ptr;
    if (byte[0] < 0x80)
        return 1;

    size_t len = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || s.len < len)
        return 0;
    /* The second byte's range is what keeps overlong forms, surrogates and too large values out. */
    unsigned char low = byte[0] == 0xe0 ? 0xa0 : byte[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = byte[0] == 0xed ? 0x9f : byte[0] == 0xf4 ? 0x8f : 0xbf;
    if (byte[1] < low || byte[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

size_t utf8_plain_len(struct str s)
{
    size_t at = 0;
    for (uint64_t word; s.len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, s.ptr + at, sizeof(word));
        /* A byte without its high bit that is not 0 has one less than it had, and still none. */
        if (((word - UINT64_C(0x0101010101010101)) | word) & UINT64_C(0x8080808080808080))
            break;
    }
    while (at < s.len && s.ptr[at] != '\0' && (unsigned char)s.ptr[at] < 0x80)
        at++;
    return at;
}
