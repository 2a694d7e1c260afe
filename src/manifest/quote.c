/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/quote.h"

#include "base/utf8.h"

#include <stdio.h>

/* Takes the first character; bytes that are no UTF-8 are one each. */
static struct str take_character(struct str *text)
{
    size_t len = utf8_len(*text);
    struct str character = str_slice(*text, 0, len > 0 ? len : 1);
    *text = str_slice(*text, character.len, text->len);
    return character;
}

/* The code point of a character; of a byte that is no UTF-8, U+FFFD. */
static uint32_t code_point(struct str character)
{
    const unsigned char *byte = (const unsigned char *)character.ptr;
    switch (character.len) {
    case 1: return byte[0] < 0x80 ? byte[0] : 0xfffd;
    case 2: return (byte[0] & 0x1fu) << 6 | (byte[1] & 0x3fu);
    case 3: return (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
    default: return (byte[0] & 0x07u) << 18 | (byte[1] & 0x3fu) << 12 | (byte[2] & 0x3fu) << 6 | (byte[3] & 0x3fu);
    }
}

/* What a terminal obeys, what YAML takes for the end of a line or does not allow as it is, and marks of direction, which
 * would show a text in another order than it has. */
static bool needs_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff || (code >= 0xfffd && code <= 0xffff);
}

/* Room for one escape or character and the NUL. */
#define ESCAPE_TEXT 8

/* One character as it stands in double quotes; at most six bytes. */
static struct str escape(struct str character, char *out)
{
    uint32_t code = code_point(character);
    switch (code) {
    case '"': return STR("\\\"");
    case '\\': return STR("\\\\");
    case '\n': return STR("\\n");
    case '\t': return STR("\\t");
    default: break;
    }
    if (!needs_escape(code))
        return character;
    int len = snprintf(out, ESCAPE_TEXT, "\\u%04x", code);
    return (struct str){out, (size_t)len};
}

static void quote_double(struct strbuf *out, struct str text)
{
    strbuf_add_char(out, '"');
    while (text.len > 0) {
        char room[ESCAPE_TEXT];
        struct str character = take_character(&text);
        strbuf_add(out, escape(character, room));
    }
    strbuf_add_char(out, '"');
}

/* What some reader of YAML 1.1 or 1.2 takes for null or a boolean. */
static bool is_word_of_yaml(struct str text)
{
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_eq_nocase(text, str_from_c(words[i])))
            return true;
    }
    return false;
}

/* Numbers in all their forms, dates and times: only these characters, and one dot at most. */
static bool is_like_a_number(struct str text)
{
    size_t dots = 0;
    if (text.ptr[0] < '0' || text.ptr[0] > '9')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        dots += c == '.';
        if (c == '\0' || strchr("0123456789abcdefABCDEFxXoO_.:+-TtZz ", c) == NULL)
            return false;
    }
    return dots < 2;
}

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_plain(struct str text)
{
    if (text.len == 0 || text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == ':')
        return false;
    if (!is_word_character(text.ptr[0]) && (text.ptr[0] == '\0' || strchr("/_$(^", text.ptr[0]) == NULL))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_word_character(c) && (c == '\0' || strchr("/_$()^.-+*~@;&!%?'<>=,: ", c) == NULL))
            return false;
        if (c == ':' && text.ptr[i + 1] == ' ')
            return false;
    }
    return !is_word_of_yaml(text) && !is_like_a_number(text);
}

void quote_yaml(struct strbuf *out, struct str text)
{
    if (is_plain(text))
        strbuf_add(out, text);
    else
        quote_double(out, text);
}

static const char *cut(struct str text, const char *mark, char *out)
{
    size_t len = strlen(mark);
    memcpy(out, mark, len);
    for (size_t i = 0; i < QUOTE_CHARACTERS && text.len > 0; i++) {
        char room[ESCAPE_TEXT];
        struct str piece = escape(take_character(&text), room);
        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
    }
    snprintf(out + len, QUOTE_TEXT - len, "%s%s", text.len > 0 ? "…" : "", mark);
    return out;
}

const char *quote_short(struct str text, char *out)
{
    return cut(text, "\"", out);
}

const char *quote_cut(struct str text, char *out)
{
    return cut(text, "", out);
}
