/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/json.h"

#define EXPONENT_DIGITS 15

/* The digits after `e`, with their sign; false: too many. */
static bool read_exponent(struct str text, int64_t *exponent)
{
    bool is_negative = text.ptr[0] == '-';
    size_t at = is_negative || text.ptr[0] == '+';
    while (at < text.len && text.ptr[at] == '0')
        at++;
    if (text.len - at > EXPONENT_DIGITS)
        return false;
    for (*exponent = 0; at < text.len; at++)
        *exponent = *exponent * 10 + (text.ptr[at] - '0');
    if (is_negative)
        *exponent = -*exponent;
    return true;
}

struct json_number json_number(struct str text)
{
    struct json_number number = {.is_negative = text.ptr[0] == '-'};
    size_t end = number.is_negative, point;
    while (end < text.len && text.ptr[end] != 'e' && text.ptr[end] != 'E')
        end++;
    struct str mantissa = {text.ptr + number.is_negative, end - number.is_negative};
    point = str_find_char(mantissa, '.');
    size_t first = 0, last = mantissa.len;
    while (first < last && (mantissa.ptr[first] == '0' || mantissa.ptr[first] == '.'))
        first++;
    while (last > first && (mantissa.ptr[last - 1] == '0' || mantissa.ptr[last - 1] == '.'))
        last--;
    if (first == last) {
        number.is_zero = true;
        return number;
    }
    if (end < text.len && !read_exponent(str_slice(text, end + 1, text.len), &number.exponent)) {
        number.is_odd = true;
        return number;
    }
    number.digits = (struct str){mantissa.ptr + first, last - first};
    number.exponent += (int64_t)point - (int64_t)first + (first > point);
    return number;
}

bool json_numbers_equal(struct str a, struct str b)
{
    if (str_eq(a, b))
        return true;
    struct json_number x = json_number(a), y = json_number(b);
    if (x.is_zero || y.is_zero)
        return x.is_zero && y.is_zero;
    if (x.is_odd || y.is_odd || x.is_negative != y.is_negative || x.exponent != y.exponent)
        return false;
    size_t i = 0, j = 0;
    for (;;) {
        i += i < x.digits.len && x.digits.ptr[i] == '.';
        j += j < y.digits.len && y.digits.ptr[j] == '.';
        if (i == x.digits.len || j == y.digits.len)
            return i == x.digits.len && j == y.digits.len;
        if (x.digits.ptr[i++] != y.digits.ptr[j++])
            return false;
    }
}
