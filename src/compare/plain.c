/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "compare/comparer.h"

/* What is shown before the first byte that differs. */
#define CONTEXT 40
/* Bytes that are shown as hexadecimal digits. */
#define HEX_BYTES 64

static bool is_text(struct str bytes)
{
    for (size_t at = 0, size; at < bytes.len; at += size) {
        unsigned char byte = (unsigned char)bytes.ptr[at];
        size = byte < 0x80 ? 1 : utf8_len(str_slice(bytes, at, bytes.len));
        if (size == 0 || (byte < ' ' && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f'))
            return false;
    }
    return true;
}

static size_t find_difference(struct str a, struct str b)
{
    size_t most = a.len < b.len ? a.len : b.len, at = 0;
    while (most - at >= 64 && memcmp(a.ptr + at, b.ptr + at, 64) == 0)
        at += 64;
    while (at < most && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

static struct str hex(struct str bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = bytes.len < HEX_BYTES ? bytes.len : HEX_BYTES;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
        out[2 * i + 1] = digits[bytes.ptr[i] & 15];
    }
    return (struct str){out, 2 * len};
}

void compare_plain(struct comparer *comparer, struct str live, struct str other)
{
    size_t at = find_difference(live, other), from = at > CONTEXT ? at - CONTEXT : 0;
    char live_hex[2 * HEX_BYTES], other_hex[2 * HEX_BYTES];
    struct str a, b;
    if (is_text(live) && is_text(other)) {
        while (from > 0 && ((unsigned char)live.ptr[from] & 0xc0) == 0x80)
            from--;
        a = str_slice(live, from, live.len);
        b = str_slice(other, from, other.len);
    } else {
        from = at > 8 ? at - 8 : 0;
        a = hex(str_slice(live, from, live.len), live_hex);
        b = hex(str_slice(other, from, other.len), other_hex);
    }
    report_add(&comparer->report, STR("body"), DIFFERENCE_VALUE, a, b);
}
