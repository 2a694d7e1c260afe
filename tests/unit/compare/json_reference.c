/* SPDX-License-Identifier: Apache-2.0 */
#include "json_reference.h"

#include "base/mem.h"
#include "base/utf8.h"

struct reading {
    struct json_reference *reference;
    struct str text;
    size_t at, most;
    unsigned depth_left;
    enum json_result result; /* what is wrong, once something is */
};

void json_reference_deinit(struct json_reference *reference)
{
    mem_free(reference->values);
}

static int peek(const struct reading *reading)
{
    return reading->at < reading->text.len ? (unsigned char)reading->text.ptr[reading->at] : -1;
}

static bool take(struct reading *reading, int byte)
{
    bool is_there = peek(reading) == byte;
    reading->at += is_there;
    return is_there;
}

static void skip_blanks(struct reading *reading)
{
    while (take(reading, ' ') || take(reading, '\t') || take(reading, '\r') || take(reading, '\n'))
        ;
}

static bool fail(struct reading *reading, enum json_result result)
{
    reading->result = result;
    return false;
}

static uint32_t add(struct reading *reading, enum json_kind kind, size_t at)
{
    struct json_reference *reference = reading->reference;
    if (reference->count == reference->room) {
        reference->room = 2 * reference->room + 16;
        reference->values = mem_grow(reference->values, reference->room * sizeof(struct json_value));
    }
    reference->values[reference->count] = (struct json_value){.at = (uint32_t)at, .kind = (uint8_t)kind};
    return reference->count++;
}

static void end(struct reading *reading, uint32_t index, size_t at)
{
    struct json_value *value = &reading->reference->values[index];
    value->size = (uint32_t)at - value->at;
    value->next = reading->reference->count;
}

static int32_t take_hex(struct reading *reading)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++, reading->at++) {
        const char digits[] = "0123456789abcdefABCDEF";
        int byte = peek(reading);
        const char *found = byte > 0 ? strchr(digits, byte) : NULL;
        if (!found)
            return -1;
        unit = unit * 16 + (int)(found - digits < 16 ? found - digits : found - digits - 6);
    }
    return unit;
}

static bool skip_escape(struct reading *reading)
{
    if (!take(reading, 'u')) {
        bool is_known = peek(reading) > 0 && strchr("\"\\/bfnrt", peek(reading));
        reading->at++;
        return is_known;
    }
    int32_t unit = take_hex(reading);
    if (unit < 0xd800 || unit > 0xdfff)
        return unit >= 0;
    if (unit > 0xdbff || !take(reading, '\\') || !take(reading, 'u'))
        return false;
    unit = take_hex(reading);
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static bool read_string(struct reading *reading)
{
    if (!take(reading, '"'))
        return fail(reading, JSON_INVALID);
    size_t begin = reading->at;
    bool is_escaped = false;
    while (peek(reading) != '"') {
        if (peek(reading) < ' ')
            return fail(reading, JSON_INVALID);
        if (take(reading, '\\')) {
            is_escaped = true;
            if (!skip_escape(reading))
                return fail(reading, JSON_INVALID);
            continue;
        }
        size_t len = utf8_len(str_slice(reading->text, reading->at, reading->text.len));
        if (len == 0)
            return fail(reading, JSON_INVALID);
        reading->at += len;
    }
    uint32_t index = add(reading, VALUE_STRING, begin);
    end(reading, index, reading->at);
    reading->reference->values[index].is_escaped = is_escaped;
    reading->at++;
    return true;
}

static bool skip_digits(struct reading *reading)
{
    size_t begin = reading->at;
    while (peek(reading) >= '0' && peek(reading) <= '9')
        reading->at++;
    return reading->at > begin;
}

static bool read_number(struct reading *reading)
{
    size_t begin = reading->at;
    (void)take(reading, '-');
    bool is_zero = take(reading, '0');
    if (skip_digits(reading) == is_zero)
        return fail(reading, JSON_INVALID);
    if (take(reading, '.') && !skip_digits(reading))
        return fail(reading, JSON_INVALID);
    if (take(reading, 'e') || take(reading, 'E')) {
        if (!take(reading, '+'))
            (void)take(reading, '-');
        if (!skip_digits(reading))
            return fail(reading, JSON_INVALID);
    }
    end(reading, add(reading, VALUE_NUMBER, begin), reading->at);
    return true;
}

static bool read_word(struct reading *reading, struct str word, enum json_kind kind)
{
    if (!str_eq(str_slice(reading->text, reading->at, reading->at + word.len), word))
        return fail(reading, JSON_INVALID);
    uint32_t index = add(reading, kind, reading->at);
    reading->at += word.len;
    end(reading, index, reading->at);
    return true;
}

/* A document with more values than are allowed may end in another error behind that place; which of the two it is said to be is settled as the
 * reader that is tested does: after each value, and after the first name of an object. */
static bool is_few(struct reading *reading)
{
    return reading->reference->count <= reading->most || fail(reading, JSON_TOO_MANY);
}

static bool read_value(struct reading *reading);

static bool read_member(struct reading *reading, bool is_first)
{
    if (!read_string(reading))
        return false;
    skip_blanks(reading);
    if (!take(reading, ':'))
        return fail(reading, JSON_INVALID);
    skip_blanks(reading);
    return (!is_first || is_few(reading)) && read_value(reading);
}

static bool read_container(struct reading *reading, enum json_kind kind)
{
    int closing = kind == VALUE_OBJECT ? '}' : ']';
    if (reading->depth_left == 0)
        return fail(reading, JSON_TOO_DEEP);
    reading->depth_left--;
    uint32_t index = add(reading, kind, reading->at++);
    skip_blanks(reading);
    bool is_over = take(reading, closing);
    if (!is_over && kind == VALUE_ARRAY && !is_few(reading))
        return false;
    for (bool is_first = true; !is_over; is_first = false) {
        if (kind == VALUE_OBJECT ? !read_member(reading, is_first) : !read_value(reading))
            return false;
        skip_blanks(reading);
        is_over = take(reading, closing);
        if (!is_over && !take(reading, ','))
            return fail(reading, JSON_INVALID);
        if (!is_over)
            skip_blanks(reading);
    }
    reading->depth_left++;
    end(reading, index, reading->at);
    return true;
}

static bool read_one(struct reading *reading)
{
    switch (peek(reading)) {
    case '"': return read_string(reading);
    case '{': return read_container(reading, VALUE_OBJECT);
    case '[': return read_container(reading, VALUE_ARRAY);
    case 't': return read_word(reading, STR("true"), VALUE_TRUE);
    case 'f': return read_word(reading, STR("false"), VALUE_FALSE);
    case 'n': return read_word(reading, STR("null"), VALUE_NULL);
    default: return read_number(reading);
    }
}

static bool read_value(struct reading *reading)
{
    return read_one(reading) && is_few(reading);
}

enum json_result json_reference_read(struct json_reference *reference, struct str text, unsigned depth, size_t most)
{
    struct reading reading = {.reference = reference, .text = text, .most = most, .depth_left = depth};
    reference->count = 0;
    skip_blanks(&reading);
    if (!read_value(&reading))
        return reading.result;
    skip_blanks(&reading);
    return reading.at == text.len ? JSON_OK : JSON_INVALID;
}
