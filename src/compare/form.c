/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/form.h"

#include "http/byte_class.h"

enum kind { KIND_NONE, KIND_DIGIT, KIND_LOWER, KIND_UPPER, KIND_SIGN };

static inline bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static enum kind class_of(char byte)
{
    if (is_digit(byte))
        return KIND_DIGIT;
    if (byte >= 'a' && byte <= 'z')
        return KIND_LOWER;
    if (byte >= 'A' && byte <= 'Z')
        return KIND_UPPER;
    return byte && strchr("-_+/=.", byte) ? KIND_SIGN : KIND_NONE;
}

/* How many bytes at the start are digits. */
static size_t count_digits(struct str text)
{
    size_t count = 0;
    while (count < text.len && is_digit(text.ptr[count]))
        count++;
    return count;
}

/* `shape` has '9' for a digit, 'h' for a hexadecimal one; all else stands for itself, without case. */
static bool has_shape(struct str text, struct str shape)
{
    if (text.len < shape.len)
        return false;
    for (size_t i = 0; i < shape.len; i++) {
        char byte = text.ptr[i], want = shape.ptr[i];
        if (want == '9' ? !is_digit(byte) : want == 'h' ? byte_hex(byte) < 0 : byte != want)
            return false;
    }
    return true;
}

static bool is_uuid(struct str text)
{
    struct str shape = STR("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
    if (text.len == shape.len + 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}')
        text = str_slice(text, 1, text.len - 1);
    return text.len == shape.len && has_shape(text, shape);
}

static bool is_zone(struct str rest)
{
    if (rest.len == 0)
        return true;
    if (rest.len == 1)
        return rest.ptr[0] == 'Z' || rest.ptr[0] == 'z';
    if (rest.ptr[0] != '+' && rest.ptr[0] != '-')
        return false;
    rest = str_slice(rest, 1, rest.len);
    return (rest.len == 5 && has_shape(rest, STR("99:99"))) || (rest.len == 4 && has_shape(rest, STR("9999")));
}

/* RFC 3339 5.6, and what is written like it. */
static bool is_time(struct str text)
{
    if (text.len < 16 || !has_shape(text, STR("9999-99-99")) || !strchr("Tt _", text.ptr[10]) || !text.ptr[10] ||
        !has_shape(str_slice(text, 11, text.len), STR("99:99")))
        return false;
    struct str rest = str_slice(text, 16, text.len);
    if (has_shape(rest, STR(":99")))
        rest = str_slice(rest, 3, rest.len);
    if (rest.len > 1 && (rest.ptr[0] == '.' || rest.ptr[0] == ',') && is_digit(rest.ptr[1])) {
        rest = str_slice(rest, 1, rest.len);
        rest = str_slice(rest, count_digits(rest), rest.len);
    }
    return is_zone(rest);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT"; the names are not looked at closely. */
static bool is_http_date(struct str text)
{
    return text.len == 29 && text.ptr[3] == ',' && has_shape(str_slice(text, 4, 29), STR(" 99 ")) &&
           has_shape(str_slice(text, 11, 29), STR(" 9999 99:99:99 GMT"));
}

static bool is_duration(struct str text)
{
    static const struct str units[] = {STR_INIT("ns"), STR_INIT("us"), STR_INIT("\xc2\xb5s"), STR_INIT("ms"),
                                       STR_INIT("s")};
    size_t at = count_digits(text);
    if (at == 0)
        return false;
    if (at + 1 < text.len && text.ptr[at] == '.')
        at += 1 + count_digits(str_slice(text, at + 1, text.len));
    at += at < text.len && text.ptr[at] == ' ';
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (str_eq(str_slice(text, at, text.len), units[i]))
            return true;
    }
    return false;
}

/* What a text is made of. */
struct make {
    size_t digits, letters, hex, signs, dots, slashes;
    size_t
        changes; /* of kind, from one letter or digit to the next; a capital in front of a small one is how words begin */
    bool is_plain; /* nothing else */
};

static struct make make_of(struct str text)
{
    struct make make = {.is_plain = true};
    enum kind before = KIND_NONE;
    for (size_t i = 0; i < text.len && make.is_plain; i++) {
        char byte = text.ptr[i];
        enum kind kind = class_of(byte);
        make.is_plain = kind != KIND_NONE;
        make.digits += kind == KIND_DIGIT;
        make.letters += kind == KIND_LOWER || kind == KIND_UPPER;
        make.hex += byte_hex(byte) >= 0;
        make.signs += kind == KIND_SIGN;
        make.dots += byte == '.';
        make.slashes += byte == '/' || byte == '+';
        make.changes += kind != KIND_SIGN && before != KIND_NONE && kind != before &&
                        !(before == KIND_UPPER && kind == KIND_LOWER);
        if (kind != KIND_SIGN)
            before = kind;
    }
    return make;
}

/* Of what is drawn from 62 letters and digits, every second byte is such a change; of 36 two of five, of words in camel case one of five, and
 * words with numbers between hyphens change at their borders only. */
static bool is_mixed(const struct make *make)
{
    size_t count = make->digits + make->letters;
    if (!make->is_plain || make->letters == 0 || make->signs * 5 > count)
        return false;
    return make->changes * 10 >= (count - 1) * 3 || (make->digits >= 3 && make->changes * 4 >= count - 1);
}

bool form_is_mixed(struct str text)
{
    struct make make = make_of(text);
    return is_mixed(&make);
}

/* Dots are a JWT's; slashes are base64's, and then there are no dots, as paths have them. */
static bool is_token(struct str text, const struct make *make)
{
    if (text.len < FORM_TOKEN_MIN || !is_mixed(make))
        return false;
    return make->dots == 0 || (make->dots == 2 && make->slashes == 0 && text.len >= 40);
}

static bool is_ulid(struct str text)
{
    if (text.len != 26 || text.ptr[0] < '0' || text.ptr[0] > '7')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (class_of(text.ptr[i]) == KIND_SIGN || class_of(text.ptr[i]) == KIND_NONE || strchr("IiLlOoUu", text.ptr[i]))
            return false;
    }
    return true;
}

enum form form_of(struct str text)
{
    if (text.len == 0 || text.len > FORM_MAX)
        return FORM_OTHER;
    if (is_digit(text.ptr[0]) && count_digits(text) == text.len)
        return FORM_DIGITS;
    if (is_uuid(text))
        return FORM_UUID;
    if (is_time(text) || is_http_date(text))
        return FORM_TIME;
    if (text.len == 10 && has_shape(text, STR("9999-99-99")))
        return FORM_DATE;
    if (is_duration(text))
        return FORM_DURATION;
    if (text.len < FORM_TOKEN_MIN)
        return FORM_OTHER;
    struct make make = make_of(text);
    if (!make.is_plain)
        return FORM_OTHER;
    if (make.hex == text.len && make.digits > 0)
        return FORM_HEX;
    if (is_ulid(text))
        return FORM_ULID;
    return is_token(text, &make) ? FORM_TOKEN : FORM_OTHER;
}
