/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "compare/redacting.h"
#include "http/byte_class.h"

/* Longer names of parameters are hidden whole with their values. */
#define NAME_MOST 256

static const struct str always_hidden[] = {STR_INIT("authorization"), STR_INIT("cookie"), STR_INIT("set-cookie"),
                                           STR_INIT("proxy-authorization"), STR_INIT("x-api-key")};

static bool is_listed(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].len == name.len && str_eq_nocase(names[i], name))
            return true;
    }
    return false;
}

/* ---- rules ---- */

static const struct str *copy_list(struct arena *arena, const struct str *list, size_t count)
{
    struct str *copy = arena_alloc(arena, count * sizeof(*copy) + 1);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_copy(arena, list[i]);
    return copy;
}

/* The name in quotes that begins at *at; *at ends behind it. */
static struct str quoted_name(struct str path, size_t *at, struct arena *arena)
{
    char quote = path.ptr[(*at)++], *out = arena_alloc(arena, path.len);
    size_t len = 0;
    for (; *at < path.len && path.ptr[*at] != quote; (*at)++) {
        *at += path.ptr[*at] == '\\' && *at + 1 < path.len;
        out[len++] = path.ptr[*at];
    }
    *at += *at < path.len;
    return (struct str){out, len};
}

/* The last name of a path (see path.h); empty: it has none. */
static struct str last_name(struct str path, struct arena *arena)
{
    struct str last = STR_NONE;
    for (size_t at = 0; at < path.len;) {
        char byte = path.ptr[at];
        if (byte == '\'' || byte == '"') {
            last = quoted_name(path, &at, arena);
            continue;
        }
        at++;
        if (byte != '.')
            continue;
        size_t begin = at;
        while (at < path.len && path.ptr[at] != '.' && path.ptr[at] != '[')
            at++;
        struct str name = str_slice(path, begin, at);
        if (name.len > 0 && !str_eq(name, STR("*")))
            last = name;
    }
    return last;
}

struct redaction *redaction_new(const struct redaction_spec *spec)
{
    struct redaction *redaction = mem_alloc(sizeof(*redaction));
    arena_init(&redaction->arena, NULL, 0);
    redaction->headers = copy_list(&redaction->arena, spec->headers, spec->header_count);
    redaction->header_count = spec->header_count;
    redaction->query = copy_list(&redaction->arena, spec->query, spec->query_count);
    redaction->query_count = spec->query_count;
    redaction->paths = path_set_new(spec->paths, spec->path_count);
    struct str *names = arena_alloc(&redaction->arena, spec->path_count * sizeof(*names) + 1);
    for (size_t i = 0; i < spec->path_count; i++) {
        struct str name = last_name(arena_copy(&redaction->arena, spec->paths[i]), &redaction->arena);
        redaction->hides_all |= name.len == 0;
        redaction->hides_document |= str_eq(spec->paths[i], STR("$"));
        if (name.len > 0)
            names[redaction->name_count++] = name;
    }
    redaction->names = names;
    return redaction;
}

void redaction_free(struct redaction *redaction)
{
    if (!redaction)
        return;
    path_set_free(redaction->paths);
    arena_deinit(&redaction->arena);
    mem_free(redaction);
}

bool redaction_hides_header(const struct redaction *redaction, struct str name)
{
    return is_listed(always_hidden, sizeof(always_hidden) / sizeof(always_hidden[0]), name) ||
           is_listed(redaction->headers, redaction->header_count, name);
}

void redaction_take_back(struct strbuf *out, size_t before)
{
    if (out->len == before)
        return;
    out->len = before;
    out->ptr[before] = '\0';
}

/* ---- parameters ---- */

