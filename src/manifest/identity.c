/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/identity.h"

/* Up to the line's end, which is taken off the text. */
static struct str take_line(struct str *text)
{
    size_t end = 0;
    while (end < text->len && text->ptr[end] != '\n' && text->ptr[end] != '\r')
        end++;
    struct str line = str_slice(*text, 0, end);
    *text = str_slice(*text, end + (end < text->len), text->len);
    return line;
}

/* A value without quotes, comment and what follows it in braces. */
static struct str trim_value(struct str value)
{
    value = str_trim(value);
    if (value.len > 0 && (value.ptr[0] == '"' || value.ptr[0] == '\'')) {
        struct str rest = str_slice(value, 1, value.len);
        return str_slice(rest, 0, str_find_char(rest, value.ptr[0]));
    }
    /* A template, an anchor, a block: no name. */
    if (value.len > 0 && strchr("{[&*!|>", value.ptr[0]))
        return STR("");
    size_t end = 0;
    while (end < value.len && !strchr(" \t,}", value.ptr[end]))
        end++;
    return str_slice(value, 0, end);
}

/* `text` begins with the key and a colon. */
static void read_key(struct str text, struct str key, struct str *value)
{
    if (value->ptr || !str_starts_with(text, key) || text.len == key.len || text.ptr[key.len] != ':')
        return;
    struct str found = trim_value(str_slice(text, key.len + 1, text.len));
    if (found.len > 0)
        *value = found;
}

/* metadata: {name: …, namespace: …} */
static void read_braces(struct str line, struct identity *identity)
{
    struct str rest = str_slice(line, str_find_char(line, '{') + 1, line.len), member;
    while (str_next(&rest, ',', &member)) {
        read_key(member, STR("name"), &identity->name);
        read_key(member, STR("namespace"), &identity->ns);
    }
}

void identity_scan(struct str text, struct identity *identity)
{
    bool is_in_metadata = false;
    size_t indent = 0; /* of metadata's members; 0: not known yet */
    while (text.len > 0) {
        struct str line = take_line(&text), trimmed = str_trim(line);
        if (trimmed.len == 0 || trimmed.ptr[0] == '#')
            continue;
        size_t depth = (size_t)(trimmed.ptr - line.ptr);
        if (depth == 0) {
            is_in_metadata = str_starts_with(line, STR("metadata:"));
            indent = 0;
            read_key(line, STR("apiVersion"), &identity->api_version);
            read_key(line, STR("kind"), &identity->kind);
            if (is_in_metadata)
                read_braces(line, identity);
            continue;
        }
        if (indent == 0)
            indent = depth;
        if (!is_in_metadata || depth != indent)
            continue;
        read_key(trimmed, STR("name"), &identity->name);
        read_key(trimmed, STR("namespace"), &identity->ns);
    }
}
