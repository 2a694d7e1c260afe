/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/context.h"

#include "tls/library.h"
#include "tls/words.h"

/* AEAD with forward secrecy only; none of them is on HTTP/2's list of those to refuse (RFC 9113 appendix A). */
#define CIPHERS_12 \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"
#define SECURITY_LEVEL 2 /* 112 bits: RSA of 2048 bits, no SHA-1 */

#define OPTIONS \
    (SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA)

SSL_CTX *tls_context_new(bool is_server, struct err *err)
{
    tls_library_start();
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (!context)
        goto fail;
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
    SSL_CTX_set_options(context, OPTIONS);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_early_data(context, 0);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) || !SSL_CTX_set_cipher_list(context, CIPHERS_12) ||
        !SSL_CTX_set_ciphersuites(context, CIPHERS_13) || !SSL_CTX_set1_groups_list(context, GROUPS))
        goto fail;
    return context;
fail:
    (void)tls_err(err, "a TLS context can't be made");
    SSL_CTX_free(context);
    return NULL;
}
