/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/http_extras.h"

#include "manifest/http_route_check.h"
#include "manifest/schema_formats.h"

#define PATH_MAX_LENGTH 1024
#define AUTH_HEADERS_MAX 64
#define SESSION_NAME_MAX 128

/* ----------------------------------------------------------------------------------------- session persistence */

/* Releases up to 1.6 have sessionName and cookieConfig where later ones have cookie and header. */
static void check_session_parts(const struct session_persistence *session, bool is_cookie, struct problems *problems)
{
    bool is_older = session->name.ptr || session->cookie_config || session->idle_timeout.is_set;
    if (is_cookie && !session->cookie && !is_older)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, session->node, "cookie",
                            "the type Cookie needs cookie: add it, an empty map will do");
    if (is_cookie && session->header)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, session->header->node,
                     "is for the type Header, and type is Cookie: remove it or change type");
    if (!is_cookie && !session->header && !is_older)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, session->node, "header",
                            "the type Header needs header with its name: add it");
    if (!is_cookie && session->cookie)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, session->cookie->node,
                     "is for the type Cookie, and type is Header: remove it or change type");
}

static void check_session_persistence(const void *object, struct problems *problems)
{
    const struct session_persistence *session = object;
    struct str lifetime = session->cookie ? session->cookie->lifetime : STR("Session");
    if (session->cookie_config)
        lifetime = session->cookie_config->lifetime;
    check_session_parts(session, str_eq(session->type, STR("Cookie")), problems);
    if (str_eq(lifetime, STR("Permanent")) && !session->absolute_timeout.is_set)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, session->node, "absoluteTimeout",
                            "a permanent cookie needs absoluteTimeout: add it, as 24h, or set lifetimeType: Session");
}

static const char *const session_types[] = {"Cookie", "Header", NULL};
static const char *const cookie_lifetimes[] = {"Permanent", "Session", NULL};

