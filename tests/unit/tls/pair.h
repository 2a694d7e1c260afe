/* SPDX-License-Identifier: Apache-2.0 */
/* Two peers of TLS over a socketpair: sessions as they are under test, or OpenSSL by itself where a peer is to do what sessions never do.
 * Lifetime: pair_deinit. Thread: one. */
#pragma once

#include "tls/session.h"

#include <openssl/ssl.h>

struct side {
    struct tls_session *session; /* one of both */
    SSL *raw;
    int result; /* of the handshake: 1, or what it waits for, or TLS_SESSION_BROKEN */
};

struct pair {
    int fds[2];
    struct side server, client;
};

/* Who is NULL is raw, of the context; takes a reference only. */
void pair_init(struct pair *pair, struct tls_server *server, struct tls_client *client, SSL_CTX *raw);
void pair_deinit(struct pair *pair);
/* Until both sides are through, or one is and the other has nothing to wait for any more. */
void pair_shake(struct pair *pair);
/* Reads until `text` is there; false when something else comes. */
bool pair_carries(struct side *from, struct side *to, const char *text);
