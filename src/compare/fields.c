/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"
#include "compare/comparer.h"

#include <stdlib.h>

/* Of a name, and of the values of one name, as they are compared and shown. */
#define NAME_BYTES 256

const struct str compare_noisy_headers[] = {
    STR_INIT("date"),
    STR_INIT("server"),
    STR_INIT("age"),
    STR_INIT("via"),
    STR_INIT("etag"),
    STR_INIT("last-modified"),
    STR_INIT("content-length"),
    STR_INIT("content-encoding"),
    STR_INIT("transfer-encoding"),
    STR_INIT("connection"),
    STR_INIT("keep-alive"),
    STR_INIT("x-request-id"),
    STR_INIT("traceparent"),
    STR_INIT(""),
};

const struct field *answer_find_field(const struct field *fields, uint16_t count, struct str name)
{
    for (uint16_t i = 0; i < count; i++) {
        if (fields[i].name.len == name.len && str_eq_nocase(fields[i].name, name))
            return &fields[i];
    }
    return NULL;
}

static bool is_listed(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(names[i], name))
            return true;
    }
    return false;
}

static bool is_compared(const struct compare_rules *rules, struct str name)
{
    /* Is compared as such. */
    if (str_eq_nocase(name, STR("grpc-status")))
        return false;
    if (rules && is_listed(rules->ignored_headers, rules->ignored_header_count, name))
        return false;
    if (rules && rules->header_count > 0)
        return is_listed(rules->headers, rules->header_count, name);
    for (const struct str *noisy = compare_noisy_headers; noisy->len > 0; noisy++) {
        if (str_eq_nocase(*noisy, name))
            return false;
    }
    return true;
}

static int compare_names(struct str a, struct str b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
        x |= x >= 'A' && x <= 'Z' ? 0x20 : 0;
        y |= y >= 'A' && y <= 'Z' ? 0x20 : 0;
        if (x != y)
            return x - y;
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const struct field *x = *(const struct field *const *)a, *y = *(const struct field *const *)b;
    int order = compare_names(x->name, y->name);
    return order ? order : (x > y) - (x < y);
}

struct sorted {
    const struct field **list;
    size_t count, at;
};

static struct sorted sort_fields(struct comparer *comparer, const struct compare_rules *rules,
                                 const struct field *fields, size_t count)
{
    struct sorted sorted = {.list = scratch_take(&comparer->scratch, count * sizeof(struct field *))};
    for (size_t i = 0; i < count; i++) {
        if (is_compared(rules, fields[i].name))
            sorted.list[sorted.count++] = &fields[i];
    }
    if (sorted.count > 1)
        qsort(sorted.list, sorted.count, sizeof(struct field *), by_name);
    return sorted;
}

static void add_lower(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        strbuf_add_char(out, text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i]);
}

/* Type, subtype, and names of parameters have no case, nor has a charset (RFC 9110 8.3.1, 8.3.2); blanks around the semicolons
 * and quotes mean nothing. */
static void add_media_type(struct strbuf *out, struct str value)
{
    struct str part;
    for (bool is_first = true; str_next(&value, ';', &part); is_first = false) {
        size_t equals = is_first ? part.len : str_find_char(part, '=');
        struct str name = str_slice(part, 0, equals), rest = str_slice(part, equals + 1, part.len);
        if (part.len == 0)
            continue;
        if (rest.len >= 2 && rest.ptr[0] == '"' && rest.ptr[rest.len - 1] == '"')
            rest = str_slice(rest, 1, rest.len - 1);
        strbuf_add(out, is_first ? STR("") : STR("; "));
        add_lower(out, name);
        if (equals == part.len)
            continue;
        strbuf_add_char(out, '=');
        if (str_eq_nocase(name, STR("charset")))
            add_lower(out, rest);
        else
            strbuf_add(out, rest);
    }
}

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The names of the cookies, sorted: their order means nothing, their values change with each client. */
static void add_cookie_names(struct comparer *comparer, struct strbuf *out, const struct field **fields, size_t count)
{
    struct str *names = scratch_take(&comparer->scratch, count * sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = str_trim(str_slice(fields[i]->value, 0, str_find_char(fields[i]->value, '=')));
    qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++) {
        strbuf_add(out, i ? STR(", ") : STR(""));
        strbuf_add(out, names[i]);
    }
}

