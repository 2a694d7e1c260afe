/* SPDX-License-Identifier: Apache-2.0 */
#include "route/redirect.h"

#include "http/url.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443
#define PORT_TEXT 6 /* ":65535" */

/* The host of an authority as it stands there, brackets included. */
static struct str bare_host(struct str authority)
{
    struct str host;
    uint16_t port;
    if (!url_split_authority(authority, &host, &port))
        return authority;
    return authority.ptr[0] == '[' ? str_slice(authority, 0, host.len + 2) : host;
}

/* As it was sent, but for a port that would be wrong with the scheme that the rule names. */
static struct str asked_host(struct str authority, const struct redirect_from *from, bool is_https)
{
    struct str host;
    uint16_t port;
    bool is_changed = is_https != from->is_tls;
    if (is_changed && url_split_authority(authority, &host, &port) && port == (from->is_tls ? HTTPS_PORT : HTTP_PORT))
        return bare_host(authority);
    return authority;
}

static struct str choose_host(const struct plan *plan, const struct plan_redirect *redirect,
                              const struct redirect_from *from, bool is_https)
{
    struct str host = plan_text(plan, redirect->hostname), authority = from->request->authority;
    if (host.len && url_authority_is_valid(host))
        return host;
    if (redirect->port_kind == REDIRECT_PORT_OF_REQUEST && !redirect->port)
        return asked_host(authority, from, is_https);
    return bare_host(authority);
}

/* 0: none is written, or one stands in the host. */
static uint32_t choose_port(const struct plan_redirect *redirect, const struct redirect_from *from, bool is_https)
{
    if (redirect->port || redirect->port_kind == REDIRECT_PORT_OF_REQUEST)
        return redirect->port;
    if (redirect->scheme.len && redirect->port_kind == REDIRECT_PORT_BY_RULES)
        return is_https ? HTTPS_PORT : HTTP_PORT;
    return from->listener_port;
}

/* What could end the field, or the query, is no query. */
static bool is_query(struct str query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (query.ptr[i] <= ' ' || query.ptr[i] >= 0x7f || query.ptr[i] == '#')
            return false;
    }
    return query.len > 0;
}

static char *put(char *out, struct str s)
{
    return s.len ? mempcpy(out, s.ptr, s.len) : out;
}

static char *put_port(char *out, uint32_t port)
{
    char digits[PORT_TEXT];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + port % 10);
    while ((port /= 10) && at > 1);
    digits[--at] = ':';
    return mempcpy(out, digits + at, sizeof digits - at);
}

struct str redirect_location(const struct plan *plan, const struct plan_redirect *redirect,
                             const struct redirect_from *from, struct arena *arena)
{
    const struct head *request = from->request;
    struct str scheme = plan_text(plan, redirect->scheme), query = plan_text(plan, redirect->query);
    bool is_https = scheme.len ? str_eq_nocase(scheme, STR("https")) : from->is_tls;
    struct str host = choose_host(plan, redirect, from, is_https);
    uint32_t port = choose_port(redirect, from, is_https);
    struct str path = request->path;
    if (redirect->path_kind != REWRITE_NO_PATH)
        path = rewrite_make_path(plan, redirect->path_kind, redirect->path, &from->path, arena);
    if (!path.len || path.ptr[0] != '/')
        path = STR("/"); /* "OPTIONS *", CONNECT, or absolute-form without a path */
    if (!is_query(query))
        query = request->query;
    char *out = arena_alloc(arena, sizeof "https://" + host.len + PORT_TEXT + path.len + 1 + query.len);
    char *end = put(out, is_https ? STR("https://") : STR("http://"));
    end = put(end, host);
    if (port && port <= UINT16_MAX && port != (is_https ? HTTPS_PORT : HTTP_PORT))
        end = put_port(end, port);
    end = put(end, path);
    if (query.ptr) {
        *end++ = '?';
        end = put(end, query);
    }
    return (struct str){out, (size_t)(end - out)};
}

uint16_t redirect_status(const struct plan_redirect *redirect)
{
    switch (redirect->status) {
    case 301:
    case 303:
    case 307:
    case 308: return (uint16_t)redirect->status;
    default: return 302;
    }
}
