/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json_read.h"

#include "base/utf8.h"
#include "compare/json_scan.h"

/* All of it is in registers while a text is read, which holds as long as nothing takes its address: what is rare is called with values. */
#define INLINE static inline __attribute__((always_inline))

struct reader {
    struct json *json;
    const char *text, *at, *end;
    struct json_value *values; /* of the tape, and its room */
    uint32_t room;
    uint32_t count;
    uint32_t open;
    uint32_t last;     /* see json_is_in_step() */
    bool is_in_object; /* the innermost container that is open is one */
    bool is_at_name;   /* that is what comes next, and no value */
    bool is_too_deep;
};

INLINE void find_room(struct reader *reader, uint32_t count)
{
    if (__builtin_expect(count > reader->room, 0))
        json_reserve(reader->json, count);
    reader->values = reader->json->values;
    reader->room = reader->json->capacity;
}

INLINE struct json_value *add(struct reader *reader, enum json_kind kind, const char *at, size_t size)
{
    if (__builtin_expect(reader->count == reader->room, 0))
        find_room(reader, reader->count + 1);
    struct json_value *value = &reader->values[reader->count++];
    *value = (struct json_value){
        .at = (uint32_t)(at - reader->text), .size = (uint32_t)size, .next = reader->count, .kind = (uint8_t)kind};
    return value;
}

