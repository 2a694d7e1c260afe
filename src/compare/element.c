/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/element.h"

#include "base/utf8.h"
#include "compare/form.h"
#include "http/byte_class.h"

/* "Order-20231" is one, "iso8601" is none. */
#define ID_DIGITS 5
/* Of a short hash. */
#define HASH_DIGITS 8
/* ".json" and the like. */
#define EXTENSION_MOST 5

struct str element_path(struct str target)
{
    size_t end = 0;
    while (end < target.len && target.ptr[end] != '?' && target.ptr[end] != '#')
        end++;
    target = str_slice(target, 0, end);
    if (target.len == 0 || target.ptr[0] == '/')
        return target;
    size_t colon = str_find_char(target, ':');
    if (!str_starts_with(str_slice(target, colon, target.len), STR("://")))
        return STR_NONE;
    target = str_slice(target, colon + 3, target.len);
    size_t slash = str_find_char(target, '/');
    return slash < target.len ? str_slice(target, slash, target.len) : STR("/");
}

static bool is_plain(char byte)
{
    return byte_is(byte, BYTE_REG_NAME) || byte == ':' || byte == '@';
}

/* The byte at *at, unescaped; *at is stepped over. A '%' that begins no escape is itself. */
static unsigned char take_byte(struct str raw, size_t *at)
{
    char byte = raw.ptr[(*at)++];
    if (byte != '%' || raw.len - *at < 2)
        return (unsigned char)byte;
    int high = byte_hex(raw.ptr[*at]), low = byte_hex(raw.ptr[*at + 1]);
    if (high < 0 || low < 0)
        return (unsigned char)byte;
    *at += 2;
    return (unsigned char)(high << 4 | low);
}

/* Controls of C1, and marks that are not seen or turn the direction of what follows. */
static bool is_unseen(struct str character)
{
    const unsigned char *byte = (const unsigned char *)character.ptr;
    if (character.len == 2)
        return byte[0] == 0xc2 && (byte[1] <= 0xa0 || byte[1] == 0xad);
    if (character.len != 3)
        return character.len == 4 && byte[0] == 0xf3;
    if (byte[0] == 0xe2 && (byte[1] == 0x80 || byte[1] == 0x81))
        return byte[1] == 0x81 ? byte[2] >= 0x9f : byte[2] <= 0x8f || (byte[2] >= 0xa8 && byte[2] <= 0xaf);
    return (byte[0] == 0xef && byte[1] >= 0xbf && byte[2] >= 0xb0) ||
           (byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf) ||
           (byte[0] == 0xe3 && byte[1] == 0x80 && byte[2] == 0x80) || (byte[0] >= 0xee && byte[0] < 0xef);
}

static size_t put_character(struct str character, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)character.ptr[0];
    if (character.len > 1) {
        struct str shown = is_unseen(character) ? STR(UTF8_REPLACEMENT) : character;
        memcpy(out, shown.ptr, shown.len);
        return shown.len;
    }
    if (byte > ' ' && byte < 0x7f && !strchr("%/?#{}\"<>\\^`|", byte)) {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '%';
    out[1] = hex[byte >> 4];
    out[2] = hex[byte & 15];
    return 3;
}

static struct str show(struct str raw, char room[ELEMENT_ROOM])
{
    char bytes[ELEMENT_MOST];
    size_t count = 0, len = 0;
    for (size_t at = 0; at < raw.len;)
        bytes[count++] = (char)take_byte(raw, &at);
    for (size_t at = 0, size; at < count; at += size) {
        struct str rest = {bytes + at, count - at};
        size = utf8_len(rest);
        len += put_character(size ? str_slice(rest, 0, size) : STR(UTF8_REPLACEMENT), room + len);
        size += !size;
    }
    return (struct str){room, len};
}

enum element_kind element_next(struct str *path, char room[ELEMENT_ROOM], struct str *element)
{
    const char *at = path->ptr, *end = at + path->len;
    while (at < end) {
        if (*at == '/') {
            at++;
            continue;
        }
        const char *begin = at;
        while (at < end && is_plain(*at) && *at != ';')
            at++;
        bool is_shown = at == end || *at == '/' || *at == ';';
        while (at < end && *at != '/' && *at != ';')
            at++;
        struct str raw = {begin, (size_t)(at - begin)};
        while (at < end && *at != '/')
            at++;
        *path = (struct str){at, (size_t)(end - at)};
        if (raw.len > ELEMENT_MOST)
            return ELEMENT_LONG;
        *element = is_shown ? raw : show(raw, room);
        if (str_eq(*element, STR("..")))
            return ELEMENT_UP;
        if (element->len > 0 && !str_eq(*element, STR(".")))
            return ELEMENT_WORD;
    }
    *path = STR_NONE;
    return ELEMENT_END;
}

static bool is_email(struct str element)
{
    size_t sign = str_find_char(element, '@');
    struct str host = str_slice(element, sign + 1, element.len);
    size_t dot = str_find_char(host, '.');
    return sign > 0 && sign < element.len && dot > 0 && dot + 1 < host.len;
}

/* "a1b2c3d4", "order-20231", "-12", "1,2,3" */
static bool has_id(struct str element)
{
    size_t digits = 0, run = 0, hex = 0, commas = 0;
    for (size_t i = 0; i < element.len; i++) {
        bool is_digit = element.ptr[i] >= '0' && element.ptr[i] <= '9';
        digits += is_digit;
        run = is_digit ? run + 1 : 0;
        hex += byte_hex(element.ptr[i]) >= 0;
        commas += element.ptr[i] == ',';
        if (run >= ID_DIGITS)
            return true;
    }
    if (digits == 0)
        return false;
    return (hex == element.len && digits >= 2 && element.len >= HASH_DIGITS) || digits + commas == element.len ||
           (element.ptr[0] == '-' && digits + 1 == element.len);
}

static bool is_id(struct str element)
{
    enum form form = form_of(element);
    return (form != FORM_OTHER && form != FORM_DURATION) || has_id(element) ||
           (element.len == 7 && element.ptr[4] == '-' && form_of(str_slice(element, 0, 4)) == FORM_DIGITS &&
            form_of(str_slice(element, 5, 7)) == FORM_DIGITS);
}

bool element_is_id(struct str element)
{
    if (is_id(element) || is_email(element))
        return true;
    size_t dot = element.len;
    while (dot > 0 && element.ptr[dot - 1] != '.' && element.len - dot <= EXTENSION_MOST)
        dot--;
    if (dot < 2 || element.ptr[dot - 1] != '.' || dot == element.len)
        return false;
    /* "17.json", but not "1.1". */
    return form_of(str_slice(element, dot, element.len)) != FORM_DIGITS && is_id(str_slice(element, 0, dot - 1));
}
