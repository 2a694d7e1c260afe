/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#define ASCII_ONES 0x0101010101010101ull

struct str str_from_c(const char *text)
{
    if (!text)
        return STR_NONE;
    return (struct str){text, strlen(text)};
}

static inline char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

/* Eight bytes at once: bit 7 of each byte of `upper` says whether it is A to Z, and >> 2 makes 0x20 of it. */
static inline uint64_t lower8(uint64_t bytes)
{
    uint64_t low7 = bytes & (ASCII_ONES * 0x7f);
    uint64_t from_a = low7 + ASCII_ONES * (0x80 - 'A');
    uint64_t after_z = low7 + ASCII_ONES * (0x7f - 'Z');
    uint64_t upper = (from_a ^ after_z) & ~bytes & (ASCII_ONES * 0x80);
    return bytes | upper >> 2;
}

static inline bool eq8_nocase(const char *a, const char *b)
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return x == y || lower8(x) == lower8(y);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    size_t i = 0;
    if (a.len >= 8) {
        for (; i + 8 < a.len; i += 8) {
            if (!eq8_nocase(a.ptr + i, b.ptr + i))
                return false;
        }
        /* The last eight overlap with what was compared; cheaper than up to seven single bytes. */
        return eq8_nocase(a.ptr + a.len - 8, b.ptr + a.len - 8);
    }
    for (; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

size_t str_find_char(struct str s, char byte)
{
    const char *found = s.len > 0 ? memchr(s.ptr, byte, s.len) : NULL;
    return found ? (size_t)(found - s.ptr) : s.len;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    /* NULL + 0 is undefined in C. */
    return (struct str){from > 0 ? s.ptr + from : s.ptr, to - from};
}

static inline bool is_ows(char byte)
{
    return byte == ' ' || byte == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_ows(s.ptr[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_ows(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

bool str_next(struct str *rest, char separator, struct str *element)
{
    if (!rest->ptr)
        return false;
    size_t at = str_find_char(*rest, separator);
    *element = str_trim(str_slice(*rest, 0, at));
    *rest = at < rest->len ? str_slice(*rest, at + 1, rest->len) : STR_NONE;
    return true;
}

bool str_list_has(struct str list, struct str token)
{
    struct str element;
    while (str_next(&list, ',', &element)) {
        if (element.len > 0 && str_eq_nocase(element, token))
            return true;
    }
    return false;
}

/* The digits at the start of `s`; `*digits` is how many. False on overflow. */
static bool take_digits(struct str s, uint64_t *value, size_t *digits)
{
    uint64_t sum = 0;
    size_t i = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    *digits = i;
    return true;
}

bool str_to_u64(struct str s, uint64_t *value)
{
    uint64_t sum;
    size_t digits;
    if (!take_digits(s, &sum, &digits) || digits == 0 || digits != s.len)
        return false;
    *value = sum;
    return true;
}

bool str_to_bytes(struct str s, uint64_t *bytes)
{
    static const struct {
        struct str suffix;
        uint64_t factor;
    } units[] = {
        {STR_INIT(""), 1},
        {STR_INIT("Ki"), 1ull << 10},
        {STR_INIT("Mi"), 1ull << 20},
        {STR_INIT("Gi"), 1ull << 30},
        {STR_INIT("Ti"), 1ull << 40},
        {STR_INIT("Pi"), 1ull << 50},
        {STR_INIT("Ei"), 1ull << 60},
        {STR_INIT("k"), 1000ull},
        {STR_INIT("M"), 1000000ull},
        {STR_INIT("G"), 1000000000ull},
        {STR_INIT("T"), 1000000000000ull},
        {STR_INIT("P"), 1000000000000000ull},
        {STR_INIT("E"), 1000000000000000000ull},
    };
    uint64_t value;
    size_t digits;
    if (!take_digits(s, &value, &digits) || digits == 0)
        return false;
    struct str suffix = str_slice(s, digits, s.len);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (str_eq(suffix, units[i].suffix))
            return !__builtin_mul_overflow(value, units[i].factor, bytes);
    }
    return false;
}

/* The unit at the start of `s` in milliseconds, or 0; `*len` is the length of its name. */
static uint64_t duration_unit(struct str s, size_t *len)
{
    *len = 1;
    if (str_starts_with(s, STR("ms"))) {
        *len = 2;
        return 1;
    }
    switch (s.len > 0 ? s.ptr[0] : '\0') {
    case 's': return 1000;
    case 'm': return 60 * 1000;
    case 'h': return 60 * 60 * 1000;
    default: return 0;
    }
}

/* GEP-2257: ^([0-9]{1,5}(h|m|s|ms)){1,4}$; so the sum can't overflow. */
bool str_to_ms(struct str s, uint64_t *ms)
{
    uint64_t sum = 0;
    int parts = 0;
    for (; s.len > 0 && parts < 4; parts++) {
        uint64_t value;
        size_t digits, unit_len;
        if (!take_digits(s, &value, &digits) || digits == 0 || digits > 5)
            return false;
        s = str_slice(s, digits, s.len);
        uint64_t unit_ms = duration_unit(s, &unit_len);
        if (unit_ms == 0)
            return false;
        sum += value * unit_ms;
        s = str_slice(s, unit_len, s.len);
    }
    if (parts == 0 || s.len > 0)
        return false;
    *ms = sum;
    return true;
}
