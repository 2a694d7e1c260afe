/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/identity.h"

#include "base/mem.h"
#include "tls/context.h"
#include "tls/library.h"
#include "tls/match.h"
#include "tls/words.h"

#include <limits.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define RSA_MIN_BITS 2048
#define OTHER_MIN_SECURITY_BITS 112

struct tls_identity {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

/* ---- PEM ---- */

/* One block, `-----BEGIN name-----` to its end. Wiped when it is freed: it may be a key. */
struct block {
    char *name, *header;
    unsigned char *bytes;
    long len;
};

static void block_free(struct block *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    OPENSSL_secure_clear_free(block->bytes, (size_t)block->len);
}

enum block_read { BLOCK_READ, BLOCK_END, BLOCK_BAD };

static enum block_read block_next(BIO *pem, struct block *block)
{
    *block = (struct block){0};
    ERR_clear_error();
    if (PEM_read_bio_ex(pem, &block->name, &block->header, &block->bytes, &block->len, PEM_FLAG_SECURE))
        return BLOCK_READ;
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    return is_end ? BLOCK_END : BLOCK_BAD;
}

static bool is_certificate(const struct block *block)
{
    return strcmp(block->name, PEM_STRING_X509) == 0 || strcmp(block->name, PEM_STRING_X509_OLD) == 0;
}

static BIO *open_pem(struct str pem)
{
    tls_library_start();
    if (!pem.len || pem.len > INT_MAX)
        return NULL;
    return BIO_new_mem_buf(pem.ptr, (int)pem.len);
}

/* The certificates of a text, in its order; others' blocks are passed over. NULL with what is wrong. `noun`: "the certificate", … */
static STACK_OF(X509) * read_certificates(struct str pem, const char *noun, struct err *err)
{
    STACK_OF(X509) *read = sk_X509_new_null();
    BIO *bio = open_pem(pem);
    enum block_read result = bio ? BLOCK_READ : BLOCK_END;
    struct block block;
    int number = 0;
    while (bio && (result = block_next(bio, &block)) == BLOCK_READ) {
        const unsigned char *cursor = block.bytes;
        bool is_wanted = is_certificate(&block);
        X509 *certificate = is_wanted ? d2i_X509(NULL, &cursor, block.len) : NULL;
        block_free(&block);
        number += is_wanted;
        if (certificate)
            sk_X509_push(read, certificate);
        else if (is_wanted)
            goto bad;
    }
    if (result == BLOCK_BAD) {
        number++;
        goto bad;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (sk_X509_num(read) > 0)
        return read;
    sk_X509_free(read);
    (void)(pem.len ? err_set(err, "%s is not PEM: it has no block -----BEGIN CERTIFICATE-----", noun)
                   : err_set(err, "%s is empty", noun));
    return NULL;
bad:
    (void)err_set(err, "%s: block %d can't be read (%s); is it cut off?", noun, number,
                  ERR_reason_error_string(ERR_peek_error()));
    ERR_clear_error();
    sk_X509_pop_free(read, X509_free);
    BIO_free(bio);
    return NULL;
}

static bool is_key(const struct block *block)
{
    return str_ends_with(str_from_c(block->name), STR("PRIVATE KEY"));
}

static bool is_encrypted(const struct block *block)
{
    return strcmp(block->name, PEM_STRING_PKCS8) == 0 || strstr(block->header, "ENCRYPTED");
}

static EVP_PKEY *key_of(const struct block *block, struct err *err)
{
    if (is_encrypted(block)) {
        (void)err_set(err,
                      "the private key is encrypted; store it without a passphrase (openssl pkey -in KEY -out PLAIN)");
        return NULL;
    }
    const unsigned char *cursor = block->bytes;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &cursor, block->len);
    if (!key)
        (void)err_set(err, "the private key can't be read: what stands in the block \"%s\" is none", block->name);
    return key;
}

static EVP_PKEY *read_key(struct str pem, struct err *err)
{
    BIO *bio = open_pem(pem);
    enum block_read result = bio ? BLOCK_READ : BLOCK_END;
    struct block block;
    EVP_PKEY *key = NULL;
    bool is_found = false;
    while (bio && !is_found && (result = block_next(bio, &block)) == BLOCK_READ) {
        is_found = is_key(&block); /* else parameters of a curve, or a certificate */
        if (is_found)
            key = key_of(&block, err);
        block_free(&block);
    }
    if (!is_found && !pem.len)
        (void)err_set(err, "the private key is empty");
    else if (!is_found && result == BLOCK_BAD)
        (void)err_set(err, "the private key can't be read (%s); is it cut off?",
                      ERR_reason_error_string(ERR_peek_error()));
    else if (!is_found)
        (void)err_set(err, "the private key is not PEM: it has no block -----BEGIN PRIVATE KEY-----");
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* ---- what may be used ---- */

static bool check_key(EVP_PKEY *key, struct err *err)
{
    int kind = EVP_PKEY_get_base_id(key);
    bool is_rsa = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
    if (!is_rsa && kind != EVP_PKEY_EC && kind != EVP_PKEY_ED25519)
        return err_set(
            err,
            "the private key is of a kind that TLS clients do not take; use ECDSA (P-256) or RSA (%d bits or more)",
            RSA_MIN_BITS);
    if (is_rsa && EVP_PKEY_get_bits(key) < RSA_MIN_BITS)
        return err_set(err, "the private key is too weak: RSA of %d bits; use %d or more, or ECDSA (P-256)",
                       EVP_PKEY_get_bits(key), RSA_MIN_BITS);
    if (EVP_PKEY_get_security_bits(key) < OTHER_MIN_SECURITY_BITS)
        return err_set(err, "the private key is too weak; use ECDSA (P-256) or RSA (%d bits or more)", RSA_MIN_BITS);
    return true;
}

/* Roots sign themselves, which nobody checks; a certificate that is used itself must be sound all the same. */
static bool check_signature(X509 *certificate, int number, struct err *err)
{
    int digest = NID_undef;
    if (number > 1 && X509_self_signed(certificate, 0) == 1)
        return true;
    if (!X509_get_signature_info(certificate, &digest, NULL, NULL, NULL))
        return err_set(err, "certificate %d of the chain has a signature of an unknown kind", number);
    if (digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_md2 || digest == NID_md5_sha1)
        return err_set(
            err,
            "certificate %d of the chain is signed with %s, which nobody accepts; have it issued anew with SHA-256",
            number, OBJ_nid2sn(digest));
    return true;
}

static X509 *certificate_at(const struct tls_identity *identity, int index)
{
    return index == 0 ? identity->leaf : sk_X509_value(identity->chain, index - 1);
}

static bool check_chain(const struct tls_identity *identity, struct err *err)
{
    int count = 1 + sk_X509_num(identity->chain);
    for (int i = 0; i < count; i++) {
        X509 *certificate = certificate_at(identity, i);
        if (!check_signature(certificate, i + 1, err))
            return false;
        if (i + 1 < count && X509_check_issued(certificate_at(identity, i + 1), certificate) != X509_V_OK)
            return err_set(err,
                           "the chain is not in order: certificate %d did not issue certificate %d; the server's own "
                           "comes first, then "
                           "the one that issued it, and so on",
                           i + 2, i + 1);
    }
    return true;
}

static bool check_pair(const struct tls_identity *identity, struct err *err)
{
    if (X509_check_private_key(identity->leaf, identity->key) == 1)
        return true;
    for (int i = 0; i < sk_X509_num(identity->chain); i++)
        if (X509_check_private_key(sk_X509_value(identity->chain, i), identity->key) == 1)
            return err_set(
                err, "the private key belongs to certificate %d of the chain: the server's own certificate comes first",
                i + 2);
    return err_set(err, "the private key is not the one of the certificate: they were not made together");
}

struct tls_identity *tls_identity_new(struct str chain_pem, struct str key_pem, struct err *err)
{
    struct tls_identity *identity = mem_alloc(sizeof *identity);
    identity->chain = read_certificates(chain_pem, "the certificate", err);
    if (!identity->chain)
        goto fail;
    identity->leaf = sk_X509_shift(identity->chain);
    identity->key = read_key(key_pem, err);
    if (!identity->key || !check_pair(identity, err) || !check_key(identity->key, err) || !check_chain(identity, err))
        goto fail;
    ERR_clear_error();
    return identity;
fail:
    ERR_clear_error();
    tls_identity_free(identity);
    return NULL;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (!identity)
        return;
    X509_free(identity->leaf);
    sk_X509_pop_free(identity->chain, X509_free);
    EVP_PKEY_free(identity->key);
    mem_free(identity);
}

/* ---- what it says ---- */

static int64_t seconds(const ASN1_TIME *time)
{
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) : 0;
}

int64_t tls_identity_not_before(const struct tls_identity *identity)
{
    return seconds(X509_get0_notBefore(identity->leaf));
}

int64_t tls_identity_not_after(const struct tls_identity *identity)
{
    return seconds(X509_get0_notAfter(identity->leaf));
}

bool tls_identity_is_for(const struct tls_identity *identity, struct str host)
{
    return tls_certificate_is_for(identity->leaf, host);
}

X509 *tls_identity_leaf(const struct tls_identity *identity)
{
    return identity->leaf;
}

STACK_OF(X509) * tls_identity_chain(const struct tls_identity *identity)
{
    return identity->chain;
}

EVP_PKEY *tls_identity_key(const struct tls_identity *identity)
{
    return identity->key;
}

/* ---- bundles ---- */

size_t tls_bundle_check(struct str pem, struct err *err)
{
    STACK_OF(X509) *read = read_certificates(pem, "the CA bundle", err);
    int count = read ? sk_X509_num(read) : 0;
    sk_X509_pop_free(read, X509_free);
    return (size_t)count;
}

bool tls_bundle_add(X509_STORE *store, struct str pem, struct err *err)
{
    STACK_OF(X509) *read = read_certificates(pem, "the CA bundle", err);
    bool is_good = read != NULL;
    for (int i = 0; is_good && i < sk_X509_num(read); i++) {
        /* Its extensions are read now and not by the first handshake: workers share it. */
        (void)X509_check_purpose(sk_X509_value(read, i), -1, 0);
        is_good = X509_STORE_add_cert(store, sk_X509_value(read, i)) == 1 ||
                  tls_err(err, "the CA bundle can't be used");
    }
    sk_X509_pop_free(read, X509_free);
    return is_good;
}
