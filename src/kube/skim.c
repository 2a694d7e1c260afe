/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/skim.h"

#include "base/utf8.h"
#include "manifest/unescape.h"

struct cursor {
    const char *at, *end;
};

static void pass_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char byte)
{
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* ---- scalars ---- */

static bool read_escape(struct cursor *cursor)
{
    char discarded[8], *out = discarded;
    if (cursor->at == cursor->end)
        return false;
    char byte = *cursor->at++;
    if (byte == 'u')
        return unescape_code(&cursor->at, cursor->end, 4, &out);
    return memchr("\"\\/bfnrt", byte, 8) != NULL;
}

/* Behind the first quote. */
static bool read_string(struct cursor *cursor)
{
    while (cursor->at < cursor->end) {
        unsigned char byte = (unsigned char)*cursor->at;
        if (byte >= 0x80) {
            size_t len = utf8_len((struct str){cursor->at, (size_t)(cursor->end - cursor->at)});
            if (!len)
                return false;
            cursor->at += len;
            continue;
        }
        cursor->at++;
        if (byte == '"')
            return true;
        if (byte < 0x20 || (byte == '\\' && !read_escape(cursor)))
            return false;
    }
    return false;
}

static bool read_digits(struct cursor *cursor)
{
    const char *begin = cursor->at;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
        cursor->at++;
    return cursor->at > begin;
}

static bool read_number(struct cursor *cursor)
{
    (void)take(cursor, '-');
    if (!take(cursor, '0') && !read_digits(cursor))
        return false;
    if (take(cursor, '.') && !read_digits(cursor))
        return false;
    if (!take(cursor, 'e') && !take(cursor, 'E'))
        return true;
    if (!take(cursor, '+'))
        (void)take(cursor, '-');
    return read_digits(cursor);
}

static bool read_word(struct cursor *cursor, struct str word)
{
    if ((size_t)(cursor->end - cursor->at) < word.len || memcmp(cursor->at, word.ptr, word.len) != 0)
        return false;
    cursor->at += word.len;
    return true;
}

static bool read_scalar(struct cursor *cursor)
{
    if (take(cursor, '"'))
        return read_string(cursor);
    if (cursor->at == cursor->end)
        return false;
    switch (*cursor->at) {
    case 't': return read_word(cursor, STR("true"));
    case 'f': return read_word(cursor, STR("false"));
    case 'n': return read_word(cursor, STR("null"));
    default: return read_number(cursor);
    }
}

/* ---- values ---- */

/* A name and its colon. */
static bool read_name(struct cursor *cursor)
{
    pass_blanks(cursor);
    if (!take(cursor, '"') || !read_string(cursor))
        return false;
    pass_blanks(cursor);
    return take(cursor, ':');
}

/* Behind a value: ends the containers that end here, and goes to where the next value begins. `objects` has a bit for each open
 * container, the innermost one lowest. */
static bool read_after(struct cursor *cursor, uint64_t *objects, unsigned *depth)
{
    for (; *depth; --*depth, *objects >>= 1) {
        bool is_object = *objects & 1;
        pass_blanks(cursor);
        if (take(cursor, ','))
            return !is_object || read_name(cursor);
        if (!take(cursor, is_object ? '}' : ']'))
            return false;
    }
    return true;
}

static bool read_value(struct cursor *cursor)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    do {
        pass_blanks(cursor);
        bool is_object = take(cursor, '{');
        if (!is_object && !take(cursor, '[')) {
            if (!read_scalar(cursor) || !read_after(cursor, &objects, &depth))
                return false;
            continue;
        }
        if (depth == SKIM_DEPTH)
            return false;
        pass_blanks(cursor);
        if (take(cursor, is_object ? '}' : ']')) {
            if (!read_after(cursor, &objects, &depth))
                return false;
            continue;
        }
        depth++;
        objects = objects << 1 | is_object;
        if (is_object && !read_name(cursor))
            return false;
    } while (depth);
    return true;
}