bool redaction_hides_form_name(const struct redaction *redaction, struct str name)
{
    if (redaction->hides_all || is_listed(redaction->query, redaction->query_count, name) ||
        is_listed(redaction->names, redaction->name_count, name))
        return true;
    for (size_t begin = 0, at = 0; at <= name.len; at++) {
        if (at < name.len && !(name.ptr[at] && strchr(".[]", name.ptr[at])))
            continue;
        struct str part = str_slice(name, begin, at);
        begin = at + 1;
        if (part.len > 0 && (is_listed(redaction->names, redaction->name_count, part) ||
                             is_listed(redaction->query, redaction->query_count, part)))
            return true;
    }
    return false;
}

bool redaction_hides_parameter(const struct redaction *redaction, struct str encoded, bool in_form, bool *is_readable)
{
    char name[NAME_MOST];
    size_t len = 0;
    *is_readable = true;
    for (size_t at = 0; at < encoded.len; at++) {
        char byte = encoded.ptr[at] == '+' ? ' ' : encoded.ptr[at];
        if (byte == '%') {
            int high = encoded.len - at > 2 ? byte_hex(encoded.ptr[at + 1]) : -1;
            int low = encoded.len - at > 2 ? byte_hex(encoded.ptr[at + 2]) : -1;
            *is_readable = *is_readable && high >= 0 && low >= 0;
            if (high >= 0 && low >= 0) {
                byte = (char)(high << 4 | low);
                at += 2;
            }
        }
        if (len == sizeof(name))
            return true;
        name[len++] = byte;
    }
    struct str decoded = str_trim((struct str){name, len});
    return in_form ? redaction_hides_form_name(redaction, decoded)
                   : is_listed(redaction->query, redaction->query_count, decoded);
}

/* ---- targets and headers ---- */

static size_t find_any(struct str text, size_t at, const char *bytes)
{
    while (at < text.len && !(text.ptr[at] && strchr(bytes, text.ptr[at])))
        at++;
    return at;
}

/* Parameters of a query, of a fragment, and of elements of a path (RFC 3986 3.3): a name is what stands before a '=', and begins behind what
 * may separate parameters anywhere. A hidden value goes on to what surely ends it. */
static void add_url(const struct redaction *redaction, struct str url, const char *ends, struct strbuf *out)
{
    size_t done = 0, query = find_any(url, 0, "?#");
    for (size_t at = find_any(url, 0, "?#;&"); at < url.len && redaction->query_count > 0;) {
        size_t begin = ++at, equals = find_any(url, begin, "=?#;&");
        bool is_readable;
        at = equals;
        if (equals == url.len || url.ptr[equals] != '=' ||
            !redaction_hides_parameter(redaction, str_slice(url, begin, equals), false, &is_readable)) {
            at = find_any(url, equals, "?#;&");
            continue;
        }
        strbuf_add(out, str_slice(url, done, equals + 1));
        strbuf_add(out, HIDDEN);
        done = find_any(url, equals + 1, begin <= query ? "/?#" : ends);
        at = find_any(url, done, "?#;&");
    }
    strbuf_add(out, str_slice(url, done, url.len));
}

void redaction_add_target(const struct redaction *redaction, struct str target, struct strbuf *out)
{
    /* A name and a password before the host of an absolute-form. */
    size_t colon = str_find_char(target, ':'), slash = find_any(target, 0, "/?#");
    if (colon < slash && slash == colon + 1 && target.len - slash > 2 && target.ptr[slash + 1] == '/') {
        size_t begin = slash + 2, end = find_any(target, begin, "/?#"), sign = end;
        while (sign > begin && target.ptr[sign - 1] != '@')
            sign--;
        if (sign > begin) {
            strbuf_add(out, str_slice(target, 0, begin));
            strbuf_add(out, HIDDEN);
            target = str_slice(target, sign - 1, target.len);
        }
    }
    add_url(redaction, target, "&#", out);
}

