/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json.h"

#include "base/mem.h"
#include "base/utf8.h"

#define KEPT_VALUES 32768u /* 512 KiB */
#define ONES 0x0101010101010101ull
#define HIGH 0x8080808080808080ull

void json_init(struct json *json, unsigned depth)
{
    *json = (struct json){.depth = depth, .open = mem_alloc_raw(depth * sizeof(uint32_t))};
}

void json_deinit(struct json *json)
{
    mem_free(json->values);
    mem_free(json->open);
    mem_free(json->hashes);
}

void json_trim(struct json *json)
{
    json->count = 0;
    if (json->hash_capacity > KEPT_VALUES) {
        mem_free(json->hashes);
        json->hashes = NULL;
        json->hash_capacity = 0;
    }
    if (json->capacity > KEPT_VALUES) {
        mem_free(json->values);
        json->values = NULL;
        json->capacity = 0;
    }
}

struct reader {
    struct json *json;
    const char *at, *end;
    size_t most;
    unsigned open;
    bool is_too_many, is_too_deep;
};

static inline struct json_value *add(struct reader *reader, enum json_kind kind, const char *at)
{
    struct json *json = reader->json;
    if (__builtin_expect(json->count == json->capacity, 0)) {
        json->capacity = json->capacity ? json->capacity * 2 : 256;
        json->values = mem_grow(json->values, json->capacity * sizeof(*json->values));
    }
    struct json_value *value = &json->values[json->count++];
    *value = (struct json_value){.at = (uint32_t)(at - json->text), .next = json->count, .kind = (uint8_t)kind};
    return value;
}

static inline void skip_blanks(struct reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* What stands out in a string: a quote, a backslash, a control character, or what is no ASCII. Eight bytes at a time: the lowest byte that
 * is marked is one of them; those above may be marked by a borrow only. */
static inline const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t found = ((word ^ ONES * '"') - ONES) | ((word ^ ONES * '\\') - ONES) | (word - ONES * ' ') | word;
        found &= HIGH;
        if (found)
            return at + __builtin_ctzll(found) / 8;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ' && (unsigned char)*at < 0x80)
        at++;
    return at;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1: there are none. */
static int32_t read_hex(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* After the backslash; NULL: no escape. */
static const char *skip_escape(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at != 'u')
        return *at != '\0' && strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
    int32_t unit = read_hex(at + 1, end);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return NULL;
    at += 5;
    if (unit < 0xd800 || unit >= 0xdc00)
        return at;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return NULL;
    unit = read_hex(at + 2, end);
    return unit >= 0xdc00 && unit < 0xe000 ? at + 6 : NULL;
}

/* At the opening quote. */
static bool read_string(struct reader *reader)
{
    const char *begin = reader->at + 1, *at = begin;
    bool is_escaped = false;
    for (;;) {
        at = skip_plain(at, reader->end);
        if (at == reader->end)
            return false;
        if (*at == '"')
            break;
        if (*at == '\\') {
            is_escaped = true;
            at = skip_escape(at + 1, reader->end);
            if (!at)
                return false;
        } else {
            size_t len = (unsigned char)*at < ' ' ? 0 : utf8_len((struct str){at, (size_t)(reader->end - at)});
            if (len == 0)
                return false;
            at += len;
        }
    }
    struct json_value *value = add(reader, VALUE_STRING, begin);
    value->size = (uint32_t)(at - begin);
    value->is_escaped = is_escaped;
    reader->at = at + 1;
    return true;
}

static inline const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static bool read_number(struct reader *reader)
{
    const char *begin = reader->at, *end = reader->end, *at = begin + (*begin == '-'), *digits = at;
    at = skip_digits(at, end);
    if (at == digits || (*digits == '0' && at > digits + 1))
        return false;
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return false;
    }
    add(reader, VALUE_NUMBER, begin)->size = (uint32_t)(at - begin);
    reader->at = at;
    return true;
}

static bool read_word(struct reader *reader, enum json_kind kind, struct str word)
{
    if ((size_t)(reader->end - reader->at) < word.len || memcmp(reader->at, word.ptr, word.len) != 0)
        return false;
    add(reader, kind, reader->at)->size = (uint32_t)word.len;
    reader->at += word.len;
    return true;
}

static bool open_container(struct reader *reader, enum json_kind kind)
{
    if (reader->open == reader->json->depth) {
        reader->is_too_deep = true;
        return false;
    }
    reader->json->open[reader->open++] = reader->json->count;
    add(reader, kind, reader->at++);
    return true;
}

static void close_container(struct reader *reader)
{
    struct json *json = reader->json;
    struct json_value *value = &json->values[json->open[--reader->open]];
    reader->at++;
    value->size = (uint32_t)(reader->at - json->text) - value->at;
    value->next = json->count;
}

/* A name and its colon. */
static bool read_name(struct reader *reader)
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

