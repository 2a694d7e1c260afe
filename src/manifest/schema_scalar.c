/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/schema_scalar.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "manifest/guess.h"
#include "manifest/quote.h"
#include "manifest/schema_formats.h"

#include <inttypes.h>
#include <stdio.h>

#define MS_PER_HOUR (60 * 60 * 1000)
#define LONGEST_DURATION_MS (99999LL * MS_PER_HOUR) /* so that every duration can be written with four units */

static const struct schema_format *format_of(const struct schema_field *field, enum schema_type type)
{
    switch (type) {
    case SCHEMA_DURATION: return field->format ? field->format : &format_duration;
    case SCHEMA_QUANTITY: return &format_quantity;
    case SCHEMA_PERCENT: return &format_percent;
    default: return field->format;
    }
}

static struct schema_scalar scalar_of(const struct schema_field *field, enum schema_type type, int64_t min, int64_t max)
{
    struct schema_scalar scalar = {
        .type = type,
        .min = min,
        .max = max,
        .values = field->values,
        .finer = field->finer,
        .format = format_of(field, type),
        .is_secret = (field->flags & SCHEMA_SECRET) != 0,
    };
    if (type == SCHEMA_STRING && scalar.format) {
        scalar.min = min ? min : scalar.format->min_len;
        scalar.max = max ? max : scalar.format->max_len;
    }
    return scalar;
}

struct schema_scalar schema_scalar_of_field(const struct schema_field *field)
{
    struct schema_scalar scalar = scalar_of(field, field->type, field->min, field->max);
    scalar.is_required = (field->flags & SCHEMA_REQUIRED) != 0;
    return scalar;
}

struct schema_scalar schema_scalar_of_items(const struct schema_field *field)
{
    return scalar_of(field, field->item, field->item_min, field->item_max);
}

bool schema_scalar_is_text(const struct schema_scalar *scalar)
{
    return scalar->type == SCHEMA_STRING || scalar->type == SCHEMA_NAME_OR_NUMBER;
}

size_t schema_scalar_size(const struct schema_scalar *scalar)
{
    return schema_scalar_is_text(scalar) ? sizeof(struct str) : sizeof(struct schema_int);
}

/* ------------------------------------------------------------------------------------------------- texts and numbers */

static bool parse_int(struct str text, int64_t *value)
{
    bool is_negative = str_starts_with(text, STR("-"));
    uint64_t number;
    if (!str_to_u64(str_slice(text, is_negative, text.len), &number) || number > INT64_MAX)
        return false;
    *value = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool parse_bool(struct str text, int64_t *value)
{
    *value = str_eq_nocase(text, STR("true")) || str_eq_nocase(text, STR("yes")) || str_eq_nocase(text, STR("on"));
    return *value == 1 || str_eq_nocase(text, STR("false")) || str_eq_nocase(text, STR("no")) ||
           str_eq_nocase(text, STR("off"));
}

static bool find_value(const char *const *values, struct str text, int64_t *index)
{
    for (*index = 0; values[*index]; (*index)++) {
        if (str_eq(str_from_c(values[*index]), text))
            return true;
    }
    return false;
}

/* The number that a text stands for. */
static bool parse_number(const struct schema_scalar *scalar, struct str text, int64_t *value)
{
    uint64_t number;
    switch (scalar->type) {
    case SCHEMA_INT: return parse_int(text, value);
    case SCHEMA_BOOL: return parse_bool(text, value);
    case SCHEMA_ENUM: return find_value(scalar->values, text, value);
    case SCHEMA_PERCENT: return format_percent_parse(text, value);
    case SCHEMA_DURATION:
        if (scalar->format == &format_decimal_duration)
            return format_decimal_duration_parse(text, value);
        if (!str_to_ms(text, &number))
            return false;
        break;
    default:
        if (!str_to_bytes(text, &number) || number > INT64_MAX)
            return false;
        break;
    }
    *value = (int64_t)number;
    return true;
}

static void format_ms(int64_t ms, struct strbuf *out)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"h", MS_PER_HOUR}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}};
    if (ms == 0)
        strbuf_add(out, STR("0s"));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms >= units[i].ms)
            strbuf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
        ms %= units[i].ms;
    }
}

