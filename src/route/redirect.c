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

static struct str choose_host(const struct plan *plan, const struct plan_redirect *redirect, struct str authority)
{
    struct str host = plan_text(plan, redirect->hostname);
    return host.len && url_authority_is_valid(host) ? host : bare_host(authority);
}

static uint32_t choose_port(const struct plan_redirect *redirect, const struct redirect_from *from, bool is_https)
{
    if (redirect->port)
        return redirect->port;
    if (redirect->scheme.len)
        return is_https ? HTTPS_PORT : HTTP_PORT;
    return from->listener_port;
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
    struct str scheme = plan_text(plan, redirect->scheme), host = choose_host(plan, redirect, request->authority);
    bool is_https = scheme.len ? str_eq_nocase(scheme, STR("https")) : from->is_tls;
    uint32_t port = choose_port(redirect, from, is_https);
    struct str path = request->path;
    if (redirect->path_kind != REWRITE_NO_PATH)
        path = rewrite_make_path(plan, redirect->path_kind, redirect->path, &from->path, arena);
    if (!path.len || path.ptr[0] != '/')
        path = STR("/"); /* "OPTIONS *", CONNECT, or absolute-form without a path */
    char *out = arena_alloc(arena, sizeof "https://" + host.len + PORT_TEXT + path.len + 1 + request->query.len);
    char *end = put(out, is_https ? STR("https://") : STR("http://"));
    end = put(end, host);
    if (port && port <= UINT16_MAX && port != (is_https ? HTTPS_PORT : HTTP_PORT))
        end = put_port(end, port);
    end = put(end, path);
    if (request->query.ptr) {
        *end++ = '?';
        end = put(end, request->query);
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
