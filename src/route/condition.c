/* SPDX-License-Identifier: Apache-2.0 */
#include "route/condition.h"

#include "http/byte_class.h"
#include "http/url.h"

#define PORT_DIGITS 5

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

static enum condition_found found(struct str value)
{
    return value.len <= PLAN_MAX_VALUE ? CONDITION_FOUND : CONDITION_TOO_LONG;
}

static enum condition_found header_value(const struct head *head, struct str name, char *buffer, struct str *value)
{
    const struct field *first = head_find_name(head, name);
    if (!first)
        return CONDITION_ABSENT;
    *value = first->value;
    size_t len = 0;
    for (const struct field *field = first + 1; field < head->fields + head->field_count; field++) {
        if (!str_eq_nocase(field->name, name))
            continue;
        if (value->ptr != buffer && !append(buffer, &len, *value))
            return CONDITION_TOO_LONG;
        if (!append(buffer, &len, STR(",")) || !append(buffer, &len, field->value))
            return CONDITION_TOO_LONG;
        *value = (struct str){buffer, len};
    }
    return found(*value);
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

static enum condition_found query_value(const struct head *head, struct str name, char *buffer, struct str *value)
{
    struct str encoded;
    if (!url_query_find(head->query, name, &encoded))
        return CONDITION_ABSENT;
    if (encoded.len > PLAN_MAX_VALUE)
        return CONDITION_TOO_LONG;
    *value = is_plain(encoded) ? encoded : decode(encoded, buffer);
    return CONDITION_FOUND;
}

static struct str port_text(uint32_t port, char *buffer)
{
    size_t at = PORT_DIGITS;
    do
        buffer[--at] = (char)('0' + port % 10);
    while ((port /= 10) && at > 0);
    return (struct str){buffer + at, PORT_DIGITS - at};
}

enum condition_found condition_value(const struct condition_subject *subject, enum plan_condition_kind kind,
                                     struct str name, char *buffer, struct str *value)
{
    const struct head *head = subject->head;
    const struct plan *plan = subject->plan;
    switch (kind) {
    case CONDITION_HEADER: return header_value(head, name, buffer, value);
    case CONDITION_QUERY: return query_value(head, name, buffer, value);
    case CONDITION_METHOD: *value = head->method; return found(*value);
    case CONDITION_SCHEME:
        *value = PLAN_SOCKET(plan, subject->socket)->is_tls ? STR("https") : STR("http");
        return CONDITION_FOUND;
    case CONDITION_AUTHORITY: *value = head->authority; return found(*value);
    case CONDITION_PORT:
        *value = port_text(PLAN_LISTENER(plan, subject->listener)->port, buffer);
        return CONDITION_FOUND;
    case CONDITION_PEER:
    case CONDITION_ORIGIN: break;
    }
    return CONDITION_ABSENT;
}
