/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define STRBUF_MIN 64

void strbuf_deinit(struct strbuf *buf)
{
    mem_free(buf->ptr);
    *buf = (struct strbuf)STRBUF_INIT;
}

void strbuf_clear(struct strbuf *buf)
{
    buf->len = 0;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

/* Room for `more` bytes and the NUL. */
static void reserve(struct strbuf *buf, size_t more)
{
    if (more < buf->capacity - buf->len)
        return;
    ASSERT(more < SIZE_MAX / 4 && buf->len < SIZE_MAX / 4);
    size_t capacity = buf->capacity ? buf->capacity : STRBUF_MIN;
    while (capacity <= buf->len + more)
        capacity *= 2;
    buf->ptr = mem_grow(buf->ptr, capacity);
    buf->capacity = capacity;
}

void strbuf_add(struct strbuf *buf, struct str s)
{
    reserve(buf, s.len);
    if (s.len > 0)
        memcpy(buf->ptr + buf->len, s.ptr, s.len);
    buf->len += s.len;
    buf->ptr[buf->len] = '\0';
}

char *strbuf_extend(struct strbuf *buf, size_t len)
{
    reserve(buf, len);
    char *added = buf->ptr + buf->len;
    buf->len += len;
    buf->ptr[buf->len] = '\0';
    return added;
}

void strbuf_add_char(struct strbuf *buf, char byte)
{
    reserve(buf, 1);
    buf->ptr[buf->len++] = byte;
    buf->ptr[buf->len] = '\0';
}

void strbuf_add_u64(struct strbuf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    strbuf_add(buf, (struct str){digits + at, sizeof(digits) - at});
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    reserve(buf, STRBUF_MIN - 1);
    size_t room = buf->capacity - buf->len;
    va_start(args, format);
    int printed = vsnprintf(buf->ptr + buf->len, room, format, args);
    va_end(args);
    ASSERT(printed >= 0);
    size_t len = (size_t)printed;
    if (len >= room) {
        reserve(buf, len);
        va_start(args, format);
        vsnprintf(buf->ptr + buf->len, len + 1, format, args);
        va_end(args);
    }
    buf->len += len;
}

/* Adds one byte that can't stand in a JSON string as it is. */
static void add_json_escape(struct strbuf *buf, unsigned char byte)
{
    static const char names[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\',
    };
    if (byte >= 0x80) {
        strbuf_add(buf, STR(UTF8_REPLACEMENT));
    } else if (byte < sizeof(names) && names[byte]) {
        strbuf_add_char(buf, '\\');
        strbuf_add_char(buf, names[byte]);
    } else {
        strbuf_printf(buf, "\\u%04x", byte);
    }
}

void strbuf_add_json(struct strbuf *buf, struct str s)
{
    reserve(buf, s.len + 2);
    strbuf_add_char(buf, '"');
    size_t clean = 0; /* [clean, i) needs no escape and is not added yet */
    for (size_t i = 0; i < s.len;) {
        unsigned char byte = (unsigned char)s.ptr[i];
        size_t len = byte < 0x80 ? 1 : utf8_len(str_slice(s, i, s.len));
        if (len > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            i += len;
            continue;
        }
        strbuf_add(buf, str_slice(s, clean, i));
        add_json_escape(buf, byte);
        clean = ++i;
    }
    strbuf_add(buf, str_slice(s, clean, s.len));
    strbuf_add_char(buf, '"');
}

struct str strbuf_str(const struct strbuf *buf)
{
    return (struct str){buf->ptr, buf->len};
}

char *strbuf_take(struct strbuf *buf)
{
    char *text = buf->ptr ? buf->ptr : mem_dup("", 0);
    *buf = (struct strbuf)STRBUF_INIT;
    return text;
}
