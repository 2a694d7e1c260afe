/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/part.h"

bool part_is_break(struct str text, size_t at)
{
    char c = text.ptr[at];
    return c == '\n' || (c == '\r' && (at + 1 == text.len || text.ptr[at + 1] != '\n'));
}

struct place part_place(struct str text, size_t offset, struct place origin)
{
    struct place place = origin;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (part_is_break(text, i))
            place = (struct place){place.line + 1, 1};
        else
            place.column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return place;
}

/* The length of a line with its end. */
static size_t line_len(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (part_is_break(text, i))
            return i + 1;
    }
    return text.len;
}

static bool is_marker(struct str line, struct str marker)
{
    return str_starts_with(line, marker) && (line.len == 3 || strchr(" \t\r\n", line.ptr[3]));
}

/* Where something stands that is no comment, from `from` on; line.len: nowhere. */
static size_t find_content(struct str line, size_t from)
{
    while (from < line.len && strchr(" \t\r\n", line.ptr[from]))
        from++;
    return from < line.len && line.ptr[from] == '#' ? line.len : from;
}

static bool is_version(struct str line)
{
    struct str rest = str_slice(line, 9, line.len);
    return (str_starts_with(line, STR("%YAML 1.1")) || str_starts_with(line, STR("%YAML 1.2"))) &&
           find_content(rest, 0) == rest.len;
}

static void read_line(struct part *part, struct str line, uint32_t number, bool is_start)
{
    if (line.ptr[0] == '%') {
        bool is_known = !part->content.ptr && is_version(line);
        if (!is_known && part->directive == 0)
            part->directive = number;
        return;
    }
    size_t content = part->content.ptr ? line.len : find_content(line, is_start ? 3 : 0);
    if (content == line.len)
        return;
    part->content.ptr = line.ptr + content;
    part->content_at = (struct place){number, (uint32_t)content + 1}; /* what stands before it is ASCII */
}

bool part_next(struct str *rest, uint32_t *line, struct part *part)
{
    if (rest->len == 0)
        return false;
    *part = (struct part){.text = {rest->ptr, 0}, .at = {*line, 1}};
    bool is_begun = false, is_ended = false;
    while (rest->len > 0 && !is_ended) {
        struct str current = {rest->ptr, line_len(*rest)};
        bool is_start = is_marker(current, STR("---"));
        if (is_start && (is_begun || part->content.ptr))
            break;
        is_begun = is_begun || is_start;
        is_ended = is_marker(current, STR("..."));
        if (!is_ended)
            read_line(part, current, *line, is_start);
        part->text.len += current.len;
        *rest = str_slice(*rest, current.len, rest->len);
        ++*line;
    }
    if (part->content.ptr)
        part->content.len = part->text.len - (size_t)(part->content.ptr - part->text.ptr);
    return true;
}