static void format_bytes(int64_t bytes, struct strbuf *out)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    size_t unit = 0;
    for (; bytes != 0 && bytes % 1024 == 0; unit++)
        bytes /= 1024;
    strbuf_printf(out, "%" PRId64 "%s", bytes, units[unit]);
}

/* As a number of percent. */
static void format_millionths(int64_t millionths, struct strbuf *out)
{
    int64_t part = millionths % 10000;
    strbuf_printf(out, "%" PRId64, millionths / 10000);
    if (part != 0) {
        int digits = 4;
        for (; part % 10 == 0; digits--)
            part /= 10;
        strbuf_printf(out, ".%0*" PRId64, digits, part);
    }
}

void schema_scalar_format(const struct schema_scalar *scalar, int64_t value, struct strbuf *out)
{
    switch (scalar->type) {
    case SCHEMA_BOOL: strbuf_add(out, value ? STR("true") : STR("false")); break;
    case SCHEMA_ENUM: strbuf_add(out, str_from_c(scalar->values[value])); break;
    case SCHEMA_DURATION: format_ms(value, out); break;
    case SCHEMA_QUANTITY: format_bytes(value, out); break;
    case SCHEMA_SHARE: format_millionths(value, out); break;
    case SCHEMA_PERCENT:
        format_millionths(value, out);
        strbuf_add_char(out, '%');
        break;
    default: strbuf_printf(out, "%" PRId64, value); break;
    }
}

void schema_scalar_encode(const struct schema_scalar *scalar, const void *from, struct strbuf *out)
{
    if (scalar->is_secret) {
        strbuf_add(out, STR("(secret)"));
        return;
    }
    if (!schema_scalar_is_text(scalar)) {
        struct strbuf text = STRBUF_INIT;
        schema_scalar_format(scalar, ((const struct schema_int *)from)->value, &text);
        if (scalar->type == SCHEMA_ENUM)
            quote_yaml(out, strbuf_str(&text));
        else
            strbuf_add(out, strbuf_str(&text));
        strbuf_deinit(&text);
        return;
    }
    struct str text = *(const struct str *)from;
    uint64_t number;
    if (scalar->type == SCHEMA_NAME_OR_NUMBER && str_to_u64(text, &number))
        strbuf_add(out, text);
    else
        quote_yaml(out, text);
}

void schema_scalar_set_absent(const struct schema_scalar *scalar, const char *fallback, void *to)
{
    if (schema_scalar_is_text(scalar)) {
        *(struct str *)to = str_from_c(fallback);
        return;
    }
    struct schema_int *number = to;
    *number = (struct schema_int){.value = scalar->type == SCHEMA_ENUM ? -1 : 0};
    if (fallback)
        ASSERT(parse_number(scalar, str_from_c(fallback), &number->value));
}

/* ---------------------------------------------------------------------------------------------------------- decoding */

/* A value as a message shows it: strings in quotes, the rest as written, secrets not at all. */
static const char *show(const struct schema_scalar *scalar, const struct node *node, char *out)
{
    if (scalar->is_secret)
        return "the value";
    return node->kind == NODE_STRING ? quote_short(node->text, out) : quote_cut(node->text, out);
}

static const char *next_value(size_t index, const void *user)
{
    return ((const char *const *)user)[index];
}

#define VALUES_SHOWN 12 /* of an enum, in a message */

static void say_none_of(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    struct strbuf list = STRBUF_INIT;
    for (size_t i = 0; scalar->values[i] && i <= VALUES_SHOWN; i++)
        strbuf_printf(&list, "%s%s", i > 0 ? ", " : "", i < VALUES_SHOWN ? scalar->values[i] : "…");
    bool is_shown = problems->count < PROBLEMS_MAX && !scalar->is_secret;
    const char *meant = is_shown ? guess_word(node->text, next_value, scalar->values) : NULL;
    if (is_shown && !meant)
        meant = guess_part(node->text, next_value, scalar->values);
    if (meant)
        strbuf_printf(&list, "; did you mean \"%s\"?", meant);
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is none of %s", show(scalar, node, shown), list.ptr);
    strbuf_deinit(&list);
}

