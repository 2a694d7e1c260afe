/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway of networking.istio.io: the ports of a proxy that its selector chooses. Not to be confused with that of the Gateway API.
 * Lifetime: the manifests'. Thread: any, read-only. */
#pragma once

#include "manifest/istio_parts.h"

struct istio_server_port {
    const struct node *node;
    struct schema_int number;
    struct str name, protocol;
};
enum istio_server_mode {
    SERVER_PASSTHROUGH,
    SERVER_SIMPLE,
    SERVER_MUTUAL,
    SERVER_AUTO_PASSTHROUGH,
    SERVER_ISTIO_MUTUAL,
    SERVER_OPTIONAL_MUTUAL
};
struct istio_server_tls {
    const struct node *node;
    struct schema_int https_redirect;
    struct schema_int mode; /* enum istio_server_mode */
    struct str credential_name;
    struct schema_list credential_names;        /* struct str */
    struct str server_certificate, private_key; /* files where Istio's proxy is */
    struct str ca_certificates, ca_credential_name;
};
struct istio_server {
    const struct node *node;
    struct str name, bind;
    struct istio_server_port *port;
    struct schema_list hosts; /* struct str: "[namespace/]host" */
    struct istio_server_tls *tls;
};
struct istio_gateway_spec {
    const struct node *node;
    struct schema_list selector; /* struct schema_pair */
    struct schema_list servers;  /* struct istio_server */
};
struct istio_gateway {
    struct object_head head;
    struct istio_gateway_spec *spec;
};

extern const struct schema istio_gateway_schema;

/* What is spoken on a port; case does not count. */
enum istio_protocol { ISTIO_HTTP, ISTIO_HTTPS, ISTIO_OTHER };
enum istio_protocol istio_server_protocol(const struct istio_server *server);
