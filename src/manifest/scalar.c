/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/scalar.h"

#include <math.h>
#include <stdlib.h>

/* A word in its three casings: yes, Yes, YES. */
static bool is_word(struct str text, struct str word)
{
    if (text.len != word.len || !str_eq_nocase(text, word))
        return false;
    bool is_first_upper = text.ptr[0] >= 'A' && text.ptr[0] <= 'Z';
    size_t upper = 0;
    for (size_t i = 1; i < text.len; i++)
        upper += text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
    return upper == 0 || (is_first_upper && upper == text.len - 1);
}

static bool is_one_of(struct str text, const char *const *words)
{
    for (; *words; words++) {
        if (is_word(text, str_from_c(*words)))
            return true;
    }
    return false;
}

static bool resolve_word(struct node *node)
{
    static const char *const yes[] = {"true", "yes", "on", "y", NULL};
    static const char *const no[] = {"false", "no", "off", "n", NULL};
    bool is_yes = is_one_of(node->text, yes);
    if (is_yes || is_one_of(node->text, no)) {
        node->kind = NODE_BOOL;
        node->integer = is_yes;
        return true;
    }
    if (!is_word(node->text, STR("null")))
        return false;
    node->kind = NODE_NULL;
    return true;
}

/* .inf and .nan: three spellings, of which the last is not a casing like those of words. */
static bool resolve_special(struct node *node)
{
    struct str rest = node->text;
    bool is_signed = rest.ptr[0] == '+' || rest.ptr[0] == '-';
    if (is_signed)
        rest = str_slice(rest, 1, rest.len);
    if (str_eq(rest, STR(".inf")) || str_eq(rest, STR(".Inf")) || str_eq(rest, STR(".INF")))
        node->real = node->text.ptr[0] == '-' ? -INFINITY : INFINITY;
    else if (!is_signed && (str_eq(rest, STR(".nan")) || str_eq(rest, STR(".NaN")) || str_eq(rest, STR(".NAN"))))
        node->real = NAN;
    else
        return false;
    node->kind = NODE_FLOAT;
    return true;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* Takes "0x", "0o", "0b" or the "0" of an octal number off. */
static unsigned take_base(struct str *digits)
{
    if (digits->len < 2 || digits->ptr[0] != '0')
        return 10;
    char mark = (char)(digits->ptr[1] | 0x20);
    unsigned base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    *digits = str_slice(*digits, base == 8 && mark != 'o' ? 1 : 2, digits->len);
    return base;
}

static bool resolve_integer(struct node *node, struct str number)
{
    bool is_negative = number.ptr[0] == '-';
    if (is_negative || number.ptr[0] == '+')
        number = str_slice(number, 1, number.len);
    unsigned base = take_base(&number);
    if (number.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < number.len; i++) {
        unsigned digit = digit_value(number.ptr[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (value > limit && is_negative)
        return false;
    node->kind = value > limit ? NODE_FLOAT : NODE_INT;
    if (node->kind == NODE_FLOAT)
        node->real = (double)value;
    else
        node->integer = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* [-+]? ( .digits | digits [. [digits]] ) ( [eE] [-+]? digits )? */
static bool is_float(struct str s)
{
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'), whole = skip_digits(s, at), fraction = whole;
    if (whole < s.len && s.ptr[whole] == '.')
        fraction = skip_digits(s, whole + 1);
    if (whole == at && fraction < whole + 2)
        return false;
    at = fraction;
    if (at == s.len)
        return true;
    if ((s.ptr[at] | 0x20) != 'e')
        return false;
    at++;
    at += at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+');
    return at < s.len && skip_digits(s, at) == s.len;
}

/* `number` is NUL-terminated. */
static bool resolve_float(struct node *node, struct str number)
{
    if (!is_float(number))
        return false;
    double value = strtod(number.ptr, NULL);
    if (isinf(value))
        return false;
    node->kind = NODE_FLOAT;
    node->real = value;
    return true;
}

static bool resolve_number(struct node *node, struct arena *arena)
{
    char *copy = arena_alloc(arena, node->text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < node->text.len; i++) {
        if (node->text.ptr[i] != '_')
            copy[len++] = node->text.ptr[i];
    }
    copy[len] = '\0';
    struct str number = {copy, len};
    return resolve_integer(node, number) || resolve_float(node, number);
}

/* Nearly all integers: a few digits, no sign, no leading zero. */
static bool resolve_short(struct node *node)
{
    struct str text = node->text;
    if (text.len > 18 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    uint64_t value;
    if (!str_to_u64(text, &value))
        return false;
    node->kind = NODE_INT;
    node->integer = (int64_t)value;
    return true;
}

void scalar_resolve(struct node *node, struct arena *arena)
{
    node->kind = NODE_STRING;
    if (node->text.len == 0 || str_eq(node->text, STR("~"))) {
        node->kind = NODE_NULL;
        return;
    }
    char first = node->text.ptr[0];
    bool is_digit = first >= '0' && first <= '9', is_sign = first == '+' || first == '-';
    bool is_resolved = false;
    if (is_digit)
        is_resolved = resolve_short(node);
    else if (is_sign || first == '.')
        is_resolved = resolve_special(node);
    else if (node->text.len <= 5)
        is_resolved = resolve_word(node);
    if (!is_resolved && (is_digit || is_sign || first == '.'))
        resolve_number(node, arena);
}
