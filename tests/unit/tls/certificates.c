/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include "base/assert.h"
#include "base/mem.h"

#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define DAY_S (24 * 3600)
#define KINDS (KEY_DSA + 1)

static EVP_PKEY *shared[KINDS];

static EVP_PKEY *make_dsa(void)
{
    EVP_PKEY *parameters = NULL, *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, NULL);
    ASSERT(EVP_PKEY_paramgen_init(context) == 1 && EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1024) == 1 &&
           EVP_PKEY_paramgen(context, &parameters) == 1);
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new(parameters, NULL);
    ASSERT(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &key) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(parameters);
    return key;
}

static EVP_PKEY *make_key(enum key_kind kind)
{
    if (kind == KEY_EC)
        return EVP_EC_gen("P-256");
    if (!shared[kind])
        shared[kind] = kind == KEY_DSA ? make_dsa() : EVP_RSA_gen(kind == KEY_RSA ? 2048 : 1024);
    EVP_PKEY_up_ref(shared[kind]);
    return shared[kind];
}

void certificates_end(void)
{
    for (int i = 0; i < KINDS; i++) {
        EVP_PKEY_free(shared[i]);
        shared[i] = NULL;
    }
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ASSERT(extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static struct str text_of(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    struct str text = {mem_dup(bytes, (size_t)len), (size_t)len};
    BIO_free(bio);
    return text;
}

static void sign(X509 *x509, const struct certificate_spec *spec, EVP_PKEY *own)
{
    EVP_PKEY *key = spec->issuer ? spec->issuer->key : own;
    ASSERT(X509_sign(x509, key, spec->has_sha1 ? EVP_sha1() : EVP_sha256()) > 0);
}

void certificate_init(struct certificate *certificate, const struct certificate_spec *spec)
{
    static long serial = 1;
    X509 *x509 = X509_new();
    X509 *issuer = spec->issuer ? spec->issuer->x509 : x509;
    EVP_PKEY *key = make_key(spec->kind);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), (long)spec->from_days * DAY_S - 60);
    X509_gmtime_adj(X509_getm_notAfter(x509), (long)(spec->from_days + (spec->days ? spec->days : 30)) * DAY_S);
    if (*spec->name)
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)spec->name,
                                   -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    X509_set_pubkey(x509, key);
    add_extension(x509, issuer, NID_basic_constraints, spec->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(x509, issuer, NID_subject_key_identifier, "hash");
    add_extension(x509, issuer, NID_authority_key_identifier, "keyid");
    if (spec->sans)
        add_extension(x509, issuer, NID_subject_alt_name, spec->sans);
    if (spec->uses)
        add_extension(x509, issuer, NID_ext_key_usage, spec->uses);
    sign(x509, spec, key);
    BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_X509(pem, x509) && PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL));
    *certificate = (struct certificate){x509, key, text_of(pem), text_of(key_pem)};
}

void certificate_deinit(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    mem_free((char *)(uintptr_t)certificate->pem.ptr);
    mem_free((char *)(uintptr_t)certificate->key_pem.ptr);
}

struct str certificate_encrypted_key(const struct certificate *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    ASSERT(PEM_write_bio_PKCS8PrivateKey(bio, certificate->key, EVP_aes_128_cbc(), "word", 4, NULL, NULL));
    return text_of(bio);
}

struct str join(struct str a, struct str b)
{
    char *text = mem_alloc_raw(a.len + b.len + 1);
    memcpy(text, a.ptr, a.len);
    memcpy(text + a.len, b.ptr, b.len);
    text[a.len + b.len] = '\0';
    return (struct str){text, a.len + b.len};
}
