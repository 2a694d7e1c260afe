/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/api.h"

#include "admin/switches.h"
#include "admin/text.h"
#include "base/address.h"
#include "http/url.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define TEXT_HTML "text/html; charset=utf-8"
#define JSON "application/json"

struct call {
    const struct admin *admin;
    const struct admin_request *request;
    struct admin_response *response;
};

struct api_route {
    const char *method; /* GET answers HEAD as well */
    const char *path;   /* ends in "/ID": anything may stand there */
    bool needs_token;
    bool changes_state;
    const char *parameters; /* of the query, or of the body of a change */
    const char *help;
    void (*handle)(struct call *call);
};

/* One table row of the page at / for each route; below the table that it reads. */
static void add_index_rows(struct strbuf *page);

/* An answer that is one sentence. */
__attribute__((format(printf, 3, 4))) static void say(struct admin_response *response, uint16_t status,
                                                      const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    response->status = status;
    response->content_type = TEXT_PLAIN;
    strbuf_clear(&response->body);
    strbuf_add(&response->body, str_from_c(line));
    strbuf_add_char(&response->body, '\n');
}

/* Decodes a query parameter into `value`; STR_NONE when it is absent. */
static struct str query_value(struct call *call, struct str name, struct strbuf *value)
{
    struct str raw;
    struct str query = call->request->head->query;
    if (!query.ptr || !url_query_find(query, name, &raw))
        return STR_NONE;
    text_add_unescaped(value, raw);
    return value->len ? strbuf_str(value) : STR("");
}

static void get_health(struct call *call)
{
    say(call->response, 200, "ok");
}

static void get_ready(struct call *call)
{
    struct status_totals totals = status_totals(&call->admin->status);
    if (totals.is_ready)
        say(call->response, 200, "ready");
    else if (totals.is_draining)
        say(call->response, 503, "draining");
    else if (totals.gateways > 0 && call->admin->status.config.not_ready)
        say(call->response, 503, "%s", call->admin->status.config.not_ready);
    else
        say(call->response, 503, "no gateway serves yet");
}

static void get_metrics(struct call *call)
{
    call->response->content_type = METRICS_CONTENT_TYPE;
    call->response->has_more = true;
    admin_next(call->admin, call->response);
}

static void get_status(struct call *call)
{
    struct strbuf route = STRBUF_INIT, mirror = STRBUF_INIT, format = STRBUF_INIT;
    struct status_source source = call->admin->status;
    source.only_route = query_value(call, STR("route"), &route);
    source.only_mirror = query_value(call, STR("mirror"), &mirror);
    struct str form = query_value(call, STR("format"), &format);
    if (!form.ptr || str_eq(form, STR("json"))) {
        call->response->content_type = JSON;
        status_json(&source, &call->response->body);
    } else if (str_eq(form, STR("text"))) {
        call->response->content_type = TEXT_PLAIN;
        status_text(&source, &call->response->body);
    } else {
        say(call->response, 400, "format is json or text");
    }
    strbuf_deinit(&route);
    strbuf_deinit(&mirror);
    strbuf_deinit(&format);
}

static void get_switches(struct call *call)
{
    call->response->content_type = JSON;
    switches_json(&call->admin->status, &call->response->body);
}

static void set_switches(struct call *call)
{
    struct err err;
    call->response->content_type = JSON;
    uint16_t status = switches_set(&call->admin->status, call->request->body, &call->response->body, &err);
    if (status != 200)
        say(call->response, status, "%s", err.text);
}

static void relay_page(struct call *call)
{
    const struct head *head = call->request->head;
    call->response->is_relayed = true;
    call->response->question = (struct relay_question){.path = head->path, .query = head->query};
}

/* The number that a browser sends when it comes back (WHATWG HTML 9.2.4); 0 when there is none. */
static uint64_t last_event(const struct head *head)
{
    const struct field *field = head_find_name(head, STR("Last-Event-ID"));
    uint64_t number = 0;
    for (size_t i = 0; field && i < field->value.len; i++) {
        char digit = field->value.ptr[i];
        if (digit < '0' || digit > '9' || i > 18)
            return 0;
        number = number * 10 + (uint64_t)(digit - '0');
    }
    return number;
}

static void relay_events(struct call *call)
{
    relay_page(call);
    call->response->question.is_stream = true;
    call->response->question.last_event = last_event(call->request->head);
}

