/* SPDX-License-Identifier: Apache-2.0 */
/* What the contexts of servers and clients have in common, and what they have to do with a session (tls/session.c): inside this folder
 * only, as it is the one that knows OpenSSL's types.
 * Lifetime: contexts live with their tls_server or tls_client. Thread: the worker's. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <openssl/ssl.h>

struct tls_client;
struct tls_identity;
struct tls_server;
struct tls_server_name; /* server.c's */

/* The part of a session that callbacks of OpenSSL reach, as the application data of its SSL. */
struct tls_link {
    int fd;
    const struct tls_server_name *taken; /* what the server took the client for; NULL before that */
};

/* Protocol versions, ciphers and modes; nothing is read from files. NULL with the reason. */
SSL_CTX *tls_context_new(bool is_server, struct err *err);

/* Borrowed. */
X509 *tls_identity_leaf(const struct tls_identity *identity);
STACK_OF(X509) * tls_identity_chain(const struct tls_identity *identity); /* without the leaf */
EVP_PKEY *tls_identity_key(const struct tls_identity *identity);
/* Adds all certificates of a bundle. */
bool tls_bundle_add(X509_STORE *store, struct str pem, struct err *err);

/* SSLs that still need a BIO and their link. */
SSL *tls_server_accept(struct tls_server *server);
SSL *tls_client_connect(struct tls_client *client);
/* Once connected: a session of an earlier connection to the same address is to be resumed, if there is one. */
void tls_client_resume(struct tls_client *client, SSL *ssl, int fd);
struct str tls_server_name_host(const struct tls_server_name *name);
/* The name that the peer must prove, for messages. */
struct str tls_client_expects(const struct tls_client *client);
