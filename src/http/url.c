/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include "base/arena.h"
#include "http/byte_class.h"

#include <arpa/inet.h>

/* The byte that "%41" at `at` stands for, or -1 when no two hex digits follow the '%'. */
static int escaped_byte(struct str s, size_t at)
{
    if (s.len - at < 3)
        return -1;
    int high = byte_hex(s.ptr[at + 1]), low = byte_hex(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_upper_hex(char digit)
{
    return digit < 'a';
}

/* "." or ".." as a whole segment that starts at `at`. */
static bool is_dot_segment(struct str path, size_t at)
{
    size_t dots = 0;
    while (dots < 2 && at + dots < path.len && path.ptr[at + dots] == '.')
        dots++;
    return dots > 0 && (at + dots == path.len || path.ptr[at + dots] == '/');
}

/* True when normalising gives the same bytes, found without a copy. */
static bool looks_normal(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '/' && is_dot_segment(path, i + 1))
            return false;
        if (path.ptr[i] != '%')
            continue;
        int byte = escaped_byte(path, i);
        if (byte >= 0 &&
            (byte_is((char)byte, BYTE_UNRESERVED) || !is_upper_hex(path.ptr[i + 1]) || !is_upper_hex(path.ptr[i + 2])))
            return false;
    }
    return true;
}

/* The result being built; it never gets longer than its input. */
struct normal {
    char *ptr;
    size_t len;
    size_t segment; /* where the last segment begins, after its '/' */
    size_t bare;    /* one past the last '%' that begins no escape, 0 when there is none */
};

/* A decoded digit must not complete an escape that was none: "%%341" is not "%41". */
static bool completes_escape(const struct normal *normal, char byte)
{
    return normal->bare > 0 && normal->len - normal->bare < 2 && byte_hex(byte) >= 0;
}

static void add_escape(struct normal *normal, int byte)
{
    static const char hex[] = "0123456789ABCDEF";
    if (byte_is((char)byte, BYTE_UNRESERVED) && !completes_escape(normal, (char)byte)) {
        normal->ptr[normal->len++] = (char)byte;
        return;
    }
    normal->ptr[normal->len++] = '%';
    normal->ptr[normal->len++] = hex[byte >> 4];
    normal->ptr[normal->len++] = hex[byte & 15];
}

/* Resolves the segment just completed. True when it was a dot segment and is gone; *climbs when it led above '/'. */
static bool resolve_segment(struct normal *normal, bool *climbs)
{
    struct str segment = {normal->ptr + normal->segment, normal->len - normal->segment};
    if (str_eq(segment, STR("."))) {
        normal->len = normal->segment;
    } else if (str_eq(segment, STR(".."))) {
        *climbs = normal->segment == 1;
        if (*climbs)
            return true;
        normal->len = normal->segment - 1;
        while (normal->ptr[normal->len - 1] != '/')
            normal->len--;
        normal->segment = normal->len;
    } else {
        return false;
    }
    normal->bare = 0;
    return true;
}

bool url_normalise_path(struct str path, struct arena *arena, struct str *normal)
{
    *normal = path;
    if (path.len == 0 || path.ptr[0] != '/' || looks_normal(path))
        return true;
    struct normal out = {.ptr = arena_alloc(arena, path.len), .len = 1, .segment = 1};
    bool climbs = false;
    out.ptr[0] = '/';
    for (size_t i = 1; i < path.len && !climbs; i++) {
        char byte = path.ptr[i];
        int escaped = byte == '%' ? escaped_byte(path, i) : -1;
        if (escaped >= 0) {
            add_escape(&out, escaped);
            i += 2;
        } else if (byte != '/') {
            out.ptr[out.len++] = byte;
            if (byte == '%')
                out.bare = out.len;
        } else if (!resolve_segment(&out, &climbs)) {
            out.ptr[out.len++] = '/';
            out.segment = out.len;
        }
    }
    if (climbs || (resolve_segment(&out, &climbs) && climbs))
        return false;
    struct str result = {out.ptr, out.len};
    if (!str_eq(result, path))
        *normal = result;
    return true;
}

void url_split_path(struct str path_and_query, struct str *path, struct str *query)
{
    size_t len = str_find_char(path_and_query, '?');
    *path = (struct str){path_and_query.ptr, len};
    *query = len < path_and_query.len ? (struct str){path_and_query.ptr + len + 1, path_and_query.len - len - 1}
                                      : STR_NONE;
}

/* The length of the reg-name at the front; a malformed escape ends it. */
static size_t reg_name_len(struct str s)
{
    size_t len = 0;
    while (len < s.len) {
        if (byte_is(s.ptr[len], BYTE_REG_NAME))
            len++;
        else if (s.ptr[len] == '%' && escaped_byte(s, len) >= 0)
            len += 3;
        else
            break;
    }
    return len;
}

/* What stands after the host: nothing, ":" or ":8080". */
static bool parse_port(const char *at, const char *end, uint16_t *port)
{
    uint32_t number = 0;
    if (at < end && *at++ != ':')
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (uint32_t)(*at - '0');
        if (number > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)number;
    return true;
}

static bool is_ipv6(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.len >= sizeof(text) || memchr(host.ptr, '\0', host.len))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool url_split_authority(struct str authority, struct str *host, uint16_t *port)
{
    if (authority.len == 0)
        return false;
    const char *end = authority.ptr + authority.len;
    if (authority.ptr[0] == '[') {
        size_t close = str_find_char(authority, ']');
        *host = str_slice(authority, 1, close);
        return close < authority.len && is_ipv6(*host) && parse_port(authority.ptr + close + 1, end, port);
    }
    *host = (struct str){authority.ptr, reg_name_len(authority)};
    return host->len > 0 && parse_port(authority.ptr + host->len, end, port);
}

bool url_authority_is_valid(struct str authority)
{
    struct str host;
    uint16_t port;
    return url_split_authority(authority, &host, &port);
}

bool url_query_find(struct str query, struct str name, struct str *value)
{
    while (query.len > 0) {
        size_t len = str_find_char(query, '&');
        struct str parameter = str_slice(query, 0, len);
        size_t name_len = str_find_char(parameter, '=');
        if (str_eq(str_slice(parameter, 0, name_len), name)) {
            *value = str_slice(parameter, name_len + 1, parameter.len);
            return true;
        }
        query = str_slice(query, len + 1, query.len);
    }
    return false;
}
