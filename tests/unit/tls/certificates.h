/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made for a test: authorities, servers, clients, good ones and bad ones.
 * Lifetime: certificate_deinit. Thread: one. */
#pragma once

#include "base/str.h"

#include <openssl/x509v3.h>

enum key_kind { KEY_EC, KEY_RSA, KEY_RSA_1024, KEY_DSA };

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    struct str pem, key_pem;
};

struct certificate_spec {
    const char *name;                 /* common name; "" has none */
    const char *sans;                 /* "DNS:a,IP:1.2.3.4,URI:spiffe://b"; NULL: none */
    const struct certificate *issuer; /* NULL: signs itself */
    int from_days, days;              /* validity begins in so many days and lasts for so many; 0 days: 30 */
    enum key_kind kind;
    bool is_authority;
    bool has_sha1;    /* in its signature */
    const char *uses; /* extended key usage; NULL: none, so any */
};

/* RSA keys are made once for all. */
void certificate_init(struct certificate *certificate, const struct certificate_spec *spec);
void certificate_deinit(struct certificate *certificate);
/* The key in PEM, sealed with a passphrase; freed with mem_free. */
struct str certificate_encrypted_key(const struct certificate *certificate);
/* Both texts in one; freed with mem_free. */
struct str join(struct str a, struct str b);
/* Frees the shared keys: at the end of a test program. */
void certificates_end(void);
