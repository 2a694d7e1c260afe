/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "compare/redacting.h"

/* RFC 2046 5.1.1 says 70. */
#define BOUNDARY_MOST 200
#define DEPTH_MOST 4
#define PARTS_MOST 4096

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static char *unquote(struct str *rest, char *out)
{
    size_t at = 1;
    for (; at < rest->len && rest->ptr[at] != '"'; at++) {
        at += rest->ptr[at] == '\\' && at + 1 < rest->len;
        *out++ = rest->ptr[at];
    }
    bool is_closed = at < rest->len;
    *rest = str_trim(str_slice(*rest, at + 1, rest->len));
    return is_closed && (rest->len == 0 || rest->ptr[0] == ';') ? out : NULL;
}

/* The parameter of a header (RFC 9110 5.6.6), unquoted into `room`, which is as long as the value. False: the header can't be read, or says it
 * twice, or in an encoding of its own (RFC 8187). */
static bool find_parameter(struct str value, struct str name, char *room, struct str *found)
{
    size_t semicolon = str_find_char(value, ';');
    struct str rest = str_trim(str_slice(value, semicolon, value.len));
    *found = STR_NONE;
    while (rest.len > 0) {
        rest = str_trim(str_slice(rest, 1, rest.len));
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != '=' && rest.ptr[end] != ';')
            end++;
        struct str key = str_trim(str_slice(rest, 0, end));
        bool has_value = end < rest.len && rest.ptr[end] == '=', is_it = str_eq_nocase(key, name);
        if (key.len > name.len && str_eq_nocase(str_slice(key, 0, name.len), name) && key.ptr[name.len] == '*')
            return false;
        rest = str_trim(str_slice(rest, has_value ? end + 1 : end, rest.len));
        if (!has_value)
            continue;
        char *out = room;
        if (rest.len > 0 && rest.ptr[0] == '"') {
            out = unquote(&rest, room);
            if (!out)
                return false;
        } else {
            struct str token = str_trim(str_slice(rest, 0, str_find_char(rest, ';')));
            if (token.len > 0)
                out = mempcpy(room, token.ptr, token.len);
            rest = str_slice(rest, str_find_char(rest, ';'), rest.len);
        }
        if (!is_it)
            continue;
        if (found->ptr)
            return false;
        *found = (struct str){room, (size_t)(out - room)};
        room = out;
    }
    return true;
}

/* A line of a delimiter (RFC 2046 5.1.1): from its first dash to after its line break. */
struct delimiter {
    size_t begin, end;
    bool is_last;
};

/* The next one at or after `from`; false: there is none, or what looks like one is none and might still be read as one. */
static bool find_delimiter(struct str body, struct str boundary, size_t from, struct delimiter *found)
{
    const char *end = body.ptr + body.len;
    const char *at = memmem(body.ptr + from, body.len - from, boundary.ptr, boundary.len);
    if (!at || (at != body.ptr && at[-1] != '\n'))
        return false;
    const char *next = at + boundary.len;
    found->begin = (size_t)(at - body.ptr);
    found->is_last = end - next >= 2 && next[0] == '-' && next[1] == '-';
    next += found->is_last ? 2 : 0;
    while (next < end && is_blank(*next))
        next++;
    if (next < end && *next == '\r')
        next++;
    found->end = (size_t)(next - body.ptr) + (next < end);
    return next == end ? found->is_last : *next == '\n';
}

struct part {
    struct str disposition, type, encoding;
    size_t head_bytes; /* with the empty line */
};

static bool take_header(struct str line, struct part *part)
{
    size_t colon = str_find_char(line, ':');
    struct str name = str_trim(str_slice(line, 0, colon)), value = str_trim(str_slice(line, colon + 1, line.len));
    struct str *places[] = {&part->disposition, &part->type, &part->encoding};
    struct str names[] = {STR("content-disposition"), STR("content-type"), STR("content-transfer-encoding")};
    if (colon == line.len)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (!str_eq_nocase(name, names[i]))
            continue;
        if (places[i]->ptr)
            return false;
        *places[i] = value;
    }
    return true;
}

