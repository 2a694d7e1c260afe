/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror/redact.h"

#include "http/byte_class.h"
#include "route/edits.h"

typedef bool is_name_fn(struct str name, struct str redacted);

static bool is_redacted(const struct plan *plan, struct plan_range redactions, enum plan_redaction_kind kind,
                        struct str name, is_name_fn *is_name)
{
    for (uint32_t i = 0; i < redactions.count; i++) {
        const struct plan_redaction *redaction = PLAN_REDACTION(plan, redactions.first + i);
        if (redaction->kind == kind && is_name(name, plan_text(plan, redaction->name)))
            return true;
    }
    return false;
}

void redact_fields(const struct plan *plan, struct plan_range redactions, struct field *fields, uint16_t *count)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < *count; i++) {
        const struct field *field = &fields[i];
        if (!field_may_be_edited(field->id) ||
            !is_redacted(plan, redactions, REDACT_HEADER, field->name, str_eq_nocase))
            fields[kept++] = *field;
    }
    *count = kept;
}

static bool is_cookie(struct str pair, struct str redacted)
{
    return str_eq(str_trim(str_slice(pair, 0, str_find_char(pair, '='))), redacted);
}

/* The byte at *at of an encoded name, which is stepped over. */
static char decoded_at(struct str text, size_t *at)
{
    char byte = text.ptr[(*at)++];
    if (byte == '+')
        return ' ';
    if (byte != '%' || text.len - *at < 2)
        return byte;
    int high = byte_hex(text.ptr[*at]), low = byte_hex(text.ptr[*at + 1]);
    if (high < 0 || low < 0)
        return byte;
    *at += 2;
    return (char)(high << 4 | low);
}

static bool is_parameter(struct str parameter, struct str redacted)
{
    struct str name = str_slice(parameter, 0, str_find_char(parameter, '='));
    size_t at = 0, matched = 0;
    while (at < name.len && matched < redacted.len && decoded_at(name, &at) == redacted.ptr[matched])
        matched++;
    return at == name.len && matched == redacted.len;
}

struct list_kind {
    char separators[2];
    struct str joint; /* between elements that stay; empty: what stood there */
    enum plan_redaction_kind kind;
    is_name_fn *is_name;
};

static const struct list_kind cookies = {{';', ';'}, STR_INIT("; "), REDACT_COOKIE, is_cookie};
/* A ';' separates for some backends and is data for others. */
static const struct list_kind parameters = {{'&', ';'}, STR_INIT(""), REDACT_QUERY, is_parameter};

/* The next element, and where it ends: at a separator, or at the end of `list`. False behind the last. */
static bool next_element(const struct list_kind *kind, struct str list, size_t *at, struct str *element)
{
    size_t begin = *at, end = begin;
    if (begin > list.len)
        return false;
    while (end < list.len && list.ptr[end] != kind->separators[0] && list.ptr[end] != kind->separators[1])
        end++;
    *element = str_trim(str_slice(list, begin, end));
    *at = end + 1;
    return true;
}

/* The list without redacted elements; itself when there are none. */
static struct str redact_list(const struct plan *plan, struct plan_range redactions, const struct list_kind *kind,
                              struct str list, struct arena *arena)
{
    struct str element;
    size_t at = 0, begin;
    bool is_found = false;
    while (!is_found && next_element(kind, list, &at, &element))
        is_found = is_redacted(plan, redactions, kind->kind, element, kind->is_name);
    if (!is_found)
        return list;
    /* A joint may be longer than what it replaces, by one byte an element. */
    char *out = arena_alloc(arena, 2 * list.len + kind->joint.len), *end = out;
    for (at = begin = 0; next_element(kind, list, &at, &element); begin = at) {
        if (is_redacted(plan, redactions, kind->kind, element, kind->is_name))
            continue;
        if (end != out && kind->joint.len)
            end = mempcpy(end, kind->joint.ptr, kind->joint.len);
        else if (end != out)
            *end++ = list.ptr[begin - 1];
        if (element.len)
            end = mempcpy(end, element.ptr, element.len);
    }
    return (struct str){out, (size_t)(end - out)};
}

void redact_cookies(const struct plan *plan, struct plan_range redactions, struct head *head, struct arena *arena)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < head->field_count; i++) {
        struct field field = head->fields[i];
        size_t len = field.value.len;
        if (field.id == FIELD_COOKIE)
            field.value = redact_list(plan, redactions, &cookies, field.value, arena);
        if (field.value.len || !len)
            head->fields[count++] = field;
    }
    head->field_count = count;
}

void redact_query(const struct plan *plan, struct plan_range redactions, struct head *head, struct arena *arena)
{
    struct str query = redact_list(plan, redactions, &parameters, head->query, arena);
    if (query.ptr == head->query.ptr)
        return;
    /* The target ends with its query. */
    struct str front = str_slice(head->target, 0, head->target.len - head->query.len - (query.len ? 0 : 1));
    char *target = arena_alloc(arena, front.len + query.len + 1);
    memcpy(target, front.ptr, front.len);
    if (query.len)
        memcpy(target + front.len, query.ptr, query.len);
    head->target = (struct str){target, front.len + query.len};
    head->query = query.len ? (struct str){target + front.len, query.len} : STR_NONE;
}
