/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/unescape.h"

static bool read_hex(const char **at, const char *end, unsigned digits, uint32_t *value)
{
    if ((size_t)(end - *at) < digits)
        return false;
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = *(*at)++, lower = (char)(c | 0x20);
        bool is_decimal = c >= '0' && c <= '9';
        if (!is_decimal && (lower < 'a' || lower > 'f'))
            return false;
        *value = *value << 4 | (uint32_t)(is_decimal ? c - '0' : lower - 'a' + 10);
    }
    return true;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(first[more] | c >> 6 * more);
    while (more-- > 0)
        *out++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return out;
}

bool unescape_code(const char **at, const char *end, unsigned digits, char **out)
{
    uint32_t c, low;
    if (!read_hex(at, end, digits, &c))
        return false;
    if (digits == 4 && c >= 0xd800 && c < 0xdc00) {
        if (end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return false;
        *at += 2;
        if (!read_hex(at, end, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return false;
    *out = put_utf8(*out, c);
    return true;
}