/* All values of one name, as they are compared. */
static void add_values(struct comparer *comparer, struct strbuf *out, const struct field **fields, size_t count)
{
    if (count == 0)
        return;
    if (str_eq_nocase(fields[0]->name, STR("set-cookie"))) {
        add_cookie_names(comparer, out, fields, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        strbuf_add(out, i ? STR(", ") : STR(""));
        if (str_eq_nocase(fields[i]->name, STR("content-type")))
            add_media_type(out, fields[i]->value);
        else
            strbuf_add(out, fields[i]->value);
    }
}

/* How many of the next fields have this name. */
static size_t count_named(const struct sorted *sorted, struct str name)
{
    size_t count = 0;
    while (sorted->at + count < sorted->count && compare_names(sorted->list[sorted->at + count]->name, name) == 0)
        count++;
    return count;
}

static void compare_one(struct comparer *comparer, struct str prefix, struct sorted *live, struct sorted *other)
{
    struct str a = live->at < live->count ? live->list[live->at]->name : STR_NONE;
    struct str b = other->at < other->count ? other->list[other->at]->name : STR_NONE;
    struct str name = live->at == live->count || (other->at < other->count && compare_names(b, a) < 0) ? b : a;
    size_t live_count = count_named(live, name), other_count = count_named(other, name);
    struct strbuf field = STRBUF_INIT, live_values = STRBUF_INIT, other_values = STRBUF_INIT;
    add_values(comparer, &live_values, live->list + live->at, live_count);
    add_values(comparer, &other_values, other->list + other->at, other_count);
    if (live_count == 0 || other_count == 0 || !str_eq(strbuf_str(&live_values), strbuf_str(&other_values))) {
        strbuf_add(&field, prefix);
        add_lower(&field, str_slice(name, 0, NAME_BYTES));
        report_add(&comparer->report, strbuf_str(&field),
                   live_count == 0    ? DIFFERENCE_EXTRA
                   : other_count == 0 ? DIFFERENCE_MISSING
                                      : DIFFERENCE_VALUE,
                   strbuf_str(&live_values), strbuf_str(&other_values));
    }
    strbuf_deinit(&field);
    strbuf_deinit(&live_values);
    strbuf_deinit(&other_values);
    live->at += live_count;
    other->at += other_count;
}

struct field_list {
    const struct field *list;
    uint16_t count;
};

/* Mostly both have the same names in the same order, and what differs is noise. */
static bool are_alike(const struct compare_rules *rules, struct field_list live, struct field_list other)
{
    if (live.count != other.count)
        return false;
    for (uint16_t i = 0; i < live.count; i++) {
        const struct field *a = &live.list[i], *b = &other.list[i];
        if (!str_eq(a->name, b->name) && !str_eq_nocase(a->name, b->name))
            return false;
        if (!str_eq(a->value, b->value) && is_compared(rules, a->name))
            return false;
    }
    return true;
}

static void compare_lists(struct comparer *comparer, const struct compare_rules *rules, struct str prefix,
                          struct field_list live, struct field_list other)
{
    if (are_alike(rules, live, other))
        return;
    struct scratch_mark mark = scratch_mark(&comparer->scratch);
    struct sorted a = sort_fields(comparer, rules, live.list, live.count);
    struct sorted b = sort_fields(comparer, rules, other.list, other.count);
    while (a.at < a.count || b.at < b.count)
        compare_one(comparer, prefix, &a, &b);
    scratch_reset(&comparer->scratch, mark);
}

void compare_fields(struct comparer *comparer, const struct compare_rules *rules, const struct answer *live,
                    const struct answer *other)
{
    compare_lists(comparer, rules, STR("headers."), (struct field_list){live->fields, live->field_count},
                  (struct field_list){other->fields, other->field_count});
    compare_lists(comparer, rules, STR("trailers."), (struct field_list){live->trailers, live->trailer_count},
                  (struct field_list){other->trailers, other->trailer_count});
}
