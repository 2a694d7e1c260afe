/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong with TLS, in words for people: what OpenSSL says is for those who know it.
 * Lifetime: none. Thread: any; reads and empties the thread's error queue. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <openssl/ssl.h>

struct tls_trouble {
    SSL *ssl;
    bool is_server;
    bool is_open;        /* the handshake was over */
    bool is_eof;         /* the transport ended */
    int error;           /* errno of the transport; 0: none */
    struct str expected; /* client: the name that the peer had to prove */
};

/* Why a session broke, NUL-terminated, cut to fit. */
void tls_words(const struct tls_trouble *trouble, char *words, size_t room);
/* Sets `err` to "what: reason" with the first error in the queue; returns false. */
bool tls_err(struct err *err, const char *what);
