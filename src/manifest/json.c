/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/json.h"

#include "manifest/unescape.h"

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
        else if (c != 'u' || !unescape_code(&at, end, 4, &out))
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

/* Moves behind the digits; false when there is none. */
static bool skip_digits(struct str s, size_t *at)
{
    size_t start = *at;
    while (*at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9')
        ++*at;
    return *at > start;
}

static bool is_number(struct str s)
{
    size_t at = s.len > 0 && s.ptr[0] == '-', start = at;
    if (!skip_digits(s, &at) || (s.ptr[start] == '0' && at > start + 1))
        return false;
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        if (!skip_digits(s, &at))
            return false;
    }
    if (at == s.len)
        return true;
    if ((s.ptr[at++] | 0x20) != 'e')
        return false;
    at += at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-');
    return skip_digits(s, &at) && at == s.len;
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
