/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/schema_formats.h"
#include "manifest/umbra_kinds.h"
#include "manifest/umbra_status.h"

#define ENDPOINTS_MAX 256
#define UNIX_PATH_MAX_LENGTH 107 /* of sockaddr_un */
#define FILE_NAME_MAX_LENGTH 4096
#define CA_REFS_MAX 8

/* Names as DNS has them, "_" included, which real ones have. */
static bool is_dns_host(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        bool is_inner = i > 0 && text.ptr[i - 1] != '.' && (c == '.' || (c == '-' && i + 1 < text.len));
        if (!is_plain && !is_inner)
            return false;
    }
    return text.len > 0;
}

static bool is_unix(struct str text)
{
    return str_starts_with(text, STR("unix:/"));
}

static bool is_endpoint_host(struct str text)
{
    if (is_unix(text))
        return text.len <= sizeof("unix:") - 1 + UNIX_PATH_MAX_LENGTH && !memchr(text.ptr, '\0', text.len);
    return format_ip.is_valid(text) || is_dns_host(text);
}
static const struct schema_format format_endpoint_host = {
    .name = "a host: a name, an IP address without brackets, or unix:/path",
    .pattern = "^(unix:/.+|[A-Za-z0-9_.:-]+)$",
    .example = "shop.local",
    .is_valid = is_endpoint_host,
    .min_len = 1,
    .max_len = 253,
};

static void check_endpoint(const void *object, struct problems *problems)
{
    const struct backend_endpoint *endpoint = object;
    if (!is_unix(endpoint->host) && !endpoint->port.is_set)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, endpoint->node, "port",
                            "%.*s needs a port: add it, as port: 80", STR_ARG(endpoint->host));
    if (is_unix(endpoint->host) && endpoint->port.is_set)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(endpoint->node, "port"),
                     "a Unix socket has no port: remove it");
}
static const struct schema_rule endpoint_rules[] = {
    {"self.host.startsWith('unix:/') != has(self.port)", "a host needs a port, and a Unix socket has none"},
};
static const struct schema_field endpoint_rows[] = {
    {.name = "host",
     .help = "A name, which DNS is asked for, an IP address, or `unix:/path`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_endpoint, host),
     .flags = SCHEMA_REQUIRED,
     .format = &format_endpoint_host},
    {.name = "port",
     .help = "The port, which all but a Unix socket need.",
     .type = SCHEMA_INT,
     SCHEMA_AT(backend_endpoint, port),
     .min = 1,
     .max = 65535},
};
static const struct schema endpoint_schema = {
    .name = "BackendEndpoint",
    .help = "Where the backend is.",
    .size = sizeof(struct backend_endpoint),
    SCHEMA_ROWS(endpoint_rows),
    .check = check_endpoint,
    .rules = endpoint_rules,
    .rule_count = sizeof(endpoint_rules) / sizeof(endpoint_rules[0]),
};

static bool is_server_name(struct str text)
{
    return format_ip.is_valid(text) || is_dns_host(text);
}
static const struct schema_format format_server_name = {
    .name = "a name or an IP address",
    .pattern = "^[A-Za-z0-9_.:-]+$",
    .example = "shop.local",
    .is_valid = is_server_name,
    .min_len = 1,
    .max_len = 253,
};

bool backend_has_tls(const struct backend_spec *spec)
{
    return spec->tls || spec->protocol.value == BACKEND_HTTPS || spec->protocol.value == BACKEND_AUTO;
}