static const struct schema_field session_cookie_rows[] = {
    {.name = "name",
     .help = "The cookie's name.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_cookie, name),
     .format = &format_header_name},
    {.name = "path",
     .help = "The cookie's path.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_cookie, path),
     .max = PATH_MAX_LENGTH,
     .fallback = "/"},
    {.name = "lifetimeType",
     .help = "Whether the cookie ends with the client's session or at a time.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_cookie, lifetime),
     .fallback = "Session",
     .values = cookie_lifetimes},
};
static const struct schema session_cookie_schema = {
    .name = "CookieConfig",
    .help = "The cookie that names a session.",
    .size = sizeof(struct session_cookie),
    SCHEMA_ROWS(session_cookie_rows),
};
static const struct schema_field session_cookie_config_rows[] = {
    {.name = "lifetimeType",
     .help = "Whether the cookie ends with the client's session or at a time.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_cookie_config, lifetime),
     .fallback = "Session",
     .values = cookie_lifetimes},
};
static const struct schema session_cookie_config_schema = {
    .name = "CookieConfig",
    .help = "The cookie that names a session.",
    .size = sizeof(struct session_cookie_config),
    SCHEMA_ROWS(session_cookie_config_rows),
};
static const struct schema_field session_header_rows[] = {
    {.name = "name",
     .help = "The header's name.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_header, name),
     .flags = SCHEMA_REQUIRED,
     .format = &format_header_name},
};
static const struct schema session_header_schema = {
    .name = "HeaderConfig",
    .help = "The header that names a session.",
    .size = sizeof(struct session_header),
    SCHEMA_ROWS(session_header_rows),
};
static const struct schema_field session_persistence_rows[] = {
    {.name = "absoluteTimeout",
     .help = "When a session ends at the latest.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(session_persistence, absolute_timeout)},
    {.name = "type",
     .help = "Whether a cookie or a header names the session.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_persistence, type),
     .fallback = "Cookie",
     .values = session_types},
    {.name = "cookie",
     .help = "The cookie, for the type Cookie.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(session_persistence, cookie),
     .of = &session_cookie_schema},
    {.name = "header",
     .help = "The header, for the type Header.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(session_persistence, header),
     .of = &session_header_schema},
    {.name = "sessionName",
     .help = "The name of the cookie or header, up to release 1.6.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(session_persistence, name),
     .max = SESSION_NAME_MAX},
    {.name = "idleTimeout",
     .help = "When a session that rests ends, up to release 1.6.",
     .type = SCHEMA_DURATION,
     SCHEMA_AT(session_persistence, idle_timeout)},
    {.name = "cookieConfig",
     .help = "The cookie, up to release 1.6.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(session_persistence, cookie_config),
     .of = &session_cookie_config_schema},
};
const struct schema session_persistence_schema = {
    .name = "SessionPersistence",
    .help = "Keeps a session at one endpoint.",
    .size = sizeof(struct session_persistence),
    SCHEMA_ROWS(session_persistence_rows),
    .check = check_session_persistence,
};

/* ------------------------------------------------------------------------------------------ external authorisation */

static const char *const auth_protocols[] = {"HTTP", "GRPC", NULL};

static const struct schema_field auth_grpc_rows[] = {
    {.name = "allowedHeaders",
     .help = "Which headers of the request the service gets; absent: all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(auth_grpc, allowed_headers),
     .max = AUTH_HEADERS_MAX,
     .key = ""},
};
static const struct schema auth_grpc_schema = {
    .name = "GRPCAuthConfig",
    .help = "How a service is asked over gRPC.",
    .size = sizeof(struct auth_grpc),
    SCHEMA_ROWS(auth_grpc_rows),
};
static const struct schema_field auth_http_rows[] = {
    {.name = "path",
     .help = "What is put before the request's path.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(auth_http, path),
     .format = &format_path},
    {.name = "allowedHeaders",
     .help = "Which further headers of the request the service gets.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(auth_http, allowed_headers),
     .max = AUTH_HEADERS_MAX,
     .key = ""},
    {.name = "allowedResponseHeaders",
     .help = "Which headers of the service's answer the backend gets; absent: all.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(auth_http, allowed_response_headers),
     .max = AUTH_HEADERS_MAX,
     .key = ""},
};
static const struct schema auth_http_schema = {
    .name = "HTTPAuthConfig",
    .help = "How a service is asked over HTTP.",
    .size = sizeof(struct auth_http),
    SCHEMA_ROWS(auth_http_rows),
};
static const struct schema_field auth_body_rows[] = {
    {.name = "maxSize",
     .help = "How many bytes of the body the service gets; 0: none.",
     .type = SCHEMA_INT,
     SCHEMA_AT(auth_body, max_size),
     .max = INT32_MAX},
};
static const struct schema auth_body_schema = {
    .name = "ForwardBodyConfig",
    .help = "Whether the service gets the request's body.",
    .size = sizeof(struct auth_body),
    SCHEMA_ROWS(auth_body_rows),
};
static const struct schema_field http_external_auth_rows[] = {
    {.name = "protocol",
     .help = "How the service is asked.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(http_external_auth, protocol),
     .flags = SCHEMA_REQUIRED,
     .values = auth_protocols},
    {.name = "backendRef",
     .help = "The service that is asked.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_external_auth, backend),
     .flags = SCHEMA_REQUIRED,
     .of = &backend_ref_schema},
    {.name = "grpc",
     .help = "How a service is asked over gRPC.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_external_auth, grpc),
     .of = &auth_grpc_schema},
    {.name = "http",
     .help = "How a service is asked over HTTP.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_external_auth, http),
     .of = &auth_http_schema},
    {.name = "forwardBody",
     .help = "Whether the service gets the request's body.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(http_external_auth, body),
     .of = &auth_body_schema},
};
const struct schema http_external_auth_schema = {
    .name = "HTTPExternalAuthFilter",
    .help = "Asks a service whether a request may pass.",
    .size = sizeof(struct http_external_auth),
    SCHEMA_ROWS(http_external_auth_rows),
};