/* A map or a list where one value belongs. */
static void say_no_scalar(const struct schema_scalar *scalar, const struct node *node, const char *wanted,
                          struct problems *problems)
{
    char shown[QUOTE_TEXT];
    const struct node *item = node->first;
    bool is_list_of_one = node->kind == NODE_LIST && node->count == 1 && item->kind != NODE_MAP &&
                          item->kind != NODE_LIST && item->kind != NODE_NULL;
    if (is_list_of_one && !scalar->is_secret)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "a list where %s belongs; write %s, without \"-\"",
                     wanted, show(scalar, item, shown));
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s where %s belongs", node_kind_name(node->kind),
                     wanted);
}

/* A number or a boolean where a string belongs: it lacks quotes. */
static void say_no_string(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT], quoted[QUOTE_TEXT];
    const char *kind = node_kind_name(node->kind);
    if (scalar->is_secret)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s where a string belongs; write it in quotes", kind);
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "the %s %s where a string belongs; write %s, in quotes",
                     strchr(kind, ' ') + 1, quote_cut(node->text, shown), quote_short(node->text, quoted));
}

/* What to write instead: the number at the start of the text ("10%", "80/tcp"), else what is allowed. */
static void add_wanted_int(const struct schema_scalar *scalar, struct str text, struct strbuf *out)
{
    size_t digits = 0;
    int64_t number;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    bool is_fraction = digits + 1 < text.len && text.ptr[digits] == '.';
    bool is_number = !scalar->is_secret && !is_fraction && parse_int(str_slice(text, 0, digits), &number);
    if (is_number && number >= scalar->min && (scalar->max == 0 || number <= scalar->max))
        strbuf_printf(out, "%" PRId64, number);
    else if (scalar->max > 0 && scalar->max < INT32_MAX)
        strbuf_printf(out, "a whole number from %" PRId64 " to %" PRId64, scalar->min, scalar->max);
    else
        strbuf_add(out, STR("a whole number"));
    if (is_fraction && scalar->finer)
        strbuf_printf(out, ", or %s", scalar->finer);
}

static void say_no_int(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    struct strbuf wanted = STRBUF_INIT;
    int64_t number;
    if (node->kind == NODE_STRING && parse_int(node->text, &number) && !scalar->is_secret) {
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "a string where an integer belongs; write %" PRId64 ", without quotes", number);
        return;
    }
    add_wanted_int(scalar, node->text, &wanted);
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is no integer; write %s", show(scalar, node, shown),
                 wanted.ptr);
    strbuf_deinit(&wanted);
}

static void say_no_bool(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    int64_t value;
    if (node->kind == NODE_STRING && parse_bool(node->text, &value) && !scalar->is_secret)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "a string where a boolean belongs; write %s, without quotes", value ? "true" : "false");
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is no boolean; write true or false",
                     show(scalar, node, shown));
}

static void say_no_duration(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    uint64_t number;
    if (str_to_u64(node->text, &number) && number > 0 && number <= 99999 && !scalar->is_secret)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "%s is no duration; write a unit, like \"%" PRIu64 "s\" (h, m, s, ms)", show(scalar, node, shown),
                     number);
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "%s is no duration; write %s with h, m, s or ms, like \"1m30s\" or \"%s\"",
                     show(scalar, node, shown),
                     scalar->format == &format_decimal_duration ? "numbers" : "whole numbers",
                     scalar->format == &format_decimal_duration ? "0.25s" : "250ms");
}

static void say_no_percent(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT], mended[32];
    int64_t millionths;
    snprintf(mended, sizeof(mended), "%.*s%%", (int)(node->text.len < 16 ? node->text.len : 16), node->text.ptr);
    bool is_mended = format_percent_parse(str_from_c(mended), &millionths) && !scalar->is_secret;
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is no percentage; write %s\"%s\"",
                 show(scalar, node, shown), is_mended ? "" : "it like ", is_mended ? mended : "0.1%");
}

