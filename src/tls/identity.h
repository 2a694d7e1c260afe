/* SPDX-License-Identifier: Apache-2.0 */
/* What certificates and keys in PEM (RFC 7468) say, before anybody uses them: read by control to judge Secrets and files, and by
 * the contexts of server.h and client.h. Keys are wiped from memory that OpenSSL does not manage.
 * Lifetime: identity_free. Thread: one at a time. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct tls_identity; /* a certificate, its chain and its private key */

/* NULL, with what is wrong and how to mend it, when: one of both is no PEM or empty, the key is encrypted or of another certificate, RSA
 * of less than 2048 bits, a signature with MD5 or SHA-1, a chain that is not in order. */
struct tls_identity *tls_identity_new(struct str chain_pem, struct str key_pem, struct err *err)
    __attribute__((warn_unused_result));
void tls_identity_free(struct tls_identity *identity);

/* Seconds since 1970 at which the certificate begins and ends to be valid. */
int64_t tls_identity_not_before(const struct tls_identity *identity);
int64_t tls_identity_not_after(const struct tls_identity *identity);
/* Whether the certificate is for this DNS name ("*.example.com" for a wildcard listener: needs that very name). */
bool tls_identity_is_for(const struct tls_identity *identity, struct str host);

/* How many CA certificates a bundle has; 0 with what is wrong: no PEM, or one in it that can't be read. */
size_t tls_bundle_check(struct str pem, struct err *err) __attribute__((warn_unused_result));