static void get_index(struct call *call)
{
    struct strbuf *page = &call->response->body;
    call->response->content_type = TEXT_HTML;
    strbuf_add(page,
               STR("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>umbra " UMBRA_VERSION
                   "</title>\n<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:3em auto;padding:0 1em}"
                   "td{padding:.2em 1em .2em 0;vertical-align:top}</style></head>\n<body><h1>umbra " UMBRA_VERSION
                   "</h1>\n<p>This is the admin port. There is no dashboard in this version; <code>umbra status</code> "
                   "and <code>umbra top</code> show the same figures in a terminal.</p>\n<table>\n"));
    add_index_rows(page);
    strbuf_add(page, STR("</table></body></html>\n"));
}

static const struct api_route api_routes[] = {
    {"GET", "/", true, false, "", "This list.", get_index},
    {"GET", "/healthz", false, false, "", "200 while the process that serves the admin port lives.", get_health},
    {"GET", "/readyz", false, false, "",
     "200 when a gateway serves at least one listener with rules and is not draining, else 503 with the reason.",
     get_ready},
    {"GET", "/metrics", false, false, "", "All counters, in Prometheus text format.", get_metrics},
    {"GET", "/status", true, false, "`route`, `mirror`: only these labels; `format`: `json` (default) or `text`",
     "The state of routes and mirrors with their accounting, and why copies are not sent.", get_status},
    {"GET", "/api/mirror", true, false, "", "The kill switches: of all mirroring and of each mirror.", get_switches},
    {"POST", "/api/mirror", true, true,
     "`{\"off\": true}` or false, and optionally `\"route\"`, `\"mirror\"`: only the mirrors with these labels",
     "Switches mirroring off or on, at once.", set_switches},
    {"GET", "/api/verdict", true, false,
     "`route`, `mirror`: only these labels; `since`: only pairs of so long, like `10m`",
     "For each mirror whose answers are compared: PASS, FAIL or INSUFFICIENT, the numbers and reasons in sentences.",
     relay_page},
    {"GET", "/api/findings", true, false,
     "`kind`: `difference`, `latency`, `load` or `security`; `route`, `mirror`: only these labels; `since`; `limit`, "
     "`after`: "
     "pages",
     "What is worth a look, the weightiest first.", relay_page},
    {"GET", "/api/findings/ID", true, false, "", "One finding, with its samples.", relay_page},
    {"GET", "/api/services", true, false, "`route`: only this label",
     "Per route, backend and endpoint: rate, errors, latency, requests in flight.", relay_page},
    {"GET", "/api/tallies", true, false, "`route`, `mirror`: only these labels; `since`",
     "What verdicts are made of, as counts that can be added: `umbra report` merges those of several replicas.",
     relay_page},
    {"GET", "/api/events", true, false, "header `Last-Event-ID`: only those after this one",
     "Findings as they come and verdicts as they change, as server-sent events. The connection stays open.",
     relay_events},
};
#define API_ROUTE_COUNT (sizeof(api_routes) / sizeof(api_routes[0]))

/* "/api/findings/ID" stands for everything beneath "/api/findings/". */
static bool is_prefix(const struct api_route *route)
{
    size_t len = strlen(route->path);
    return len > 3 && strcmp(route->path + len - 3, "/ID") == 0;
}

static bool is_path_of(const struct api_route *route, struct str path)
{
    struct str own = str_from_c(route->path);
    if (!is_prefix(route))
        return str_eq(path, own);
    own.len -= 2;
    return path.len > own.len && str_eq(str_slice(path, 0, own.len), own);
}

static void add_index_rows(struct strbuf *page)
{
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const struct api_route *route = &api_routes[i];
        bool is_link = !route->changes_state && !is_prefix(route);
        strbuf_printf(page, "<tr><td>%s</td><td>%s%s%s<code>%s</code>%s</td><td>%s</td></tr>\n", route->method,
                      is_link ? "<a href=\"" : "", is_link ? route->path : "", is_link ? "\">" : "", route->path,
                      is_link ? "</a>" : "", route->help);
    }
}

static bool host_is_allowed(const struct admin *admin, struct str authority)
{
    struct str host;
    uint16_t port;
    struct cidr ip;
    if (!url_split_authority(authority, &host, &port) || !host.len)
        return false;
    if (str_find_char(host, '/') == host.len && cidr_parse(host, &ip))
        return true;
    if (str_eq_nocase(host, STR("localhost")))
        return true;
    for (size_t i = 0; i < admin->host_count; i++)
        if (str_eq_nocase(host, admin->hosts[i]))
            return true;
    return false;
}

