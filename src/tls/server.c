/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/server.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tls/context.h"
#include "tls/identity.h"
#include "tls/match.h"
#include "tls/tickets.h"
#include "tls/words.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define HOST_MAX 253 /* bytes of a DNS name */

static const unsigned char alpn[] = "\x02h2\x08http/1.1"; /* in the order that we like */

struct tls_server_name {
    struct str host;
    struct tls_identity **identities;
    size_t identity_count;
    unsigned char session_context[SSL_MAX_SID_CTX_LENGTH]; /* a ticket opens for the name only that it was given for */
};

struct tls_server {
    atomic_uint refs;
    SSL_CTX *context;
    struct tls_tickets *tickets;
    EVP_CIPHER *ticket_cipher;     /* fetched once, as it takes locks */
    struct tls_server_name *names; /* by host */
    size_t name_count;
};

/* ---- the name that a client asks for ---- */

static int compare(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *a, const void *b)
{
    return compare(((const struct tls_server_name *)a)->host, ((const struct tls_server_name *)b)->host);
}

static const struct tls_server_name *find_name(const struct tls_server *server, struct str host)
{
    struct tls_server_name key = {.host = host};
    return server->name_count ? bsearch(&key, server->names, server->name_count, sizeof key, compare_names) : NULL;
}

/* The exact name, then the longest wildcard, then whoever takes all others. */
static const struct tls_server_name *take_name(const struct tls_server *server, struct str host)
{
    char wildcard[2 + HOST_MAX];
    const struct tls_server_name *found = host.len ? find_name(server, host) : NULL;
    while (!found && host.len) {
        size_t dot = str_find_char(host, '.');
        host = str_slice(host, dot + 1, host.len);
        if (!host.len)
            break;
        memcpy(wildcard, "*.", 2);
        memcpy(wildcard + 2, host.ptr, host.len);
        found = find_name(server, (struct str){wildcard, 2 + host.len});
    }
    return found ? found : find_name(server, STR(""));
}

/* The host_name of the extension server_name (RFC 6066 3); empty: there is none. False: it is malformed. */
static bool asked_name(SSL *ssl, struct str *host)
{
    const unsigned char *bytes;
    size_t len;
    *host = STR_NONE;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &len))
        return true;
    /* A list with one entry: its length (2), the entry's type (1) and length (2), the name. */
    if (len < 6 || (size_t)(bytes[0] << 8 | bytes[1]) != len - 2 || bytes[2] != TLSEXT_NAMETYPE_host_name ||
        (size_t)(bytes[3] << 8 | bytes[4]) != len - 5)
        return false;
    *host = (struct str){(const char *)bytes + 5, len - 5};
    return true;
}

/* Lower case, without a last dot. */
static bool fold(struct str host, char folded[HOST_MAX], size_t *len)
{
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len > HOST_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++)
        folded[i] = host.ptr[i] >= 'A' && host.ptr[i] <= 'Z' ? (char)(host.ptr[i] + 'a' - 'A') : host.ptr[i];
    *len = host.len;
    return true;
}

/* Before anything of the hello is used, so that a ticket is opened for the right name. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    const struct tls_server *server = arg;
    struct tls_link *link = SSL_get_app_data(ssl);
    struct str asked;
    char folded[HOST_MAX];
    size_t len = 0;
    *alert = SSL_AD_DECODE_ERROR;
    if (!asked_name(ssl, &asked))
        return SSL_CLIENT_HELLO_ERROR;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    if (!fold(asked, folded, &len))
        return SSL_CLIENT_HELLO_ERROR;
    link->taken = take_name(server, (struct str){folded, len});
    if (!link->taken)
        return SSL_CLIENT_HELLO_ERROR;
    *alert = SSL_AD_INTERNAL_ERROR;
    if (!SSL_set_session_id_context(ssl, link->taken->session_context, sizeof link->taken->session_context))
        return SSL_CLIENT_HELLO_ERROR;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* ---- identities ---- */

/* TLS 1.2 fixes the kind of key by the cipher (RFC 8422 2); before that the signature algorithms alone would say yes. */
static bool takes_key(SSL *ssl, EVP_PKEY *key)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_get_client_ciphers(ssl);
    bool is_rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA || EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS;
    int wanted = is_rsa ? NID_auth_rsa : NID_auth_ecdsa;
    if (SSL_version(ssl) >= TLS1_3_VERSION)
        return true;
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        if (SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(ciphers, i)) == wanted)
            return true;
    return false;
}

static bool takes(SSL *ssl, const struct tls_identity *identity)
{
    EVP_PKEY *key = tls_identity_key(identity);
    return takes_key(ssl, key) &&
           (SSL_check_chain(ssl, tls_identity_leaf(identity), key, tls_identity_chain(identity)) & CERT_PKEY_SIGN);
}

static const struct tls_identity *choose(SSL *ssl, const struct tls_server_name *name, struct str asked)
{
    const struct tls_identity *for_name = NULL, *taken = NULL;
    if (name->identity_count == 1)
        return name->identities[0];
    for (size_t i = 0; i < name->identity_count; i++) {
        const struct tls_identity *identity = name->identities[i];
        bool is_for = asked.len && tls_identity_is_for(identity, asked);
        bool is_taken = takes(ssl, identity);
        if (is_for && is_taken)
            return identity;
        if (is_for && !for_name)
            for_name = identity;
        if (is_taken && !taken)
            taken = identity;
    }
    return for_name ? for_name : taken ? taken : name->identities[0];
}

