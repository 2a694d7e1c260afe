/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/json.h"

struct json {
    const char *at, *end;
    const char *line_start; /* moved on by what is no character of its own, so that columns count characters */
    uint32_t line;
    struct tree *tree;
};

static enum json_result read_value(struct json *json);

static struct place place_at(const struct json *json, const char *at)
{
    return (struct place){json->line, (uint32_t)(at - json->line_start) + 1};
}

static void skip_blanks(struct json *json)
{
    for (; json->at < json->end; json->at++) {
        char c = *json->at;
        if (c == '\n') {
            json->line++;
            json->line_start = json->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static bool take(struct json *json, char c)
{
    skip_blanks(json);
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

static bool read_hex(const char **at, const char *end, uint32_t *value)
{
    if (end - *at < 4)
        return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = *(*at)++;
        char lower = (char)(c | 0x20);
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)(lower - 'a') + 10;
        if (digit > 15 || (digit >= 10 && (lower < 'a' || lower > 'f')))
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* What stands behind \u, with the second half of a surrogate pair. */
static bool read_unicode(const char **at, const char *end, char **out)
{
    uint32_t c, low;
    if (!read_hex(at, end, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u')
            return false;
        *at += 2;
        if (!read_hex(at, end, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return false;
    }
    *out = put_utf8(*out, c);
    return true;
}

/* A copy without escapes, which never is longer. */
static bool unescape(struct arena *arena, struct str *text)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char *copy = arena_alloc(arena, text->len), *out = copy;
    for (const char *at = text->ptr, *end = at + text->len; at < end;) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        at++;
        char c = *at++; /* read_string saw that something follows */
        const char *name = memchr(names, c, sizeof(names) - 1);
        if (name)
            *out++ = values[name - names];
        else if (c != 'u' || !read_unicode(&at, end, &out))
            return false;
    }
    *text = (struct str){copy, (size_t)(out - copy)};
    return true;
}

/* The cursor is behind the opening quote. */
static bool read_string(struct json *json, struct str *text)
{
    const char *start = json->at;
    bool has_escape = false;
    for (; json->at < json->end && *json->at != '"'; json->at++) {
        unsigned char c = (unsigned char)*json->at;
        if (c < 0x20)
            return false;
        json->line_start += (c & 0xc0) == 0x80;
        if (c == '\\') {
            has_escape = true;
            json->at++;
            if (json->at == json->end)
                return false;
        }
    }
    if (json->at == json->end)
        return false;
    *text = (struct str){start, (size_t)(json->at - start)};
    json->at++;
    return !has_escape || unescape(json->tree->arena, text);
}

static enum json_result read_quoted(struct json *json)
{
    struct scalar scalar = {.at = place_at(json, json->at)};
    json->at++;
    if (!read_string(json, &scalar.text))
        return JSON_NOT;
    return tree_scalar(json->tree, &scalar) ? JSON_DONE : JSON_REFUSED;
}

static bool is_number(struct str s)
{
    size_t at = s.len > 0 && s.ptr[0] == '-', start = at;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    if (at == start || (s.ptr[start] == '0' && at > start + 1))
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        start = ++at;
        while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
            at++;
        if (at == start)
            return false;
    }
    if (at == s.len)
        return true;
    if ((s.ptr[at++] | 0x20) != 'e')
        return false;
    at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
    start = at;
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at > start && at == s.len;
}

/* A number, true, false or null. */
static enum json_result read_bare(struct json *json)
{
    const char *start = json->at;
    while (json->at < json->end && !strchr(" \t\r\n,]}:", *json->at))
        json->at++;
    struct scalar scalar = {
        .text = {start, (size_t)(json->at - start)},
        .at = place_at(json, start),
        .is_plain = true,
    };
    bool is_word = str_eq(scalar.text, STR("true")) || str_eq(scalar.text, STR("false")) ||
                   str_eq(scalar.text, STR("null"));
    if (!is_word && !is_number(scalar.text))
        return JSON_NOT;
    return tree_scalar(json->tree, &scalar) ? JSON_DONE : JSON_REFUSED;
}

/* The members and the closing bracket. */
static enum json_result read_members(struct json *json, enum node_kind kind)
{
    char closing = kind == NODE_MAP ? '}' : ']';
    if (take(json, closing))
        return JSON_DONE;
    do {
        skip_blanks(json);
        enum json_result result = JSON_DONE;
        if (kind == NODE_MAP) {
            bool is_key = json->at < json->end && *json->at == '"';
            result = is_key ? read_quoted(json) : JSON_NOT;
            if (result == JSON_DONE && !take(json, ':'))
                result = JSON_NOT;
        }
        if (result == JSON_DONE)
            result = read_value(json);
        if (result != JSON_DONE)
            return result;
    } while (take(json, ','));
    return take(json, closing) ? JSON_DONE : JSON_NOT;
}

/* Recursion ends where the tree refuses the depth. */
static enum json_result read_value(struct json *json)
{
    skip_blanks(json);
    if (json->at == json->end)
        return JSON_NOT;
    if (*json->at == '"')
        return read_quoted(json);
    if (*json->at != '{' && *json->at != '[')
        return read_bare(json);
    enum node_kind kind = *json->at == '{' ? NODE_MAP : NODE_LIST;
    if (!tree_open(json->tree, kind, place_at(json, json->at), STR_NONE))
        return JSON_REFUSED;
    json->at++;
    enum json_result result = read_members(json, kind);
    if (result == JSON_DONE && !tree_close(json->tree))
        return JSON_REFUSED;
    return result;
}

enum json_result json_read(struct str *text, struct place *at, struct tree *tree)
{
    struct json json = {
        .at = text->ptr,
        .end = text->ptr + text->len,
        .line_start = text->ptr - (at->column - 1),
        .line = at->line,
        .tree = tree,
    };
    if (text->len == 0 || (*text->ptr != '{' && *text->ptr != '['))
        return JSON_NOT;
    enum json_result result = read_value(&json);
    if (result != JSON_DONE)
        return result;
    skip_blanks(&json);
    *text = (struct str){json.at, (size_t)(json.end - json.at)};
    *at = place_at(&json, json.at);
    return JSON_DONE;
}