/* Time depends on the length of what was sent only. */
static bool token_eq(struct str given, struct str token)
{
    unsigned char difference = given.len != token.len;
    for (size_t i = 0; i < given.len; i++)
        difference |= (unsigned char)(given.ptr[i] ^ token.ptr[i % token.len]);
    return !difference;
}

static bool has_token(const struct admin *admin, const struct head *head)
{
    if (!admin->token.len)
        return true;
    const struct field *field = head_find(head, FIELD_AUTHORIZATION);
    struct str scheme = field ? str_slice(field->value, 0, 7) : STR_NONE;
    if (!field || !str_eq_nocase(scheme, STR("Bearer ")))
        return false;
    return token_eq(str_trim(str_slice(field->value, 7, field->value.len)), admin->token);
}

static bool has_change_mark(const struct head *head)
{
    const struct field *field = head_find_name(head, STR("X-Umbra"));
    return field && str_eq(field->value, STR("1"));
}

/* The row for this method and path, or NULL after 404 or 405 was put into the response. */
static const struct api_route *find_route(const struct head *head, struct admin_response *response)
{
    struct str method = head->method_id == METHOD_HEAD ? STR("GET") : head->method;
    bool is_known = false;
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        if (!is_path_of(&api_routes[i], head->path))
            continue;
        if (str_eq(method, str_from_c(api_routes[i].method)))
            return &api_routes[i];
        strbuf_printf(&response->allow, "%s%s", is_known ? ", " : "",
                      str_eq(str_from_c(api_routes[i].method), STR("GET")) ? "GET, HEAD" : api_routes[i].method);
        is_known = true;
    }
    if (is_known)
        say(response, 405, "%.*s is not possible here; Allow says what is", STR_ARG(str_slice(head->method, 0, 32)));
    else
        say(response, 404, "there is no such page; / lists them");
    return NULL;
}

void admin_handle(const struct admin *admin, const struct admin_request *request, struct admin_response *response)
{
    const struct head *head = request->head;
    if (!host_is_allowed(admin, head->authority)) {
        say(response, 403, "the Host must be an IP address, localhost, or a name given with --admin-host");
        return;
    }
    const struct api_route *route = find_route(head, response);
    if (!route)
        return;
    if (route->needs_token && !has_token(admin, head)) {
        say(response, 401,
            "a token is needed: Authorization: Bearer TOKEN (umbra's commands: --admin-token-file FILE)");
        response->has_challenge = true;
        return;
    }
    if (route->changes_state && !has_change_mark(head)) {
        say(response, 403, "a change needs the header X-Umbra: 1");
        return;
    }
    struct call call = {admin, request, response};
    route->handle(&call);
}

void admin_next(const struct admin *admin, struct admin_response *response)
{
    strbuf_clear(&response->body);
    struct metrics_from from = {admin->status.registry, &admin->process, admin->status.analyst};
    response->has_more = metrics_next(&from, &response->cursor, ADMIN_PIECE, &response->body);
}

void admin_response_deinit(struct admin_response *response)
{
    strbuf_deinit(&response->body);
    strbuf_deinit(&response->allow);
}

void admin_reference(struct strbuf *page)
{
    strbuf_add(
        page,
        STR("# Admin API\n\n"
            "Generated from the table in `src/admin/api.c`; do not edit.\n\n"
            "The admin port (`--admin`, 127.0.0.1:9900 by default) speaks HTTP/1.1. Errors are one line of text.\n\n"
            "- The Host of a request must be an IP address, `localhost` or an `--admin-host`, else 403.\n"
            "- With `--admin-token-file`, rows marked *token* need `Authorization: Bearer TOKEN`, else 401.\n"
            "- A change needs the header `X-Umbra: 1`, else 403.\n"
            "- HEAD is answered wherever GET is; another method gets 405 with Allow.\n\n"
            "| method | path | token | parameters | what it does |\n|---|---|---|---|---|\n"));
    for (size_t i = 0; i < API_ROUTE_COUNT; i++) {
        const struct api_route *route = &api_routes[i];
        strbuf_printf(page, "| %s | `%s` | %s | %s | %s |\n", route->method, route->path,
                      route->needs_token ? "token" : "", route->parameters, route->help);
    }
}
