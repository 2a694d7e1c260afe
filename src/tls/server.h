/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker needs to accept TLS on one listening socket: identities by server name (SNI, RFC 6066 3), protocol versions 1.2
 * and 1.3, the order of ciphers, ALPN (RFC 7301: h2 before http/1.1), tickets (RFC 5077, RFC 8446 4.6.1). No early data: it could be replayed,
 * and a replay would be mirrored. No renegotiation, no compression, no session cache.
 * Lifetime: an atomic reference count; sessions hold one. Thread: made by any, then used by one worker. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct tls_server;
struct tls_tickets; /* tls/tickets.h */

struct tls_pem {
    struct str chain, key;
};

/* One listener of the socket. */
struct tls_name {
    struct str host; /* "example.com"; "*.example.com": any number of labels before it; "": all others, and no SNI */
    const struct tls_pem *identities; /* at least one: the first that is for the name and that the client takes */
    size_t identity_count;
};

/* A server name that no tls_name takes gets the alert unrecognized_name. NULL: an identity can't be used. */
struct tls_server *tls_server_new(const struct tls_name *names, size_t count, struct tls_tickets *tickets,
                                  struct err *err) __attribute__((warn_unused_result));
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server *server);