INLINE void skip_blanks(struct reader *reader)
{
    const char *at = reader->at;
    while (__builtin_expect(at < reader->end && (unsigned char)*at <= ' ', 0) &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* From what scan_plain() stopped at to the closing quote; NULL: there is none, or what is in front of it is wrong. */
static const char *skip_special(const char *at, const char *end, bool *is_escaped)
{
    while (at < end && *at != '"') {
        if (*at == '\\') {
            *is_escaped = true;
            at = json_skip_escape(at + 1, end);
            if (!at)
                return NULL;
        } else if ((unsigned char)*at >= 0x80) {
            size_t len = utf8_len((struct str){at, (size_t)(end - at)});
            if (len == 0)
                return NULL;
            at += len;
        } else if ((unsigned char)*at < ' ') {
            return NULL;
        } else {
            at = scan_plain(at, end);
        }
    }
    return at < end ? at : NULL;
}

/* At the opening quote. */
INLINE bool read_string(struct reader *reader)
{
    const char *begin = reader->at + 1, *at = scan_plain(begin, reader->end);
    bool is_escaped = false;
    if (__builtin_expect(at == reader->end || *at != '"', 0)) {
        at = skip_special(at, reader->end, &is_escaped);
        if (!at)
            return false;
    }
    add(reader, VALUE_STRING, begin, (size_t)(at - begin))->is_escaped = is_escaped;
    reader->at = at + 1;
    return true;
}

INLINE const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* From behind the digits in front of a point or an exponent; NULL: it is none. */
static const char *skip_fraction(const char *at, const char *end)
{
    const char *digits;
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

INLINE bool read_number(struct reader *reader)
{
    const char *begin = reader->at, *end = reader->end, *digits = begin + (*begin == '-');
    const char *at = skip_digits(digits, end);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return false;
    if (at < end && (*at == '.' || *at == 'e' || *at == 'E'))
        at = skip_fraction(at, end);
    if (!at)
        return false;
    add(reader, VALUE_NUMBER, begin, (size_t)(at - begin));
    reader->at = at;
    return true;
}

INLINE bool read_word(struct reader *reader, enum json_kind kind, struct str word)
{
    if ((size_t)(reader->end - reader->at) < word.len || memcmp(reader->at, word.ptr, word.len) != 0)
        return false;
    add(reader, kind, reader->at, word.len);
    reader->at += word.len;
    return true;
}

INLINE bool open_container(struct reader *reader, enum json_kind kind)
{
    if (reader->open == reader->json->depth) {
        reader->is_too_deep = true;
        return false;
    }
    reader->json->open[reader->open++] = reader->count;
    add(reader, kind, reader->at++, 0);
    reader->is_in_object = kind == VALUE_OBJECT;
    return true;
}

INLINE void close_container(struct reader *reader)
{
    const uint32_t *open = reader->json->open;
    reader->last = open[--reader->open];
    struct json_value *value = &reader->values[reader->last];
    reader->at++;
    value->size = (uint32_t)(reader->at - reader->text) - value->at;
    value->next = reader->count;
    reader->is_in_object = reader->open > 0 && reader->values[open[reader->open - 1]].kind == VALUE_OBJECT;
}

/* A name and its colon. */
INLINE bool read_name(struct reader *reader)
{
    if (reader->at == reader->end || *reader->at != '"' || !read_string(reader))
        return false;
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return false;
    reader->at++;
    skip_blanks(reader);
    return true;
}

/* One value; of a container that is not empty only its beginning (`is_open`). */
INLINE bool read_value(struct reader *reader, bool *is_open)
{
    *is_open = false;
    if (reader->at == reader->end)
        return false;
    char first = *reader->at;
    reader->last = reader->count;
    switch (first) {
    case '"': return read_string(reader);
    case 't': return read_word(reader, VALUE_TRUE, STR("true"));
    case 'f': return read_word(reader, VALUE_FALSE, STR("false"));
    case 'n': return read_word(reader, VALUE_NULL, STR("null"));
    case '{':
    case '[':
        if (!open_container(reader, first == '{' ? VALUE_OBJECT : VALUE_ARRAY))
            return false;
        skip_blanks(reader);
        if (reader->at < reader->end && *reader->at == (first == '{' ? '}' : ']'))
            close_container(reader);
        else
            *is_open = true;
        return true;
    default: return read_number(reader);
    }
}

/* After a value: closes what ends here. True: another value or name follows, or all is read (`is_done`). */
INLINE bool read_after_value(struct reader *reader, bool *is_done)
{
    for (;;) {
        skip_blanks(reader);
        if (reader->open == 0) {
            *is_done = true;
            return reader->at == reader->end;
        }
        if (reader->at == reader->end)
            return false;
        if (*reader->at == ',') {
            reader->at++;
            skip_blanks(reader);
            return true;
        }
        if (*reader->at != (reader->is_in_object ? '}' : ']'))
            return false;
        close_container(reader);
    }
}

/* Takes over from the model's tape what is the same. False: the texts are not in step any more. */
INLINE bool follow(struct reader *reader, const struct json *model)
{
    struct json *json = reader->json;
    struct json_stand stand = {reader->at, reader->count, reader->open, false};
    if (!json_is_in_step(json, model, stand, reader->last))
        return false;
    stand = json_follow(json, model, stand, reader->end);
    find_room(reader, 0);
    if (stand.count == reader->count)
        return true;
    reader->at = stand.at;
    reader->count = stand.count;
    reader->open = stand.open;
    reader->is_in_object = stand.open > 0 && json->values[json->open[stand.open - 1]].kind == VALUE_OBJECT;
    reader->is_at_name = stand.is_at_name;
    return true;
}

/* Behind the root. */
INLINE bool is_at_end(struct reader *reader)
{
    skip_blanks(reader);
    return reader->at == reader->end;
}

/* The first name of an object counts with it when there are too many. */
INLINE enum json_result read_values(struct reader *reader, uint32_t most, const struct json *model)
{
    bool is_in_step = model, is_open = false, is_done = false;
    while (!is_done) {
        if (is_in_step) {
            is_in_step = follow(reader, model);
            if (reader->open == 0 && reader->count > 0)
                return is_at_end(reader) ? JSON_OK : JSON_INVALID;
        }
        if (reader->is_at_name && !read_name(reader))
            return JSON_INVALID;
        if (is_open && reader->count > most)
            return JSON_TOO_MANY;
        if (!read_value(reader, &is_open))
            return reader->is_too_deep ? JSON_TOO_DEEP : JSON_INVALID;
        if (!(is_open && reader->is_in_object) && reader->count > most)
            return JSON_TOO_MANY;
        if (!is_open && !read_after_value(reader, &is_done))
            return JSON_INVALID;
        reader->is_at_name = reader->is_in_object;
    }
    return JSON_OK;
}

enum json_result json_parse_like(struct json *json, struct str text, size_t most_values, const struct json *model)
{
    uint32_t most = most_values < UINT32_MAX / 4 ? (uint32_t)most_values : UINT32_MAX / 4;
    json->is_hashed = false;
    json->count = 0;
    json->text = text.ptr;
    if (text.len == 0 || text.len > JSON_MAX_BYTES)
        return text.len ? JSON_TOO_MANY : JSON_INVALID;
    struct reader reader = {.json = json,
                            .text = text.ptr,
                            .at = text.ptr,
                            .end = text.ptr + text.len,
                            .values = json->values,
                            .room = json->capacity,
                            .last = UINT32_MAX};
    skip_blanks(&reader);
    bool is_usable = model && model->count > 0 && model->count <= most && model->depth <= json->depth;
    enum json_result result = is_usable ? read_values(&reader, most, model) : read_values(&reader, most, NULL);
    json->count = reader.count;
    return result;
}

enum json_result json_parse(struct json *json, struct str text, size_t most_values)
{
    return json_parse_like(json, text, most_values, NULL);
}
