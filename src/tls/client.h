/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker needs to speak TLS to one backend: whom it trusts, which names it accepts, as whom it presents itself. A peer is
 * always verified: chain, validity, and name (RFC 6125 by way of OpenSSL's X509_check_host; URIs by their bytes). Sessions are resumed.
 * Lifetime: an atomic reference count; sessions hold one. Thread: made by any, then used by one worker. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct tls_client;

enum tls_alpn { TLS_ALPN_HTTP1, TLS_ALPN_HTTP2, TLS_ALPN_ANY }; /* offered: http/1.1; h2; both, h2 first */

enum tls_san_kind { TLS_SAN_DNS, TLS_SAN_URI };
struct tls_san {
    enum tls_san_kind kind;
    struct str name;
};

struct tls_client_spec {
    struct str
        server_name; /* SNI, and what the certificate must be for unless there are sans; an IP address is checked, and not sent */
    const struct tls_san *sans; /* one of them must be in the certificate */
    size_t san_count;
    struct str ca_pem; /* never empty: nobody is trusted unless said */
    const struct tls_client
        *like; /* made with the same ca_pem, which then is in memory once for both; NULL: none is known */
    struct str chain_pem, key_pem; /* client certificate; empty: none */
    enum tls_alpn alpn;
};

struct tls_client *tls_client_new(const struct tls_client_spec *spec, struct err *err)
    __attribute__((warn_unused_result));
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client *client);
