/* SPDX-License-Identifier: Apache-2.0 */
#include "analyze/query.h"

#include "analyze/findings.h"
#include "judge/verdict.h"

#include <time.h>

static const struct {
    struct str name;
    enum parameter parameter;
} parameters[] = {
    {STR_INIT("route"), PARAMETER_ROUTE}, {STR_INIT("mirror"), PARAMETER_MIRROR}, {STR_INIT("since"), PARAMETER_SINCE},
    {STR_INIT("kind"), PARAMETER_KIND},   {STR_INIT("limit"), PARAMETER_LIMIT},   {STR_INIT("after"), PARAMETER_AFTER},
};
#define PARAMETER_COUNT (sizeof(parameters) / sizeof(parameters[0]))

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A plus sign is itself: offsets of times and labels may have one. */
static bool decode(struct str text, struct arena *arena, struct str *decoded)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        if (i + 2 >= text.len || digit_of(text.ptr[i + 1]) < 0 || digit_of(text.ptr[i + 2]) < 0)
            return false;
        out[len++] = (char)(digit_of(text.ptr[i + 1]) * 16 + digit_of(text.ptr[i + 2]));
        i += 2;
    }
    *decoded = (struct str){out, len};
    return true;
}

/* Of RFC 3339: "Z", "+02:00" or "-02:00", to seconds east. */
static bool offset_parse(struct str text, int64_t *seconds)
{
    uint64_t hours, minutes;
    *seconds = 0;
    if (text.len == 1 && (text.ptr[0] | 0x20) == 'z')
        return true;
    if (text.len != 6 || text.ptr[3] != ':' || (text.ptr[0] != '+' && text.ptr[0] != '-'))
        return false;
    if (!str_to_u64(str_slice(text, 1, 3), &hours) || !str_to_u64(str_slice(text, 4, 6), &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *seconds = (int64_t)(hours * 3600 + minutes * 60) * (text.ptr[0] == '-' ? -1 : 1);
    return true;
}

static bool time_parse(struct str text, uint64_t *time_ns)
{
    char copy[20] = "";
    struct tm tm = {.tm_isdst = 0};
    if (text.len < 20 || text.len > 40)
        return false;
    memcpy(copy, text.ptr, 19);
    copy[10] = copy[10] == 't' || copy[10] == ' ' ? 'T' : copy[10];
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end || *end != '\0')
        return false;
    size_t at = 19;
    if (text.ptr[at] == '.') {
        size_t digits = at + 1;
        while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
            digits++;
        if (digits == at + 1)
            return false;
        at = digits;
    }
    int64_t east;
    if (!offset_parse(str_slice(text, at, text.len), &east))
        return false;
    int64_t seconds = (int64_t)timegm(&tm) - east;
    *time_ns = seconds > 0 ? (uint64_t)seconds * 1000000000u : 1;
    return true;
}

bool since_parse(struct str text, uint64_t wall_ns, uint64_t *since_ns)
{
    uint64_t ms;
    if (time_parse(text, since_ns))
        return true;
    if (!str_to_ms(text, &ms))
        return false;
    uint64_t back_ns = ms > UINT64_MAX / 1000000u ? UINT64_MAX : ms * 1000000u;
    *since_ns = back_ns < wall_ns ? wall_ns - back_ns : 1;
    return true;
}

static bool set_kind(struct str value, struct query *query, struct err *err)
{
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++) {
        if (str_eq(value, str_from_c(finding_kind_name(kind)))) {
            query->kind = kind;
            return true;
        }
    }
    return err_set(err, "kind=%.*s: there are difference, latency, load and security",
                   (int)(value.len < 64 ? value.len : 64), value.ptr);
}

static bool set(enum parameter parameter, struct str value, uint64_t wall_ns, struct query *query, struct err *err)
{
    uint64_t number;
    int len = (int)(value.len < 64 ? value.len : 64);
    switch (parameter) {
    case PARAMETER_ROUTE: query->route = value; return true;
    case PARAMETER_MIRROR: query->mirror = value; return true;
    case PARAMETER_KIND: return set_kind(value, query, err);
    case PARAMETER_AFTER:
        query->after = value;
        return finding_cursor_is_valid(value) ||
               err_set(err, "after=%.*s: this is no `next` of a page before", len, value.ptr);
    case PARAMETER_SINCE:
        return since_parse(value, wall_ns, &query->since_ns) ||
               err_set(err, "since=%.*s: write a duration such as 10m, or a time such as 2026-01-31T12:00:00Z", len,
                       value.ptr);
    case PARAMETER_LIMIT:
        if (!str_to_u64(value, &number) || number < 1 || number > QUERY_LIMIT_MOST)
            return err_set(err, "limit=%.*s: write a number from 1 to %d", len, value.ptr, QUERY_LIMIT_MOST);
        query->limit = (size_t)number;
        return true;
    }
    return false;
}

static bool unknown(struct str name, unsigned known, struct err *err)
{
    struct err list = {""};
    size_t len = 0;
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (!(known & parameters[i].parameter))
            continue;
        memcpy(list.text + len, len > 0 ? ", " : "", len > 0 ? 2 : 0);
        len += len > 0 ? 2 : 0;
        memcpy(list.text + len, parameters[i].name.ptr, parameters[i].name.len);
        len += parameters[i].name.len;
    }
    return err_set(err, "%.*s: this page has no such parameter, it has %s", (int)(name.len < 64 ? name.len : 64),
                   name.ptr, len > 0 ? list.text : "none");
}

static bool set_one(struct str pair, unsigned known, unsigned *seen, uint64_t wall_ns, struct arena *arena,
                    struct query *query, struct err *err)
{
    size_t equals = str_find_char(pair, '=');
    struct str name = str_slice(pair, 0, equals), value;
    if (!decode(str_slice(pair, equals + 1, pair.len), arena, &value))
        return err_set(err, "%.*s: a percent sign is followed by two hex digits", (int)(name.len < 64 ? name.len : 64),
                       name.ptr);
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (!(known & parameters[i].parameter) || !str_eq(name, parameters[i].name))
            continue;
        if (*seen & parameters[i].parameter)
            return err_set(err, "%s stands there twice", parameters[i].name.ptr);
        *seen |= parameters[i].parameter;
        return value.len == 0 || set(parameters[i].parameter, value, wall_ns, query, err);
    }
    return unknown(name, known, err);
}

bool query_parse(struct str text, unsigned known, uint64_t wall_ns, struct arena *arena, struct query *query,
                 struct err *err)
{
    unsigned seen = 0;
    *query = (struct query){.kind = -1, .limit = QUERY_LIMIT};
    while (text.len > 0) {
        size_t end = str_find_char(text, '&');
        struct str pair = str_slice(text, 0, end);
        text = str_slice(text, end + 1, text.len);
        if (pair.len > 0 && !set_one(pair, known, &seen, wall_ns, arena, query, err))
            return false;
    }
    return true;
}
