/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/yaml_text.h"

#include "manifest/part.h"
#include "manifest/unescape.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\n' || c == '\r';
}

/* ------------------------------------------------------------------------------------------------- plain and quoted text */

/* True when the text stands for itself. */
static bool is_verbatim(struct str raw, char special)
{
    return str_find_char(raw, special) == raw.len && str_find_char(raw, '\n') == raw.len &&
           str_find_char(raw, '\r') == raw.len;
}

static char *put_breaks(char *out, size_t count)
{
    memset(out, '\n', count);
    return out + count;
}

/* Takes blanks and line breaks: blanks alone stay, one break is a blank, of more all but the first are breaks. */
static size_t fold_space(struct str raw, size_t from, char **out)
{
    size_t end = from, breaks = 0;
    for (; end < raw.len && is_space(raw.ptr[end]); end++)
        breaks += part_is_break(raw, end);
    if (breaks == 1)
        *(*out)++ = ' ';
    else if (breaks > 1)
        *out = put_breaks(*out, breaks - 1);
    else
        *out = (char *)mempcpy(*out, raw.ptr + from, end - from);
    return end;
}

/* `quote`: two of them are one; NUL: there is none. */
static struct str fold_text(struct str raw, char quote, struct arena *arena)
{
    if (is_verbatim(raw, quote))
        return raw;
    char *copy = arena_alloc(arena, raw.len), *out = copy;
    for (size_t i = 0; i < raw.len;) {
        char c = raw.ptr[i];
        if (is_space(c)) {
            i = fold_space(raw, i, &out);
            continue;
        }
        *out++ = c;
        i += c == quote && i + 1 < raw.len && raw.ptr[i + 1] == quote ? 2 : 1;
    }
    return (struct str){copy, (size_t)(out - copy)};
}

struct str yaml_plain_text(struct str raw, struct arena *arena)
{
    return fold_text(raw, '\0', arena);
}

struct str yaml_single_text(struct str raw, struct arena *arena)
{
    return fold_text(raw, '\'', arena);
}

/* A line break behind a backslash is none, and the blanks before the next text are not text. */
static size_t skip_break(struct str raw, size_t from, char **out)
{
    size_t end = from, breaks = 0;
    for (; end < raw.len && is_space(raw.ptr[end]); end++)
        breaks += part_is_break(raw, end);
    *out = put_breaks(*out, breaks > 0 ? breaks - 1 : 0);
    return end;
}

/* What stands behind a backslash, at `*at`. */
static bool put_escape(const char **at, const char *end, char **out)
{
    static const char names[] = "abt\tnvfre \"/\\", values[] = "\a\b\t\t\n\v\f\r\x1b \"/\\";
    static const char wide[] = "N_LP";
    static const struct str wide_values[] = {STR_INIT("\xc2\x85"), STR_INIT("\xc2\xa0"), STR_INIT("\xe2\x80\xa8"),
                                             STR_INIT("\xe2\x80\xa9")};
    char c = *(*at)++;
    if (c == 'x' || c == 'u' || c == 'U')
        return unescape_code(at, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, out);
    if (c == '0') {
        *(*out)++ = '\0';
        return true;
    }
    const char *name = strchr(names, c), *wide_name = strchr(wide, c);
    if (name)
        *(*out)++ = values[name - names];
    else if (wide_name)
        *out = (char *)mempcpy(*out, wide_values[wide_name - wide].ptr, wide_values[wide_name - wide].len);
    return name || wide_name;
}

bool yaml_double_text(struct str raw, struct arena *arena, struct str *text)
{
    *text = raw;
    if (is_verbatim(raw, '\\'))
        return true;
    /* \L and \P are the escapes that grow: two bytes become three. */
    char *copy = arena_alloc(arena, raw.len + raw.len / 2), *out = copy;
    const char *end = raw.ptr + raw.len;
    for (size_t i = 0; i < raw.len;) {
        char c = raw.ptr[i];
        bool is_escape = c == '\\' && i + 1 < raw.len;
        if (is_space(c)) {
            i = fold_space(raw, i, &out);
        } else if (is_escape && (raw.ptr[i + 1] == '\n' || raw.ptr[i + 1] == '\r')) {
            i = skip_break(raw, i + 1, &out);
        } else if (is_escape) {
            const char *at = raw.ptr + i + 1;
            if (!put_escape(&at, end, &out))
                return false;
            i = (size_t)(at - raw.ptr);
        } else {
            *out++ = c;
            i++;
        }
    }
    *text = (struct str){copy, (size_t)(out - copy)};
    return true;
}