/* One value; of a container that is not empty only its beginning (`is_open`), up to its first value. */
static bool read_value(struct reader *reader, bool *is_open)
{
    *is_open = false;
    if (reader->at == reader->end)
        return false;
    char first = *reader->at;
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
        if (reader->at < reader->end && *reader->at == (first == '{' ? '}' : ']')) {
            close_container(reader);
            return true;
        }
        *is_open = true;
        return first == '[' || read_name(reader);
    default: return read_number(reader);
    }
}

/* After a value: closes what ends here. True: another value follows, or all is read (`is_done`). */
static bool read_after_value(struct reader *reader, bool *is_done)
{
    struct json *json = reader->json;
    *is_done = false;
    for (;;) {
        skip_blanks(reader);
        if (reader->open == 0) {
            *is_done = true;
            return reader->at == reader->end;
        }
        if (reader->at == reader->end)
            return false;
        bool is_object = json->values[json->open[reader->open - 1]].kind == VALUE_OBJECT;
        if (*reader->at == ',') {
            reader->at++;
            skip_blanks(reader);
            return !is_object || read_name(reader);
        }
        if (*reader->at != (is_object ? '}' : ']'))
            return false;
        close_container(reader);
    }
}

enum json_result json_parse(struct json *json, struct str text, size_t most_values)
{
    json->is_hashed = false;
    json->count = 0;
    json->text = text.ptr;
    struct reader reader = {.json = json, .at = text.ptr, .end = text.ptr + text.len};
    size_t most = most_values < UINT32_MAX / 4 ? most_values : UINT32_MAX / 4;
    if (text.len == 0 || text.len > JSON_MAX_BYTES)
        return text.len ? JSON_TOO_MANY : JSON_INVALID;
    skip_blanks(&reader);
    for (bool is_open, is_done = false; !is_done;) {
        if (!read_value(&reader, &is_open))
            return reader.is_too_deep ? JSON_TOO_DEEP : JSON_INVALID;
        if (json->count > most)
            return JSON_TOO_MANY;
        if (!is_open && !read_after_value(&reader, &is_done))
            return JSON_INVALID;
    }
    return JSON_OK;
}

struct str json_text(const struct json *json, uint32_t index)
{
    const struct json_value *value = &json->values[index];
    unsigned quote = value->kind == VALUE_STRING;
    return (struct str){json->text + value->at - quote, value->size + 2 * quote};
}

static size_t put_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)((0xf00 >> len & 0xff) | point);
    return len;
}

/* One escape from its backslash; gives what it stands for as UTF-8, at most 4 bytes. */
static size_t take_escape(const char **at, const char *end, char *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *p = *at + 1;
    if (*p != 'u') {
        const char *found = strchr(from, *p);
        *out = found ? to[found - from] : *p;
        *at = p + 1;
        return 1;
    }
    uint32_t point = (uint32_t)read_hex(p + 1, end);
    p += 5;
    if (point >= 0xd800 && point < 0xdc00) {
        point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)read_hex(p + 2, end) - 0xdc00);
        p += 6;
    }
    *at = p;
    return put_utf8(point, out);
}

size_t json_unescape(struct str escaped, char *out)
{
    const char *at = escaped.ptr, *end = at + escaped.len;
    char *begin = out;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash ? slash : end) - at);
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (slash)
            out += take_escape(&at, end, out);
    }
    return (size_t)(out - begin);
}

/* The next bytes of a string as it is meant: up to 4. */
static size_t next_bytes(const char **at, const char *end, char *out)
{
    if (**at == '\\')
        return take_escape(at, end, out);
    *out = *(*at)++;
    return 1;
}

static bool escaped_equal(struct str a, struct str b)
{
    const char *at_a = a.ptr, *end_a = at_a + a.len, *at_b = b.ptr, *end_b = at_b + b.len;
    char from_a[4], from_b[4];
    size_t len_a = 0, len_b = 0, used_a = 0, used_b = 0;
    for (;;) {
        if (used_a == len_a) {
            used_a = 0;
            len_a = at_a < end_a ? next_bytes(&at_a, end_a, from_a) : 0;
        }
        if (used_b == len_b) {
            used_b = 0;
            len_b = at_b < end_b ? next_bytes(&at_b, end_b, from_b) : 0;
        }
        if (len_a == 0 || len_b == 0)
            return len_a == len_b;
        if (from_a[used_a++] != from_b[used_b++])
            return false;
    }
}

bool json_strings_equal(struct str a, bool is_a_escaped, struct str b, bool is_b_escaped)
{
    if (str_eq(a, b))
        return true;
    if (!is_a_escaped && !is_b_escaped)
        return false;
    /* An escape of 6 bytes stands for 1 to 3, one of 12 for 4. */
    if (a.len > b.len * 6 || b.len > a.len * 6)
        return false;
    return escaped_equal(a, b);
}

bool json_is(struct str string, bool is_escaped, struct str bytes)
{
    if (!is_escaped)
        return str_eq(string, bytes);
    const char *at = string.ptr, *end = at + string.len;
    size_t done = 0;
    while (at < end) {
        char piece[4];
        size_t len = next_bytes(&at, end, piece);
        if (len > bytes.len - done || memcmp(piece, bytes.ptr + done, len) != 0)
            return false;
        done += len;
    }
    return done == bytes.len;
}