static void check_tls(const void *object, struct problems *problems)
{
    const struct backend_tls *tls = object;
    if ((tls->cert_file.ptr != NULL) != (tls->key_file.ptr != NULL))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, tls->node, tls->cert_file.ptr ? "keyFile" : "certFile",
                            "is missing: a certificate and its key belong together");
    if (tls->ca_file.ptr && tls->ca_refs.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(tls->node, "caFile"),
                     "says the same as caCertificateRefs: remove one");
    if (tls->cert_file.ptr && tls->client_certificate)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(tls->node, "certFile"),
                     "says the same as clientCertificateRef: remove one");
}
static const struct schema_rule tls_rules[] = {
    {"has(self.certFile) == has(self.keyFile)", "certFile and keyFile belong together"},
    {"!(has(self.caFile) && has(self.caCertificateRefs))", "caFile or caCertificateRefs, not both"},
    {"!(has(self.certFile) && has(self.clientCertificateRef))", "certFile or clientCertificateRef, not both"},
};
static const struct schema_field tls_rows[] = {
    {.name = "serverName",
     .help = "The name that the backend's certificate must be for; absent: the endpoint's host.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_tls, server_name),
     .format = &format_server_name},
    {.name = "caFile",
     .help = "The authorities that the backend's certificate must come from, as a PEM file, relative to the manifest; "
             "absent: those of the system.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_tls, ca_file),
     .min = 1,
     .max = FILE_NAME_MAX_LENGTH},
    {.name = "certFile",
     .help = "The certificate that is shown to the backend, as a PEM file, relative to the manifest.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_tls, cert_file),
     .min = 1,
     .max = FILE_NAME_MAX_LENGTH},
    {.name = "keyFile",
     .help = "The key of that certificate, as a PEM file, relative to the manifest.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(backend_tls, key_file),
     .min = 1,
     .max = FILE_NAME_MAX_LENGTH},
    {.name = "caCertificateRefs",
     .help = "In place of `caFile`: ConfigMaps, or Secrets, that have certificates of authorities as `ca.crt`.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(backend_tls, ca_refs),
     .max = CA_REFS_MAX,
     .of = &local_ref_schema},
    {.name = "clientCertificateRef",
     .help = "In place of `certFile` and `keyFile`: the Secret of type `kubernetes.io/tls` with certificate and key.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend_tls, client_certificate),
     .of = &secret_ref_schema},
};
static const struct schema tls_schema = {
    .name = "BackendTLS",
    .help = "How the backend is spoken to over TLS.",
    .size = sizeof(struct backend_tls),
    SCHEMA_ROWS(tls_rows),
    .check = check_tls,
    .rules = tls_rules,
    .rule_count = sizeof(tls_rules) / sizeof(tls_rules[0]),
};

static bool is_same_host(const struct backend_spec *spec)
{
    struct str first = SCHEMA_ITEM(spec->endpoints, struct backend_endpoint, 0)->host;
    for (uint32_t i = 0; i < spec->endpoints.count; i++) {
        if (!str_eq(SCHEMA_ITEM(spec->endpoints, struct backend_endpoint, i)->host, first))
            return false;
    }
    return !is_unix(first);
}

static void check_backend_spec(const void *object, struct problems *problems)
{
    const struct backend_spec *spec = object;
    if (spec->protocol.value == BACKEND_H2C && spec->tls)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(spec->node, "protocol"),
                     "H2C is HTTP/2 without TLS: write AUTO, which takes HTTP/2 over TLS where the backend has it, or "
                     "remove tls");
    bool has_name = spec->tls && spec->tls->server_name.len > 0;
    if (backend_has_tls(spec) && !has_name && !is_same_host(spec))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, spec->tls ? spec->tls->node : spec->node,
                            spec->tls ? "serverName" : "tls.serverName",
                            "is missing: the endpoints have no host in common that the certificate could be for; "
                            "write the name that it has");
}
static const struct schema_rule spec_rules[] = {
    {"self.protocol != 'H2C' || !has(self.tls)", "H2C is HTTP/2 without TLS"},
};

static const char *const protocols[] = {"HTTP", "H2C", "HTTPS", "AUTO", NULL};
static const struct schema_field backend_spec_rows[] = {
    {.name = "endpoints",
     .help = "Where the backend is; requests are shared between all of them.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(backend_spec, endpoints),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = ENDPOINTS_MAX,
     .of = &endpoint_schema},
    {.name = "protocol",
     .help =
         "What the backend speaks: HTTP/1.1 (over TLS where `tls` is there), HTTP/2 without TLS, HTTP/1.1 over TLS, "
         "or over TLS what both settle on (ALPN: HTTP/2, else HTTP/1.1).",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(backend_spec, protocol),
     .fallback = "HTTP",
     .values = protocols},
    {.name = "tls",
     .help = "How the backend is spoken to over TLS; absent, HTTPS and AUTO trust the authorities of the system.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend_spec, tls),
     .of = &tls_schema},
};
static const struct schema backend_spec_schema = {
    .name = "BackendSpec",
    .help = "Where the backend is and what it speaks.",
    .size = sizeof(struct backend_spec),
    SCHEMA_ROWS(backend_spec_rows),
    .check = check_backend_spec,
    .rules = spec_rules,
    .rule_count = sizeof(spec_rules) / sizeof(spec_rules[0]),
};
static const struct schema_field backend_rows[] = {
    OBJECT_HEAD_ROWS("Backend"),
    {.name = "spec",
     .help = "Where the backend is and what it speaks.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(backend, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &backend_spec_schema},
    OBJECT_OWN_STATUS_ROW(&backend_status_schema),
};
const struct schema backend_schema = {
    .name = "Backend",
    .help = "An address outside Kubernetes Services, live or shadow, for backendRefs.",
    .size = sizeof(struct backend),
    SCHEMA_ROWS(backend_rows),
};