static void say_no_share(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT];
    struct str number = str_slice(node->text, 0, str_find_char(node->text, '%'));
    struct strbuf mended = STRBUF_INIT;
    int64_t millionths;
    strbuf_printf(&mended, "%.*s%%", (int)(number.len < 16 ? number.len : 16), number.ptr);
    bool is_mended = node->kind == NODE_STRING && !scalar->is_secret &&
                     format_percent_parse(strbuf_str(&mended), &millionths);
    if (is_mended)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "a string where a number of percent belongs; write %.*s, without quotes", STR_ARG(number));
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is no number of percent; write it like 0.1",
                     show(scalar, node, shown));
    strbuf_deinit(&mended);
}

static void say_wrong(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    static const char *const wanted[] = {
        [SCHEMA_STRING] = "a string",
        [SCHEMA_NAME_OR_NUMBER] = "a name or a number",
        [SCHEMA_INT] = "an integer",
        [SCHEMA_BOOL] = "a boolean",
        [SCHEMA_ENUM] = "a string",
        [SCHEMA_DURATION] = "a duration",
        [SCHEMA_QUANTITY] = "an amount of bytes",
        [SCHEMA_PERCENT] = "a percentage",
        [SCHEMA_SHARE] = "a number of percent",
    };
    char shown[QUOTE_TEXT];
    int64_t index;
    if (node->kind == NODE_MAP || node->kind == NODE_LIST) {
        say_no_scalar(scalar, node, wanted[scalar->type], problems);
        return;
    }
    switch (scalar->type) {
    case SCHEMA_INT: say_no_int(scalar, node, problems); break;
    case SCHEMA_BOOL: say_no_bool(scalar, node, problems); break;
    case SCHEMA_DURATION: say_no_duration(scalar, node, problems); break;
    case SCHEMA_PERCENT: say_no_percent(scalar, node, problems); break;
    case SCHEMA_SHARE: say_no_share(scalar, node, problems); break;
    case SCHEMA_QUANTITY:
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "%s is no amount of bytes; write it like \"1Mi\" (Ki, Mi, Gi, or nothing for bytes)",
                     show(scalar, node, shown));
        break;
    case SCHEMA_ENUM:
        if (node->kind == NODE_STRING || !find_value(scalar->values, node->text, &index)) {
            say_none_of(scalar, node, problems);
            break;
        }
        say_no_string(scalar, node, problems);
        break;
    default: say_no_string(scalar, node, problems); break;
    }
}

static size_t count_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool has_right_length(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    int64_t len = (int64_t)count_characters(node->text);
    if (scalar->max > 0 && len > scalar->max) {
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "is %" PRId64 " characters long; at most %" PRId64 " are allowed", len, scalar->max);
        return false;
    }
    if (len >= scalar->min)
        return true;
    if (len == 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "is empty; write a value%s",
                     scalar->is_required ? "" : ", or leave it out");
    else
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node,
                     "is %" PRId64 " character%s long; at least %" PRId64 " are needed", len, len == 1 ? "" : "s",
                     scalar->min);
    return false;
}

static bool has_right_format(const struct schema_scalar *scalar, const struct node *node, struct problems *problems)
{
    char shown[QUOTE_TEXT], mended[GUESS_TEXT];
    const struct schema_format *format = scalar->format;
    if (!format || format->is_valid(node->text))
        return true;
    if (format->all && str_eq(node->text, STR("*"))) {
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "\"*\" is not %s; %s", format->name, format->all);
        return false;
    }
    if (format->explain && !scalar->is_secret) {
        struct strbuf why = STRBUF_INIT;
        format->explain(node->text, &why);
        problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is not %s: %s (like \"%s\")",
                     show(scalar, node, shown), format->name, why.ptr, format->example);
        strbuf_deinit(&why);
        return false;
    }
    const char *like = scalar->is_secret ? NULL : guess_format(node->text, format, mended);
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s is not %s (like \"%s\")", show(scalar, node, shown),
                 format->name, like ? like : format->example);
    return false;
}

