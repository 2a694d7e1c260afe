/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/flat_json.h"

#include "base/utf8.h"

struct reader {
    struct str all;
    size_t at;
    struct err *err;
};

static bool fail(struct reader *reader, const char *what)
{
    return err_set(reader->err, "JSON: byte %zu: %s", reader->at + 1, what);
}

static int peek(const struct reader *reader)
{
    return reader->at < reader->all.len ? (unsigned char)reader->all.ptr[reader->at] : -1;
}

static void skip_blanks(struct reader *reader)
{
    while (peek(reader) == ' ' || peek(reader) == '\t' || peek(reader) == '\n' || peek(reader) == '\r')
        reader->at++;
}

static bool take(struct reader *reader, char byte)
{
    skip_blanks(reader);
    if (peek(reader) != byte)
        return false;
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, struct str word)
{
    if (!str_starts_with(str_slice(reader->all, reader->at, reader->all.len), word))
        return false;
    reader->at += word.len;
    return true;
}

/* Four hex digits. */
static bool take_hex(struct reader *reader, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(reader);
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (c < 0 || digit < 0)
            return fail(reader, "\\u needs four hex digits");
        *value = *value << 4 | (uint32_t)digit;
        reader->at++;
    }
    return true;
}

static void add_code_point(struct strbuf *text, uint32_t c)
{
    if (c < 0x80) {
        strbuf_add_char(text, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    strbuf_add_char(text, (char)(leads[more] | c >> 6 * more));
    while (more-- > 0)
        strbuf_add_char(text, (char)(0x80 | (c >> 6 * more & 0x3f)));
}

static bool take_unicode(struct reader *reader, struct strbuf *text)
{
    uint32_t c, low;
    if (!take_hex(reader, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take_word(reader, STR("\\u")))
            return fail(reader, "half a surrogate pair");
        if (!take_hex(reader, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(reader, "half a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return fail(reader, "half a surrogate pair");
    }
    add_code_point(text, c);
    return true;
}

static bool take_escape(struct reader *reader, struct strbuf *text)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(reader);
    const char *known = c > 0 ? memchr(from, c, sizeof(from) - 1) : NULL;
    if (c == 'u') {
        reader->at++;
        return take_unicode(reader, text);
    }
    if (!known)
        return fail(reader, "unknown escape");
    strbuf_add_char(text, to[known - from]);
    reader->at++;
    return true;
}

static bool take_text(struct reader *reader, struct strbuf *text)
{
    if (!take(reader, '"'))
        return fail(reader, "a string is expected");
    for (;;) {
        struct str rest = str_slice(reader->all, reader->at, reader->all.len);
        size_t len = utf8_len(rest);
        if (!rest.len)
            return fail(reader, "the string does not end");
        if (!len || (unsigned char)rest.ptr[0] < 0x20)
            return fail(reader, "a byte that may not stand in a string");
        reader->at += len;
        if (rest.ptr[0] == '"')
            return true;
        if (rest.ptr[0] != '\\')
            strbuf_add(text, str_slice(rest, 0, len));
        else if (!take_escape(reader, text))
            return false;
    }
}

static bool take_count(struct reader *reader, uint64_t *count)
{
    size_t from = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return str_to_u64(str_slice(reader->all, from, reader->at), count) || fail(reader, "a whole number is expected");
}

static bool take_value(struct reader *reader, struct flat_member *member)
{
    skip_blanks(reader);
    if (take_word(reader, STR("null")))
        return true;
    member->is_set = true;
    switch (member->kind) {
    case FLAT_TEXT: return take_text(reader, &member->text);
    case FLAT_COUNT: return take_count(reader, &member->count);
    case FLAT_BOOL:
        member->is_true = take_word(reader, STR("true"));
        if (member->is_true || take_word(reader, STR("false")))
            return true;
        return err_set(reader->err, "JSON: \"%s\" must be true or false", member->name);
    }
    return false;
}

static bool take_member(struct reader *reader, struct flat_member *members, size_t member_count)
{
    struct strbuf name = STRBUF_INIT;
    struct flat_member *member = NULL;
    bool is_good = take_text(reader, &name);
    for (size_t i = 0; is_good && i < member_count; i++)
        if (str_eq(strbuf_str(&name), str_from_c(members[i].name)))
            member = &members[i];
    if (is_good && !member)
        is_good = err_set(reader->err, "JSON: unknown member \"%.64s\"", name.ptr ? name.ptr : "");
    else if (is_good && member->is_set)
        is_good = err_set(reader->err, "JSON: \"%s\" stands twice", member->name);
    strbuf_deinit(&name);
    if (!is_good)
        return false;
    if (!take(reader, ':'))
        return fail(reader, "':' is expected");
    return take_value(reader, member);
}

bool flat_json_parse(struct str json, struct flat_member *members, size_t member_count, struct err *err)
{
    struct reader reader = {.all = json, .err = err};
    if (!take(&reader, '{'))
        return fail(&reader, "an object is expected");
    if (!take(&reader, '}')) {
        do {
            if (!take_member(&reader, members, member_count))
                return false;
        } while (take(&reader, ','));
        if (!take(&reader, '}'))
            return fail(&reader, "',' or '}' is expected");
    }
    skip_blanks(&reader);
    return reader.at == json.len || fail(&reader, "nothing may follow the object");
}

void flat_json_deinit(struct flat_member *members, size_t member_count)
{
    for (size_t i = 0; i < member_count; i++)
        strbuf_deinit(&members[i].text);
}
