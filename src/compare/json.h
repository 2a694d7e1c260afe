/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON text (RFC 8259, strictly: UTF-8, no lone surrogates) as a flat tape: one entry per value or name, in the order of the text, that
 * points into the text. Nothing is copied or unescaped. Members of an object are a name and a value after one another; `next` leads past
 * all that is below. A name that comes twice stays on the tape: who reads decides, see json_walk.h.
 * Lifetime: json_init to json_deinit, used again and again; the text is borrowed. Thread: the owner's. */
#pragma once

#include "base/str.h"

/* 4 bytes are for places in the text. */
#define JSON_MAX_BYTES ((size_t)UINT32_MAX - 16)

enum json_kind { VALUE_NULL, VALUE_FALSE, VALUE_TRUE, VALUE_NUMBER, VALUE_STRING, VALUE_ARRAY, VALUE_OBJECT };

struct json_value {
    uint32_t at;   /* first byte; of strings the one after the quote */
    uint32_t size; /* in bytes; of strings what is between the quotes */
    uint32_t next; /* index of the entry that follows this value and all below it */
    uint8_t kind;  /* enum json_kind */
    bool is_escaped;
    bool
        is_same; /* the model's value of this index has the same bytes, all that is below included; see json_parse_like() */
    uint8_t twins; /* enum json_twins, filled in when first asked */
};

enum json_twins { TWINS_UNKNOWN, TWINS_NONE, TWINS_SOME };

enum json_result { JSON_OK, JSON_INVALID, JSON_TOO_DEEP, JSON_TOO_MANY };

struct json {
    const char *text;
    struct json_value *values;
    uint32_t count, capacity;
    uint32_t *open;   /* containers that are open while reading */
    unsigned depth;   /* room in `open` */
    uint64_t *hashes; /* by value, 0: not yet; for json_walk.h */
    uint32_t hash_capacity;
    bool is_hashed; /* `hashes` is this text's */
};

void json_init(struct json *json, unsigned depth);
void json_deinit(struct json *json);
/* Gives back what is more than an ordinary text needs. */
void json_trim(struct json *json);

/* The root is values[0]. Time grows with the text, memory with its values. */
enum json_result json_parse(struct json *json, struct str text, size_t most_values) __attribute__((warn_unused_result));
/* The same tape and result, sooner where the text is mostly that of `model`, another tape: as long as both have values of the same shape one
 * after the other, what has the same bytes is not read again but taken over, and marked (`is_same`). From the first value or name
 * that one of them has more, the rest is read as by json_parse. `model` was accepted, and its text is still there; NULL: none. */
enum json_result json_parse_like(struct json *json, struct str text, size_t most_values, const struct json *model)
    __attribute__((warn_unused_result));

/* As it stands in the text, strings with their quotes. */
struct str json_text(const struct json *json, uint32_t index);
/* Of strings and numbers, without quotes. */
static inline struct str json_bytes(const struct json *json, const struct json_value *value)
{
    return (struct str){json->text + value->at, value->size};
}

/* Unescapes `escaped`, which json_parse accepted, into `out` (at least as long); gives the length. */
size_t json_unescape(struct str escaped, char *out);
/* The same string, however it is escaped. */
bool json_strings_equal(struct str a, bool is_a_escaped, struct str b, bool is_b_escaped);

/* The string means these bytes. */
bool json_is(struct str string, bool is_escaped, struct str bytes);

/* A number as what it is worth: sign, digits from the first that is not 0 to the last, and the place of the point before the first of them.
 * Exponents of more than 15 digits have no place here: is_odd, and only the same text is the same. */
struct json_number {
    struct str digits; /* with the point inside, if there is one */
    int64_t exponent;
    bool is_negative, is_zero, is_odd;
};
struct json_number json_number(struct str text);
bool json_numbers_equal(struct str a, struct str b);
/* Of the string as it is meant: XXH3 of the unescaped bytes. */
uint64_t json_hash_escaped(struct str escaped, uint64_t seed);