static int on_certificate(SSL *ssl, void *arg)
{
    const struct tls_link *link = SSL_get_app_data(ssl);
    struct str asked = str_from_c(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    (void)arg;
    if (asked.len && asked.ptr[asked.len - 1] == '.')
        asked.len--;
    const struct tls_identity *identity = choose(ssl, link->taken, asked);
    return SSL_use_cert_and_key(ssl, tls_identity_leaf(identity), tls_identity_key(identity),
                                tls_identity_chain(identity), 1);
}

static int on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len, const unsigned char *offered,
                   unsigned offered_len, void *arg)
{
    unsigned char *found;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&found, chosen_len, alpn, sizeof alpn - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- tickets ---- */

enum { TICKET_BROKEN = -1, TICKET_UNKNOWN = 0, TICKET_GOOD = 1, TICKET_RENEW = 2 }; /* what OpenSSL wants to hear */

static bool use_key(const struct tls_server *server, struct tls_ticket_key *key, unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_sealing)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex2(cipher, server->ticket_cipher, key->cipher, iv, is_sealing, NULL) &&
           EVP_MAC_CTX_set_params(mac, params);
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int is_sealing)
{
    const struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct tls_ticket_key key;
    enum tls_ticket_found found = tls_tickets_find(server->tickets, is_sealing ? NULL : name, &key);
    if (!is_sealing && found == TLS_TICKET_NONE)
        return TICKET_UNKNOWN;
    /* While keys are being changed: a ticket that nobody can open, since TLS 1.3 has no way to send none by now. */
    if (found == TLS_TICKET_NONE && RAND_bytes((unsigned char *)&key, sizeof key) != 1)
        return TICKET_BROKEN;
    if (is_sealing)
        memcpy(name, key.name, sizeof key.name);
    bool is_good = !is_sealing || RAND_bytes(iv, EVP_CIPHER_get_iv_length(server->ticket_cipher)) == 1;
    is_good = is_good && use_key(server, &key, iv, cipher, mac, is_sealing);
    OPENSSL_cleanse(&key, sizeof key);
    if (!is_good)
        return TICKET_BROKEN;
    /* In TLS 1.3 a client may use a ticket only once (RFC 8446 C.4), so each resumption gives it another. */
    bool is_used_up = !is_sealing && SSL_version(ssl) == TLS1_3_VERSION;
    return is_used_up || found == TLS_TICKET_BEFORE ? TICKET_RENEW : TICKET_GOOD;
}

/* ---- a server's life ---- */

static bool name_init(struct tls_server_name *name, const struct tls_name *from, struct err *err)
{
    ASSERT(from->identity_count);
    name->host = (struct str){mem_dup(from->host.ptr, from->host.len), from->host.len};
    name->identities = mem_alloc(from->identity_count * sizeof *name->identities);
    for (size_t i = 0; i < from->identity_count; i++) {
        struct tls_identity *identity = tls_identity_new(from->identities[i].chain, from->identities[i].key, err);
        if (!identity)
            return err_wrap(err, "%.*s", STR_ARG(from->host.len ? from->host : STR("all names")));
        name->identities[name->identity_count++] = identity;
    }
    unsigned len = 0;
    if (!EVP_Digest(from->host.ptr, from->host.len, name->session_context, &len, EVP_sha256(), NULL))
        return tls_err(err, "a session context can't be made");
    return true;
}

static void name_deinit(struct tls_server_name *name)
{
    for (size_t i = 0; i < name->identity_count; i++)
        tls_identity_free(name->identities[i]);
    mem_free(name->identities);
    mem_free((char *)(uintptr_t)name->host.ptr);
}

static bool set_up(struct tls_server *server, struct err *err)
{
    server->context = tls_context_new(true, err);
    if (!server->context)
        return false;
    SSL_CTX_set_app_data(server->context, server);
    SSL_CTX_set_client_hello_cb(server->context, on_client_hello, server);
    SSL_CTX_set_cert_cb(server->context, on_certificate, NULL);
    SSL_CTX_set_alpn_select_cb(server->context, on_alpn, NULL);
    SSL_CTX_set_session_cache_mode(server->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(server->context, TLS_TICKET_ROTATION_S);
    if (!server->tickets) {
        SSL_CTX_set_options(server->context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(server->context,
                                0); /* TLS 1.3 would send some that stand for a cache which there is not */
        return true;
    }
    server->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (!server->ticket_cipher || !SSL_CTX_set_tlsext_ticket_key_evp_cb(server->context, on_ticket))
        return tls_err(err, "session tickets can't be made");
    return true;
}

struct tls_server *tls_server_new(const struct tls_name *names, size_t count, struct tls_tickets *tickets,
                                  struct err *err)
{
    struct tls_server *server = mem_alloc(sizeof *server);
    atomic_init(&server->refs, 1);
    server->tickets = tickets;
    server->names = mem_alloc(count * sizeof *server->names);
    bool is_good = set_up(server, err);
    for (size_t i = 0; is_good && i < count; i++)
        is_good = name_init(&server->names[server->name_count++], &names[i], err);
    if (!is_good) {
        tls_server_unref(server);
        return NULL;
    }
    qsort(server->names, server->name_count, sizeof *server->names, compare_names);
    return server;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void tls_server_unref(struct tls_server *server)
{
    if (atomic_fetch_sub_explicit(&server->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < server->name_count; i++)
        name_deinit(&server->names[i]);
    EVP_CIPHER_free(server->ticket_cipher);
    SSL_CTX_free(server->context);
    mem_free(server->names);
    mem_free(server);
}

SSL *tls_server_accept(struct tls_server *server)
{
    SSL *ssl = SSL_new(server->context);
    ASSERT(ssl);
    SSL_set_accept_state(ssl);
    return ssl;
}

struct str tls_server_name_host(const struct tls_server_name *name)
{
    return name->host;
}
