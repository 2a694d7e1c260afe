/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/json_path.h"

#define INDEX_DIGITS 9 /* no body that is compared has more elements */

struct path_reader {
    struct str text;
    size_t at;
};

/* '\0' at the end; the caller asks for no such byte. */
static char peek(const struct path_reader *reader)
{
    return reader->at < reader->text.len ? reader->text.ptr[reader->at] : '\0';
}

static bool take(struct path_reader *reader, char c)
{
    if (reader->at >= reader->text.len || reader->text.ptr[reader->at] != c)
        return false;
    reader->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_first(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static const char *read_name(struct path_reader *reader)
{
    if (reader->at == reader->text.len)
        return "a name is missing at the end";
    bool is_number = is_digit(peek(reader));
    if (!is_number && !is_name_first(peek(reader)))
        return "a name of other characters than letters, digits and _ is written in brackets, as ['x-id']";
    while (is_digit(peek(reader)) || (!is_number && is_name_first(peek(reader))))
        reader->at++;
    return is_number && is_name_first(peek(reader))
               ? "a name that begins with a digit is written in brackets, as ['1st']"
               : NULL;
}

/* Behind the opening quote. */
static const char *read_quoted(struct path_reader *reader)
{
    size_t opened_at = reader->at - 1;
    while (reader->at < reader->text.len && peek(reader) != '\'') {
        if ((unsigned char)peek(reader) < 0x20)
            return "control characters can't be named";
        if (take(reader, '\\') && peek(reader) != '\'' && peek(reader) != '\\')
            return "behind a backslash belongs a single quote or another backslash";
        reader->at++;
    }
    if (take(reader, '\''))
        return NULL;
    reader->at = opened_at;
    return "this quote is never closed";
}

static const char *read_index(struct path_reader *reader)
{
    size_t first = reader->at;
    while (is_digit(peek(reader)))
        reader->at++;
    size_t digits = reader->at - first;
    bool has_zero = digits > 1 && reader->text.ptr[first] == '0';
    if (!has_zero && digits <= INDEX_DIGITS)
        return NULL;
    reader->at = first;
    return has_zero ? "an index has no zeros in front" : "an index has at most nine digits";
}

/* Behind the opening bracket. */
static const char *read_bracket(struct path_reader *reader)
{
    const char *fault = NULL;
    char c = peek(reader);
    if (take(reader, '\''))
        fault = read_quoted(reader);
    else if (is_digit(c))
        fault = read_index(reader);
    else if (!take(reader, '*'))
        fault = c == '"'   ? "a name in brackets stands in single quotes, as ['x-id']"
                : c == '?' ? "filters are not understood; write [*] for all elements"
                : c == '-' ? "elements are counted from the first, which is 0"
                           : "in brackets belongs *, an index or a name in single quotes";
    if (fault || take(reader, ']'))
        return fault;
    c = peek(reader);
    return c == ':' || c == ',' ? "one element, or [*] for all: slices and lists are not understood"
                                : "\"]\" is missing";
}

static const char *read_step(struct path_reader *reader)
{
    if (take(reader, '['))
        return read_bracket(reader);
    if (!take(reader, '.'))
        return is_name_first(peek(reader)) ? "\".\" is missing before the name"
                                           : "a name of other characters than letters, digits and _ is written in "
                                             "brackets, as ['x-id']";
    if (take(reader, '*'))
        return NULL;
    if (!take(reader, '.'))
        return read_name(reader);
    return peek(reader) == '*' || peek(reader) == '[' ? "behind \"..\" belongs a name" : read_name(reader);
}

const char *json_path_fault(struct str path, size_t *character)
{
    struct path_reader reader = {.text = path};
    const char *fault = take(&reader, '$') ? NULL : "a path begins with \"$\", which is the whole body";
    while (!fault && reader.at < path.len)
        fault = read_step(&reader);
    *character = 1;
    for (size_t i = 0; i < reader.at; i++)
        *character += ((unsigned char)path.ptr[i] & 0xc0) != 0x80;
    return fault;
}