bool skim_value(struct str text, size_t *at, struct str *value)
{
    if (!text.len)
        return false;
    struct cursor cursor = {text.ptr + *at, text.ptr + text.len};
    pass_blanks(&cursor);
    const char *begin = cursor.at;
    if (!read_value(&cursor))
        return false;
    *value = (struct str){begin, (size_t)(cursor.at - begin)};
    *at = (size_t)(cursor.at - text.ptr);
    return true;
}

/* ---- members ---- */

void skim_open(struct skim *skim, struct str object)
{
    *skim = (struct skim){.text = object, .is_broken = !object.len};
    if (skim->is_broken)
        return;
    struct cursor cursor = {object.ptr, object.ptr + object.len};
    pass_blanks(&cursor);
    skim->is_broken = !take(&cursor, '{');
    skim->at = (size_t)(cursor.at - object.ptr);
}

static bool end(struct skim *skim, bool is_broken)
{
    skim->is_broken = is_broken;
    skim->is_over = !is_broken;
    return false;
}

bool skim_next(struct skim *skim, struct str *name, struct str *value)
{
    if (skim->is_broken || skim->is_over)
        return false;
    struct cursor cursor = {skim->text.ptr + skim->at, skim->text.ptr + skim->text.len};
    pass_blanks(&cursor);
    if (take(&cursor, '}')) {
        pass_blanks(&cursor);
        return end(skim, cursor.at != cursor.end);
    }
    if (skim->has_members && !take(&cursor, ','))
        return end(skim, true);
    pass_blanks(&cursor);
    const char *begin = cursor.at;
    if (!take(&cursor, '"') || !read_string(&cursor))
        return end(skim, true);
    *name = (struct str){begin + 1, (size_t)(cursor.at - begin) - 2};
    pass_blanks(&cursor);
    if (!take(&cursor, ':'))
        return end(skim, true);
    size_t at = (size_t)(cursor.at - skim->text.ptr);
    if (!skim_value(skim->text, &at, value))
        return end(skim, true);
    skim->begin = (size_t)(begin - skim->text.ptr);
    skim->at = at;
    skim->has_members = true;
    return true;
}

bool skim_is_whole(const struct skim *skim)
{
    return skim->is_over;
}

struct str skim_find(struct str object, struct str name)
{
    struct skim skim;
    struct str found, value;
    skim_open(&skim, object);
    while (skim_next(&skim, &found, &value)) {
        if (str_eq(found, name))
            return value;
    }
    return STR_NONE;
}

struct str skim_text(struct str value)
{
    if (value.len < 2 || value.ptr[0] != '"' || str_find_char(value, '\\') < value.len)
        return STR_NONE;
    return str_slice(value, 1, value.len - 1);
}

struct str skim_find_text(struct str object, struct str name)
{
    return skim_text(skim_find(object, name));
}

void skim_read(struct strbuf *out, struct str value, size_t most)
{
    static const char meanings[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    if (value.len < 2 || value.ptr[0] != '"')
        return;
    const char *at = value.ptr + 1, *end_of_text = value.ptr + value.len - 1;
    size_t before = out->len;
    while (at < end_of_text && out->len - before < most) {
        struct str rest = {at, (size_t)(end_of_text - at)};
        char code[8], *code_end = code;
        if (*at != '\\') {
            size_t len = utf8_len(rest);
            strbuf_add(out, str_slice(rest, 0, len ? len : 1));
            at += len ? len : 1;
            continue;
        }
        at += 2;
        if (at > end_of_text)
            return;
        if (at[-1] == 'u') {
            if (!unescape_code(&at, end_of_text, 4, &code_end))
                return;
            strbuf_add(out, (struct str){code, (size_t)(code_end - code)});
            continue;
        }
        for (const char *pair = meanings; *pair; pair += 2) {
            if (*pair == at[-1])
                strbuf_add_char(out, pair[1]);
        }
    }
}