/* --------------------------------------------------------------------------------------------------------- block scalars */

/* A digit and a sign in either order, then nothing but a comment. */
static bool read_header(struct str line, size_t at, struct yaml_block *block)
{
    *block = (struct yaml_block){.is_folded = line.ptr[at] == '>'};
    for (at++; at < line.len; at++) {
        char c = line.ptr[at];
        if (c == '-' || c == '+')
            block->chomp = c;
        else if (c >= '1' && c <= '9')
            block->indent = (unsigned)(c - '0');
        else
            break;
    }
    size_t rest = at;
    while (rest < line.len && is_space(line.ptr[rest]))
        rest++;
    return rest == line.len || (rest > at && line.ptr[rest] == '#');
}

size_t yaml_block_find(struct str document, size_t offset, struct yaml_block *block)
{
    size_t end = offset < document.len ? offset : document.len, start = end;
    while (start > 0 && (start == end || !part_is_break(document, start - 1)))
        start--;
    struct str line = str_slice(document, start, end);
    for (size_t i = 0; i < line.len; i++) {
        bool is_mark = line.ptr[i] == '|' || line.ptr[i] == '>';
        if (is_mark && (i == 0 || is_blank(line.ptr[i - 1])) && read_header(line, i, block))
            return start + i;
    }
    return document.len;
}

/* Takes a line with its break off; `line` is without it. */
static bool take_line(struct str *rest, struct str *line)
{
    size_t end = 0;
    while (end < rest->len && !part_is_break(*rest, end))
        end++;
    bool has_break = end < rest->len;
    *line = str_slice(*rest, 0, end);
    if (has_break && rest->ptr[end] == '\n' && end > 0 && rest->ptr[end - 1] == '\r')
        line->len--;
    *rest = str_slice(*rest, end + has_break, rest->len);
    return has_break;
}

static size_t count_spaces(struct str line)
{
    size_t count = 0;
    while (count < line.len && line.ptr[count] == ' ')
        count++;
    return count;
}

/* The first line that is not empty says it; empty ones alone have no text. */
static size_t find_indent(struct str raw)
{
    struct str line;
    size_t most = 0;
    while (raw.len > 0) {
        take_line(&raw, &line);
        size_t spaces = count_spaces(line);
        if (spaces < line.len)
            return spaces;
        if (spaces > most)
            most = spaces;
    }
    return most;
}

struct str yaml_block_text(struct str raw, const struct yaml_block *block, unsigned outer, struct arena *arena)
{
    size_t indent = block->indent > 0 ? outer + block->indent : find_indent(raw);
    char *copy = arena_alloc(arena, raw.len + 1), *out = copy;
    size_t breaks = 0;                           /* since the last text */
    bool has_text = false, was_indented = false; /* the last text: more than the block */
    struct str line;
    while (raw.len > 0) {
        bool has_break = take_line(&raw, &line);
        line = str_slice(line, count_spaces(line) < indent ? count_spaces(line) : indent, line.len);
        if (line.len == 0) {
            breaks += has_break;
            continue;
        }
        bool is_indented = is_blank(line.ptr[0]);
        bool is_fold = block->is_folded && has_text && breaks > 0 && !is_indented && !was_indented;
        if (is_fold && breaks == 1)
            *out++ = ' ';
        else
            out = put_breaks(out, breaks - is_fold);
        out = (char *)mempcpy(out, line.ptr, line.len);
        has_text = true;
        was_indented = is_indented;
        breaks = has_break;
    }
    if (block->chomp == '+')
        out = put_breaks(out, breaks);
    else if (block->chomp != '-' && has_text && breaks > 0)
        *out++ = '\n';
    return (struct str){copy, (size_t)(out - copy)};
}
