/* SPDX-License-Identifier: Apache-2.0 */
#include "route/condition.h"

#include "http/byte_class.h"
#include "http/url.h"

/* Appends; false when the buffer is full. */
static bool append(char *buffer, size_t *len, struct str s)
{
    if (s.len > PLAN_MAX_VALUE - *len)
        return false;
    if (s.len > 0)
        memcpy(buffer + *len, s.ptr, s.len);
    *len += s.len;
    return true;
}

static bool header_value(const struct head *head, struct str name, char *buffer, struct str *value)
{
    const struct field *first = head_find_name(head, name);
    if (!first)
        return false;
    *value = first->value;
    size_t len = 0;
    for (const struct field *field = first + 1; field < head->fields + head->field_count; field++) {
        if (!str_eq_nocase(field->name, name))
            continue;
        if (value->ptr != buffer && !append(buffer, &len, *value))
            return false;
        if (!append(buffer, &len, STR(",")) || !append(buffer, &len, field->value))
            return false;
        *value = (struct str){buffer, len};
    }
    return value->len <= PLAN_MAX_VALUE;
}

static bool is_plain(struct str encoded)
{
    return str_find_char(encoded, '%') == encoded.len && str_find_char(encoded, '+') == encoded.len;
}

/* As forms encode: "%41" and '+' for a space; what is no escape stays. */
static struct str decode(struct str encoded, char *buffer)
{
    size_t len = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        char byte = encoded.ptr[i];
        int high = byte == '%' && encoded.len - i > 2 ? byte_hex(encoded.ptr[i + 1]) : -1;
        int low = high >= 0 ? byte_hex(encoded.ptr[i + 2]) : -1;
        if (low >= 0)
            i += 2;
        buffer[len++] = low >= 0 ? (char)(high << 4 | low) : (char)(byte == '+' ? ' ' : byte);
    }
    return (struct str){buffer, len};
}

static bool query_value(const struct head *head, struct str name, char *buffer, struct str *value)
{
    struct str encoded;
    if (!url_query_find(head->query, name, &encoded) || encoded.len > PLAN_MAX_VALUE)
        return false;
    *value = is_plain(encoded) ? encoded : decode(encoded, buffer);
    return true;
}

bool condition_value(const struct head *head, enum plan_condition_kind kind, struct str name, char *buffer,
                     struct str *value)
{
    return kind == CONDITION_HEADER ? header_value(head, name, buffer, value) : query_value(head, name, buffer, value);
}
