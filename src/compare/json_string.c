/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and their escapes. */
#include "compare/json_read.h"

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

int32_t json_read_hex(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

const char *json_skip_escape(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at != 'u')
        return *at != '\0' && strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
    int32_t unit = json_read_hex(at + 1, end);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return NULL;
    at += 5;
    if (unit < 0xd800 || unit >= 0xdc00)
        return at;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return NULL;
    unit = json_read_hex(at + 2, end);
    return unit >= 0xdc00 && unit < 0xe000 ? at + 6 : NULL;
}

static size_t put_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)((0xf00 >> len & 0xff) | point);
    return len;
}

/* One escape from its backslash; gives what it stands for as UTF-8, at most 4 bytes. */
static size_t take_escape(const char **at, const char *end, char *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *p = *at + 1;
    if (*p != 'u') {
        const char *found = strchr(from, *p);
        *out = found ? to[found - from] : *p;
        *at = p + 1;
        return 1;
    }
    uint32_t point = (uint32_t)json_read_hex(p + 1, end);
    p += 5;
    if (point >= 0xd800 && point < 0xdc00) {
        point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)json_read_hex(p + 2, end) - 0xdc00);
        p += 6;
    }
    *at = p;
    return put_utf8(point, out);
}

size_t json_unescape(struct str escaped, char *out)
{
    const char *at = escaped.ptr, *end = at + escaped.len;
    char *begin = out;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash ? slash : end) - at);
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (slash)
            out += take_escape(&at, end, out);
    }
    return (size_t)(out - begin);
}

/* The next bytes of a string as it is meant: up to 4. */
static size_t next_bytes(const char **at, const char *end, char *out)
{
    if (**at == '\\')
        return take_escape(at, end, out);
    *out = *(*at)++;
    return 1;
}

static bool escaped_equal(struct str a, struct str b)
{
    const char *at_a = a.ptr, *end_a = at_a + a.len, *at_b = b.ptr, *end_b = at_b + b.len;
    char from_a[4], from_b[4];
    size_t len_a = 0, len_b = 0, used_a = 0, used_b = 0;
    for (;;) {
        if (used_a == len_a) {
            used_a = 0;
            len_a = at_a < end_a ? next_bytes(&at_a, end_a, from_a) : 0;
        }
        if (used_b == len_b) {
            used_b = 0;
            len_b = at_b < end_b ? next_bytes(&at_b, end_b, from_b) : 0;
        }
        if (len_a == 0 || len_b == 0)
            return len_a == len_b;
        if (from_a[used_a++] != from_b[used_b++])
            return false;
    }
}

bool json_strings_equal(struct str a, bool is_a_escaped, struct str b, bool is_b_escaped)
{
    if (str_eq(a, b))
        return true;
    if (!is_a_escaped && !is_b_escaped)
        return false;
    /* An escape of 6 bytes stands for 1 to 3, one of 12 for 4. */
    if (a.len > b.len * 6 || b.len > a.len * 6)
        return false;
    return escaped_equal(a, b);
}

bool json_is(struct str string, bool is_escaped, struct str bytes)
{
    if (!is_escaped)
        return str_eq(string, bytes);
    const char *at = string.ptr, *end = at + string.len;
    size_t done = 0;
    while (at < end) {
        char piece[4];
        size_t len = next_bytes(&at, end, piece);
        if (len > bytes.len - done || memcmp(piece, bytes.ptr + done, len) != 0)
            return false;
        done += len;
    }
    return done == bytes.len;
}
