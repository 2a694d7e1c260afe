/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/istio_gateway.h"

#include "manifest/schema_formats.h"

#define SERVERS_MAX 256
#define HOSTS_MAX 512
#define LABELS_MAX 64
#define FILE_NAME_MAX 4096

#define NOT_READ(field, text) \
    { \
        .name = field, .help = text, .type = SCHEMA_ANY, .flags = SCHEMA_UNSUPPORTED \
    }

enum istio_protocol istio_server_protocol(const struct istio_server *server)
{
    static const char *const plain[] = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (str_eq_nocase(server->port->protocol, str_from_c(plain[i])))
            return ISTIO_HTTP;
    }
    return str_eq_nocase(server->port->protocol, STR("HTTPS")) ? ISTIO_HTTPS : ISTIO_OTHER;
}

/* ------------------------------------------------------------------------------------------------------------ ports */

static bool is_protocol(struct str text)
{
    static const char *const names[] = {"HTTP",  "HTTPS", "HTTP2", "GRPC", "GRPC-WEB",
                                        "MONGO", "MYSQL", "REDIS", "TCP",  "TLS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq_nocase(text, str_from_c(names[i])))
            return true;
    }
    return false;
}
static const struct schema_format format_server_protocol = {
    .name = "a protocol",
    .example = "HTTP",
    .is_valid = is_protocol,
    .min_len = 1,
    .max_len = 16,
};
static const struct schema_field port_rows[] = {
    {.name = "number",
     .help = "The port to listen on; `--port-offset` is added to it.",
     .type = SCHEMA_INT,
     SCHEMA_AT(istio_server_port, number),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = 65535},
    {.name = "name",
     .help = "A name for people.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_port, name),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = OBJECT_NAME_MAX},
    {.name = "protocol",
     .help = "What clients speak: HTTP, HTTP2 and GRPC are one, HTTPS is that over TLS; others are not served.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_port, protocol),
     .flags = SCHEMA_REQUIRED,
     .format = &format_server_protocol},
    NOT_READ("targetPort", "Of no meaning in Istio either."),
};
static const struct schema server_port_schema = {
    .name = "Port",
    .help = "A port of the proxy.",
    .size = sizeof(struct istio_server_port),
    SCHEMA_ROWS(port_rows),
};

/* -------------------------------------------------------------------------------------------------------------- TLS */

static const char *const server_modes[] = {"PASSTHROUGH",  "SIMPLE",          "MUTUAL", "AUTO_PASSTHROUGH",
                                           "ISTIO_MUTUAL", "OPTIONAL_MUTUAL", NULL};
static const struct schema_field server_tls_rows[] = {
    {.name = "httpsRedirect",
     .help = "Whether each request gets a redirect to https, with 301.",
     .type = SCHEMA_BOOL,
     SCHEMA_AT(istio_server_tls, https_redirect)},
    {.name = "mode",
     .help = "How TLS is spoken. `SIMPLE` is served, others are not.",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(istio_server_tls, mode),
     .fallback = "PASSTHROUGH",
     .values = server_modes},
    {.name = "credentialName",
     .help = "The Secret with certificate and key, in the Gateway's namespace.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, credential_name),
     .max = OBJECT_NAME_MAX},
    {.name = "credentialNames",
     .help = "Two such Secrets, with certificates of different kinds.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, credential_names),
     .max = 2,
     .item_min = 1,
     .item_max = OBJECT_NAME_MAX},
    {.name = "serverCertificate",
     .help = "A file of Istio's proxy, which is not read: name a Secret as `credentialName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, server_certificate),
     .max = FILE_NAME_MAX},
    {.name = "privateKey",
     .help = "A file of Istio's proxy, which is not read: name a Secret as `credentialName`.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, private_key),
     .max = FILE_NAME_MAX},
    {.name = "caCertificates",
     .help = "A file of Istio's proxy with authorities of clients' certificates, for modes that are not served.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, ca_certificates),
     .max = FILE_NAME_MAX},
    {.name = "caCertCredentialName",
     .help = "The Secret with authorities of clients' certificates, for modes that are not served.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server_tls, ca_credential_name),
     .max = OBJECT_NAME_MAX},
    NOT_READ("tlsCertificates", "Files of Istio's proxy."),
    NOT_READ("caCrl", "Which certificates were called back."),
    NOT_READ("subjectAltNames", "Names of clients."),
    NOT_READ("verifyCertificateSpki", "Keys of clients."),
    NOT_READ("verifyCertificateHash", "Certificates of clients."),
    NOT_READ("minProtocolVersion", "The oldest TLS; Umbra speaks 1.2 and 1.3."),
    NOT_READ("maxProtocolVersion", "The newest TLS; Umbra speaks 1.2 and 1.3."),
    NOT_READ("cipherSuites", "Which ciphers are used."),
    NOT_READ("insecureSkipVerify", "Whether any certificate of a client will do."),
};
static const struct schema server_tls_schema = {
    .name = "ServerTLSSettings",
    .help = "How the server speaks TLS.",
    .size = sizeof(struct istio_server_tls),
    SCHEMA_ROWS(server_tls_rows),
};

/* ---------------------------------------------------------------------------------------------------------- servers */

static bool is_server_host(struct str text)
{
    size_t slash = str_find_char(text, '/');
    struct str ns = str_slice(text, 0, slash), host = slash < text.len ? str_slice(text, slash + 1, text.len) : text;
    bool is_namespace = slash == text.len || str_eq(ns, STR("*")) || str_eq(ns, STR(".")) ||
                        format_dns_label.is_valid(ns);
    return is_namespace && format_istio_host.is_valid(host);
}
static const struct schema_format format_server_host = {
    .name = "a host, with a namespace before \"/\" or without",
    .example = "shop/*.example.com",
    .is_valid = is_server_host,
    .min_len = 1,
    .max_len = OBJECT_NAME_MAX + 64,
};

static void check_server(const void *object, struct problems *problems)
{
    const struct istio_server *server = object;
    bool is_https = istio_server_protocol(server) == ISTIO_HTTPS;
    const struct istio_server_tls *tls = server->tls;
    if (is_https && !tls)
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, server->node, "tls", "is missing: HTTPS needs it");
    if (is_https && tls && tls->https_redirect.value)
        problems_add(problems, SEVERITY_WARNING, STR_NONE, place_of(tls->node, "httpsRedirect"),
                     "does not count here: the protocol is HTTPS already");
    bool has_names = tls && (tls->credential_name.len > 0 || tls->credential_names.count > 0);
    if (has_names && tls->credential_name.len > 0 && tls->credential_names.count > 0)
        problems_add(problems, SEVERITY_ERROR, STR_NONE, place_of(tls->node, "credentialNames"),
                     "may not stand beside credentialName: remove one");
    if (is_https && tls && tls->mode.value == SERVER_SIMPLE && !has_names && tls->server_certificate.len == 0 &&
        !node_find(tls->node, STR("tlsCertificates")))
        problems_add_member(problems, SEVERITY_ERROR, STR_NONE, tls->node, "credentialName",
                            "is missing: name the Secret that has the certificate");
}
static const struct schema_field server_rows[] = {
    {.name = "port",
     .help = "The port of the proxy.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_server, port),
     .flags = SCHEMA_REQUIRED,
     .of = &server_port_schema},
    {.name = "hosts",
     .help = "Requests for these hosts only: names, `*.name`, `*` for all; `namespace/` before one says whose "
             "VirtualServices may have it (`.`: the Gateway's own).",
     .type = SCHEMA_LIST,
     .item = SCHEMA_STRING,
     SCHEMA_AT(istio_server, hosts),
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = HOSTS_MAX,
     .format = &format_server_host},
    {.name = "tls",
     .help = "How the server speaks TLS.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_server, tls),
     .of = &server_tls_schema},
    {.name = "name",
     .help = "A name for people.",
     .type = SCHEMA_STRING,
     SCHEMA_AT(istio_server, name),
     .max = OBJECT_NAME_MAX},
    NOT_READ("bind", "The address to listen on; `--bind` says that."),
    NOT_READ("defaultEndpoint", "Of no meaning in Istio either."),
};
static const struct schema server_schema = {
    .name = "Server",
    .help = "A port and the hosts that it is for.",
    .size = sizeof(struct istio_server),
    SCHEMA_ROWS(server_rows),
    .check = check_server,
};

