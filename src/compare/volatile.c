/* SPDX-License-Identifier: Apache-2.0 */
#include "compare/volatile.h"

#include "compare/form.h"

/* Counters have at least so many digits; shorter numbers are amounts. */
#define COUNTER_DIGITS 6
/* Random text of the same length is taken for such from here on, though it is too short for a token. */
#define RANDOM_MIN 12

/* Without the quotes of a JSON string; the closing one may have been cut. */
static bool take_quotes(struct str *text)
{
    if (text->len == 0 || text->ptr[0] != '"')
        return false;
    size_t end = text->len > 1 && text->ptr[text->len - 1] == '"' ? text->len - 1 : text->len;
    *text = str_slice(*text, 1, end);
    return true;
}

static size_t digits_at(struct str text, size_t at)
{
    size_t count = 0;
    while (at + count < text.len && text.ptr[at + count] >= '0' && text.ptr[at + count] <= '9')
        count++;
    return count;
}

/* Digits before the point of a Unix time between 2001 and 2096: 10 in seconds, 13 in milliseconds, 16 in microseconds; 0: it is none. */
static size_t unix_digits(struct str text)
{
    size_t whole = digits_at(text, 0);
    if ((whole != 10 && whole != 13 && whole != 16) || text.ptr[0] < '1' || text.ptr[0] > '3')
        return 0;
    if (whole == text.len)
        return whole;
    size_t fraction = text.ptr[whole] == '.' ? digits_at(text, whole + 1) : 0;
    return fraction > 0 && whole + 1 + fraction == text.len ? whole : 0;
}

static bool are_counters(struct str a, struct str b)
{
    return a.len >= COUNTER_DIGITS && b.len >= COUNTER_DIGITS && a.len - b.len + 1 <= 2;
}

static bool has_dot_or_slash(struct str text)
{
    return str_find_char(text, '.') < text.len || str_find_char(text, '/') < text.len;
}

static bool are_alike(struct str a, struct str b)
{
    enum form form = form_of(a);
    if (unix_digits(a) > 0 && unix_digits(a) == unix_digits(b))
        return true;
    if (form == FORM_OTHER && a.len == b.len && a.len >= RANDOM_MIN && a.len < FORM_TOKEN_MIN)
        return form_is_mixed(a) && form_is_mixed(b) && !has_dot_or_slash(a);
    enum form other = form_of(b);
    switch (form) {
    case FORM_OTHER:
    case FORM_DATE: return false;
    case FORM_DIGITS: return other == FORM_HEX ? a.len == b.len : form == other && are_counters(a, b);
    case FORM_HEX: return a.len == b.len && (form == other || other == FORM_DIGITS);
    case FORM_ULID:
    case FORM_TOKEN: return other == FORM_ULID || other == FORM_TOKEN;
    default: return form == other;
    }
}

/* After the last separator of what both begin with: "order_", "Bearer ". 0: there is none. */
static size_t common_prefix(struct str a, struct str b)
{
    size_t found = 0;
    for (size_t i = 0; i < a.len && i < b.len && a.ptr[i] == b.ptr[i]; i++) {
        if (a.ptr[i] && strchr("-_:/ .=", a.ptr[i]))
            found = i + 1;
    }
    return found;
}

bool volatile_pair(struct str live, struct str other)
{
    if (take_quotes(&live) != take_quotes(&other) || live.len == 0 || other.len == 0)
        return false;
    if (are_alike(live, other))
        return true;
    size_t prefix = common_prefix(live, other);
    /* Below a point are fractions: 1499.123456 is a price. */
    if (prefix == 0 || live.ptr[prefix - 1] == '.')
        return false;
    return are_alike(str_slice(live, prefix, live.len), str_slice(other, prefix, other.len));
}
