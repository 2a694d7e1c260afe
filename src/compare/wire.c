/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/wire.h"

#include "base/utf8.h"

#define GROUP_END 4
#define GROUP_DEPTH 64
#define NUMBER_MAX ((1u << 29) - 1)
/* Looked at to tell texts from messages. */
#define TEXT_BYTES 256

static bool read_varint(struct str *rest, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = (uint8_t)rest->ptr[i];
        if (i == 9 && byte > 1)
            return false;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = str_slice(*rest, i + 1, rest->len);
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct str *rest, size_t size, struct wire_field *field)
{
    if (rest->len < size)
        return false;
    field->value = 0;
    for (size_t i = 0; i < size; i++)
        field->value |= (uint64_t)(uint8_t)rest->ptr[i] << (8 * i);
    field->bytes = str_slice(*rest, 0, size);
    *rest = str_slice(*rest, size, rest->len);
    return true;
}

static bool read_tag(struct str *rest, uint32_t *number, unsigned *type)
{
    uint64_t tag;
    if (!read_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return false;
    *number = (uint32_t)(tag >> 3);
    *type = tag & 7;
    return true;
}

static bool read_plain(struct str *rest, unsigned type, struct wire_field *field)
{
    struct str before = *rest;
    switch (type) {
    case WIRE_VARINT:
        if (!read_varint(rest, &field->value))
            return false;
        field->bytes = str_slice(before, 0, before.len - rest->len);
        return true;
    case WIRE_FIXED64: return read_fixed(rest, 8, field);
    case WIRE_FIXED32: return read_fixed(rest, 4, field);
    case WIRE_BYTES:
        if (!read_varint(rest, &field->value) || field->value > rest->len)
            return false;
        field->bytes = str_slice(*rest, 0, (size_t)field->value);
        *rest = str_slice(*rest, (size_t)field->value, rest->len);
        return true;
    default: return false;
    }
}

/* Up to the end that belongs to its beginning. */
static bool read_group(struct str *rest, struct wire_field *field)
{
    uint32_t open[GROUP_DEPTH] = {field->number};
    unsigned depth = 1, type;
    struct str begin = *rest;
    while (depth > 0) {
        struct str before = *rest;
        struct wire_field inner = {0};
        if (!read_tag(rest, &inner.number, &type))
            return false;
        if (type == GROUP_END) {
            if (open[--depth] != inner.number)
                return false;
            field->bytes = str_slice(begin, 0, begin.len - before.len);
        } else if (type == WIRE_GROUP) {
            if (depth == GROUP_DEPTH)
                return false;
            open[depth++] = inner.number;
        } else if (!read_plain(rest, type, &inner)) {
            return false;
        }
    }
    return true;
}

bool wire_next(struct str *rest, struct wire_field *field)
{
    struct str before = *rest;
    unsigned type;
    *field = (struct wire_field){0};
    if (rest->len == 0)
        return false;
    if (read_tag(rest, &field->number, &type)) {
        field->type = (enum wire_type)type;
        if (type == WIRE_GROUP ? read_group(rest, field) : read_plain(rest, type, field))
            return true;
    }
    *rest = before;
    return false;
}

bool wire_count(struct str message, size_t *count)
{
    struct wire_field field;
    *count = 0;
    while (wire_next(&message, &field))
        (*count)++;
    return message.len == 0;
}

bool wire_is_text(struct str bytes)
{
    size_t at = 0;
    while (at < bytes.len && at < TEXT_BYTES) {
        unsigned char byte = (unsigned char)bytes.ptr[at];
        size_t size = utf8_len(str_slice(bytes, at, bytes.len));
        if (size == 0 || byte == 0x7f || (byte < ' ' && (at == 0 || !strchr("\t\n\r", byte) || byte == 0)))
            return false;
        at += size;
    }
    return bytes.len > 0;
}