static const struct schema_field spec_rows[] = {
    {.name = "selector",
     .help = "The labels of the proxies that serve this; they must be among those of `--istio-selector`. In files "
             "without that "
             "option every Gateway is served.",
     .type = SCHEMA_MAP,
     SCHEMA_AT(istio_gateway_spec, selector),
     .max = LABELS_MAX,
     .format = &format_label_value},
    {.name = "servers",
     .help = "The ports on which requests are taken.",
     .type = SCHEMA_LIST,
     .item = SCHEMA_OBJECT,
     SCHEMA_AT(istio_gateway_spec, servers),
     .max = SERVERS_MAX,
     .of = &server_schema},
};
static const struct schema spec_schema = {
    .name = "GatewaySpec",
    .help = "Where requests are taken.",
    .size = sizeof(struct istio_gateway_spec),
    SCHEMA_ROWS(spec_rows),
};
static const struct schema_field gateway_rows[] = {
    OBJECT_HEAD_ROWS("Gateway"),
    {.name = "spec",
     .help = "Where requests are taken.",
     .type = SCHEMA_OBJECT,
     SCHEMA_AT(istio_gateway, spec),
     .flags = SCHEMA_REQUIRED,
     .of = &spec_schema},
    OBJECT_STATUS_ROW,
};
const struct schema istio_gateway_schema = {
    .name = "Gateway",
    .help = "Istio's Gateway: the ports on which requests are taken, for VirtualServices that name it.",
    .size = sizeof(struct istio_gateway),
    SCHEMA_ROWS(gateway_rows),
};