/* "a=1; b" becomes "a=[redacted]; [redacted]". */
static void add_cookies(struct str value, struct strbuf *out)
{
    struct str cookie;
    for (bool is_first = true; str_next(&value, ';', &cookie); is_first = false) {
        size_t equals = str_find_char(cookie, '=');
        if (!is_first)
            strbuf_add(out, STR("; "));
        if (equals < cookie.len)
            strbuf_add(out, str_slice(cookie, 0, equals + 1));
        if (cookie.len > 0)
            strbuf_add(out, HIDDEN);
    }
}

/* The cookie, and the attributes that RFC 6265 and its draft name. */
static void add_set_cookie(struct str value, struct strbuf *out)
{
    static const struct str attributes[] = {STR_INIT("path"),     STR_INIT("domain"),     STR_INIT("expires"),
                                            STR_INIT("max-age"),  STR_INIT("secure"),     STR_INIT("httponly"),
                                            STR_INIT("samesite"), STR_INIT("partitioned")};
    struct str part;
    size_t semicolon = str_find_char(value, ';');
    add_cookies(str_slice(value, 0, semicolon), out);
    for (value = str_slice(value, semicolon + 1, value.len); str_next(&value, ';', &part);) {
        struct str name = str_trim(str_slice(part, 0, str_find_char(part, '=')));
        if (!is_listed(attributes, sizeof(attributes) / sizeof(attributes[0]), name))
            continue;
        strbuf_add(out, STR("; "));
        strbuf_add(out, part);
    }
}

void redaction_add_value(const struct redaction *redaction, struct str header, struct str value, struct strbuf *out)
{
    if (is_listed(redaction->headers, redaction->header_count, header))
        strbuf_add(out, HIDDEN);
    else if (str_eq_nocase(header, STR("cookie")))
        add_cookies(value, out);
    else if (str_eq_nocase(header, STR("set-cookie")))
        add_set_cookie(value, out);
    else if (redaction_hides_header(redaction, header))
        strbuf_add(out, HIDDEN);
    else if (str_eq_nocase(header, STR("location")) || str_eq_nocase(header, STR("referer")) ||
             str_eq_nocase(header, STR("content-location")))
        redaction_add_target(redaction, value, out);
    else
        add_url(redaction, value, "&# \t<>\"", out);
}

/* ---- differences ---- */

static struct str header_of(struct str field)
{
    struct str prefixes[] = {STR("headers."), STR("trailers.")};
    for (size_t i = 0; i < 2; i++) {
        if (str_starts_with(field, prefixes[i]))
            return str_slice(field, prefixes[i].len, field.len);
    }
    return STR_NONE;
}

static bool hides_place(const struct redaction *redaction, struct str field)
{
    if (path_set_is_empty(redaction->paths))
        return false;
    /* A name that was cut may be any. */
    return redaction->hides_document || str_ends_with(field, STR("\xe2\x80\xa6")) ||
           path_set_find(redaction->paths, field) >= 0 || path_set_may_be_below(redaction->paths, field);
}

void redaction_add_difference(const struct redaction *redaction, struct str field, struct str value, bool is_masked,
                              struct strbuf *out)
{
    struct str header = header_of(field);
    bool has_rules = redaction->query_count > 0 || redaction->name_count > 0 || redaction->hides_all;
    if (str_eq(field, STR("status")) || str_eq(field, STR("grpc-status"))) {
        strbuf_add(out, value);
    } else if (header.len > 0) {
        /* Only the names of cookies are compared. */
        if (str_eq_nocase(header, STR("set-cookie")) && !is_listed(redaction->headers, redaction->header_count, header))
            strbuf_add(out, value);
        else if (is_masked && !redaction_hides_header(redaction, header))
            redaction_add_mask(value, out);
        else
            redaction_add_value(redaction, header, value, out);
    } else if (hides_place(redaction, field)) {
        strbuf_add(out, str_eq(field, STR("body")) ? UNREADABLE : HIDDEN);
    } else if (is_masked) {
        redaction_add_mask(value, out);
    } else if (has_rules && str_eq(field, STR("body"))) {
        strbuf_add(out, UNREADABLE);
    } else {
        strbuf_add(out, value);
    }
}