/* False: its head has no end, folded lines, lines that are no headers, or one header twice. */
static bool read_head(struct str bytes, struct part *part)
{
    *part = (struct part){.head_bytes = 0};
    for (size_t at = 0; at < bytes.len;) {
        struct str line = str_slice(bytes, at, bytes.len);
        size_t end = str_find_char(line, '\n');
        if (end == line.len)
            return false;
        at += end + 1;
        line = str_slice(line, 0, end > 0 && line.ptr[end - 1] == '\r' ? end - 1 : end);
        part->head_bytes = at;
        if (line.len == 0)
            return true;
        if (is_blank(line.ptr[0]) || !take_header(line, part))
            return false;
    }
    return false;
}

static bool is_as_it_is(struct str encoding)
{
    return encoding.len == 0 || str_eq_nocase(encoding, STR("7bit")) || str_eq_nocase(encoding, STR("8bit")) ||
           str_eq_nocase(encoding, STR("binary"));
}

static void add_content(const struct redaction *redaction, const struct part *part, struct str name, struct str content,
                        unsigned depth, struct strbuf *out)
{
    bool is_readable;
    if (redaction->hides_all || (name.ptr && (redaction_hides_form_name(redaction, name) ||
                                              redaction_hides_parameter(redaction, name, true, &is_readable))))
        strbuf_add(out, HIDDEN);
    else if (!is_as_it_is(part->encoding))
        strbuf_add(out, UNREADABLE);
    else
        redaction_add_part(redaction, part->type, content, depth + 1, out);
}

/* From after the delimiter before to the line break in front of the one behind. */
static bool add_one(const struct redaction *redaction, struct str bytes, unsigned depth, struct strbuf *out)
{
    struct part part;
    struct str name;
    if (!read_head(bytes, &part))
        return false;
    char *room = mem_alloc_raw(part.disposition.len + 1);
    bool is_read = find_parameter(part.disposition, STR("name"), room, &name);
    if (is_read) {
        strbuf_add(out, str_slice(bytes, 0, part.head_bytes));
        add_content(redaction, &part, name, str_slice(bytes, part.head_bytes, bytes.len), depth, out);
    }
    mem_free(room);
    return is_read;
}

static bool add_parts(const struct redaction *redaction, struct str boundary, struct str body, unsigned depth,
                      struct strbuf *out)
{
    struct delimiter delimiter, next;
    if (!find_delimiter(body, boundary, 0, &delimiter))
        return false;
    /* What stands before the first and behind the last means nothing and is not kept. */
    for (unsigned count = 0; !delimiter.is_last; count++) {
        if (count == PARTS_MOST || !find_delimiter(body, boundary, delimiter.end, &next))
            return false;
        size_t end = next.begin - (next.begin > delimiter.end);
        end -= end > delimiter.end && body.ptr[end - 1] == '\r';
        strbuf_add(out, str_slice(body, delimiter.begin, delimiter.end));
        if (!add_one(redaction, str_slice(body, delimiter.end, end), depth, out))
            return false;
        strbuf_add(out, str_slice(body, end, next.begin));
        delimiter = next;
    }
    strbuf_add(out, str_slice(body, delimiter.begin, delimiter.end));
    return true;
}

bool redaction_add_multipart(const struct redaction *redaction, struct str content_type, struct str body,
                             unsigned depth, struct strbuf *out)
{
    char line[BOUNDARY_MOST + 2] = "--";
    struct str boundary;
    size_t before = out->len;
    char *room = mem_alloc_raw(content_type.len + 1);
    bool is_read = depth < DEPTH_MOST && find_parameter(content_type, STR("boundary"), room, &boundary) &&
                   boundary.len > 0 && boundary.len <= BOUNDARY_MOST;
    if (is_read) {
        memcpy(line + 2, boundary.ptr, boundary.len);
        is_read = add_parts(redaction, (struct str){line, boundary.len + 2}, body, depth, out);
    }
    mem_free(room);
    if (!is_read)
        redaction_take_back(out, before);
    return is_read;
}