static void decode_text(const struct schema_scalar *scalar, const struct node *node, struct problems *problems,
                        struct str *text)
{
    bool is_number = scalar->type == SCHEMA_NAME_OR_NUMBER && node->kind == NODE_INT;
    int64_t index;
    if (node->kind != NODE_STRING && !is_number) {
        say_wrong(scalar, node, problems);
        return;
    }
    if (!has_right_length(scalar, node, problems))
        return;
    if (scalar->values && !find_value(scalar->values, node->text, &index)) {
        say_none_of(scalar, node, problems);
        return;
    }
    if (is_number || has_right_format(scalar, node, problems))
        *text = node->text;
}

#define PERCENT_MILLIONTHS 10000
#define SHARE_MOST 1e12 /* percent; what is more is far out of any range */

/* Percent in millionths. What is not 0 does not become 0. */
static bool read_share(const struct node *node, int64_t *value)
{
    double percent = node->kind == NODE_INT ? (double)node->integer : node->real;
    if ((node->kind != NODE_INT && node->kind != NODE_FLOAT) || !(percent >= -SHARE_MOST && percent <= SHARE_MOST))
        return false;
    double millionths = percent * PERCENT_MILLIONTHS;
    *value = (int64_t)(millionths < 0 ? millionths - 0.5 : millionths + 0.5);
    if (*value == 0 && percent > 0)
        *value = 1;
    return true;
}

/* False when it is no such number at all. */
static bool read_number(const struct schema_scalar *scalar, const struct node *node, int64_t *value)
{
    bool is_number = node->kind == NODE_INT, is_string = node->kind == NODE_STRING;
    switch (scalar->type) {
    case SCHEMA_INT: *value = node->integer; return is_number;
    case SCHEMA_BOOL: *value = node->integer; return node->kind == NODE_BOOL;
    case SCHEMA_SHARE: return read_share(node, value);
    case SCHEMA_QUANTITY:
        if (is_number) {
            *value = node->integer;
            return node->integer >= 0;
        }
        return is_string && parse_number(scalar, node->text, value);
    default: return is_string && parse_number(scalar, node->text, value);
    }
}

static bool is_in_range(const struct schema_scalar *scalar, int64_t value, const struct node *node,
                        struct problems *problems)
{
    int64_t max = scalar->type == SCHEMA_DURATION && scalar->max == 0 ? LONGEST_DURATION_MS : scalar->max;
    bool has_limits = scalar->min != 0 || max != 0;
    bool is_over = max != 0 && value > max, is_under = has_limits && value < scalar->min;
    if (scalar->type == SCHEMA_ENUM || (!is_over && !is_under))
        return true;
    struct strbuf text = STRBUF_INIT;
    if (!scalar->is_secret)
        schema_scalar_format(scalar, value, &text);
    else
        strbuf_add(&text, STR("the value"));
    strbuf_add(&text, is_over ? STR(" is over ") : STR(" is under "));
    schema_scalar_format(scalar, is_over ? max : scalar->min, &text);
    problems_add(problems, SEVERITY_ERROR, STR_NONE, node, "%s", text.ptr);
    strbuf_deinit(&text);
    return false;
}

void schema_scalar_decode(const struct schema_scalar *scalar, const struct node *node, struct problems *problems,
                          void *to)
{
    int64_t value, index;
    if (schema_scalar_is_text(scalar)) {
        decode_text(scalar, node, problems, to);
        return;
    }
    if (!read_number(scalar, node, &value)) {
        say_wrong(scalar, node, problems);
        return;
    }
    if (scalar->type == SCHEMA_INT && scalar->values && !find_value(scalar->values, node->text, &index)) {
        say_none_of(scalar, node, problems);
        return;
    }
    if (is_in_range(scalar, value, node, problems))
        *(struct schema_int *)to = (struct schema_int){value, true};
}
