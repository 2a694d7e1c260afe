/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/text.h"

#include "base/utf8.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

struct text text_count(uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    struct text out;
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out.ptr[at++] = ',';
        out.ptr[at++] = digits[i];
    }
    out.ptr[at] = '\0';
    return out;
}

struct text text_rate(double per_second)
{
    if (!(per_second > 0))
        per_second = 0;
    if (per_second >= 99.95)
        return text_count(per_second < 1e18 ? (uint64_t)(per_second + 0.5) : UINT64_MAX);
    struct text out;
    snprintf(out.ptr, sizeof(out.ptr), "%.1f", per_second);
    return out;
}

struct text text_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    struct text out;
    int decimals = unit > 0 && value < 100 && value != (double)(uint64_t)value;
    snprintf(out.ptr, sizeof(out.ptr), "%.*f %s", decimals, value, units[unit]);
    return out;
}

struct text text_duration(uint64_t ns)
{
    struct text out;
    unsigned long long s = ns / NS_PER_S;
    if (ns < NS_PER_S)
        snprintf(out.ptr, sizeof(out.ptr), "%llu ms", (unsigned long long)(ns / NS_PER_MS));
    else if (s < 60)
        snprintf(out.ptr, sizeof(out.ptr), "%llu s", s);
    else if (s < 3600)
        snprintf(out.ptr, sizeof(out.ptr), "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out.ptr, sizeof(out.ptr), "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        snprintf(out.ptr, sizeof(out.ptr), "%llu d %llu h", s / 86400, s / 3600 % 24);
    return out;
}

struct text text_share(uint64_t part, uint64_t whole)
{
    struct text out;
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    if (!whole)
        snprintf(out.ptr, sizeof(out.ptr), "-");
    else if (part == 0)
        snprintf(out.ptr, sizeof(out.ptr), "0 %%");
    else if (part >= whole)
        snprintf(out.ptr, sizeof(out.ptr), "100 %%");
    else if (percent < 0.01)
        snprintf(out.ptr, sizeof(out.ptr), "<0.01 %%");
    else if (percent >= 99.995)
        snprintf(out.ptr, sizeof(out.ptr), ">99.99 %%");
    else
        snprintf(out.ptr, sizeof(out.ptr), "%.*f %%", percent < 1 || percent > 99 ? 2 : 1, percent);
    return out;
}

struct text text_ms(double ms)
{
    struct text out;
    if (ms < 0)
        snprintf(out.ptr, sizeof(out.ptr), "-");
    else if (ms >= 1000)
        return text_count((uint64_t)(ms + 0.5));
    else
        snprintf(out.ptr, sizeof(out.ptr), "%.*f", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    return out;
}

struct text text_time(uint64_t wall_ns)
{
    struct text out;
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t len = strftime(out.ptr, sizeof(out.ptr), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out.ptr + len, sizeof(out.ptr) - len, ".%03uZ", (unsigned)(wall_ns % NS_PER_S / NS_PER_MS));
    return out;
}

void text_add_u64(struct strbuf *page, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    strbuf_add(page, (struct str){digits + at, sizeof(digits) - at});
}

void text_add_label(struct strbuf *page, struct str value)
{
    while (value.len) {
        size_t len = utf8_len(value);
        unsigned char byte = (unsigned char)value.ptr[0];
        if (byte == '\\')
            strbuf_add(page, STR("\\\\"));
        else if (byte == '"')
            strbuf_add(page, STR("\\\""));
        else if (byte == '\n')
            strbuf_add(page, STR("\\n"));
        else if (!len || byte < 0x20 || byte == 0x7f)
            strbuf_add_char(page, '?');
        else
            strbuf_add(page, (struct str){value.ptr, len});
        value = str_slice(value, len ? len : 1, value.len);
    }
}

static size_t columns(struct str value)
{
    size_t n = 0;
    while (value.len) {
        size_t len = utf8_len(value);
        value = str_slice(value, len ? len : 1, value.len);
        n++;
    }
    return n;
}

void text_add_cell(struct strbuf *page, struct str value, int width)
{
    size_t room = (size_t)(width < 0 ? -width : width);
    size_t wide = columns(value);
    if (width < 0)
        for (size_t i = wide; i < room; i++)
            strbuf_add_char(page, ' ');
    for (size_t column = 0; value.len; column++) {
        size_t len = utf8_len(value);
        unsigned char byte = (unsigned char)value.ptr[0];
        if (wide > room && column + 1 >= room) {
            strbuf_add(page, STR("…"));
            return;
        }
        if (!len || byte < 0x20 || byte == 0x7f)
            strbuf_add_char(page, '?');
        else
            strbuf_add(page, (struct str){value.ptr, len});
        value = str_slice(value, len ? len : 1, value.len);
    }
    if (width > 0)
        for (size_t i = wide; i < room; i++)
            strbuf_add_char(page, ' ');
}

void text_add_clean(struct strbuf *page, struct str value)
{
    text_add_cell(page, value, (int)columns(value));
}

void text_add_wrapped(struct strbuf *page, struct str value, size_t indent, size_t width)
{
    size_t column = 0;
    struct str word;
    while (str_next(&value, ' ', &word)) {
        size_t wide = columns(word);
        if (column && column + 1 + wide > width) {
            strbuf_add_char(page, '\n');
            column = 0;
        }
        size_t blanks = column ? 1 : indent;
        text_add_cell(page, STR(""), (int)blanks);
        text_add_clean(page, word);
        column += blanks + wide;
    }
    strbuf_add_char(page, '\n');
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

void text_add_unescaped(struct strbuf *page, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        int high = i + 2 < value.len && value.ptr[i] == '%' ? hex_digit(value.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(value.ptr[i + 2]) : -1;
        if (low >= 0) {
            strbuf_add_char(page, (char)(high * 16 + low));
            i += 2;
        } else {
            strbuf_add_char(page, (char)(value.ptr[i] == '+' ? ' ' : value.ptr[i]));
        }
    }
}

void text_add_escaped(struct strbuf *page, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || memchr("-._~/:", c, 6);
        if (is_plain)
            strbuf_add_char(page, (char)c);
        else
            strbuf_printf(page, "%%%02X", c);
    }
}
