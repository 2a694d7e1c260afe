/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/client.h"

#include "base/address.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tls/context.h"
#include "tls/identity.h"
#include "tls/match.h"
#include "tls/words.h"

#include <stdatomic.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Sessions kept for resumption, by address: one per endpoint, as each may have ticket keys of its own. Some 4 KiB each, with the peer's
 * certificate. */
#define SESSIONS_MAX 32
#define SESSION_AGE_MAX_S 3600 /* after that the peer proves anew who it is */

struct kept {
    struct address address;
    SSL_SESSION *session;
};

struct san {
    enum tls_san_kind kind;
    struct str name;
};

struct tls_client {
    atomic_uint refs;
    SSL_CTX *context;
    char *server_name; /* sent as SNI; NULL: it is an IP address, or empty */
    struct san *sans;
    size_t san_count;
    struct strbuf expected; /* for messages */
    struct kept kept[SESSIONS_MAX];
    unsigned next_kept; /* the slot that is used next when all are taken */
};

/* ---- who the peer is ---- */

static bool has_san(const struct tls_client *client, X509 *leaf)
{
    for (size_t i = 0; i < client->san_count; i++) {
        const struct san *san = &client->sans[i];
        if (san->kind == TLS_SAN_URI ? tls_certificate_has_uri(leaf, san->name)
                                     : tls_certificate_is_for(leaf, san->name))
            return true;
    }
    return false;
}

/* OpenSSL checks chain, validity, purpose and, unless there are sans, the name. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    const struct tls_client *client = arg;
    if (X509_verify_cert(store) <= 0)
        return 0;
    if (!client->san_count || has_san(client, X509_STORE_CTX_get0_cert(store)))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

/* ---- sessions ---- */

static bool peer_address(int fd, struct address *address)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    memset(&name, 0, sizeof name);
    return getpeername(fd, (struct sockaddr *)&name, &len) == 0 && address_from_sockaddr(&name, address);
}

static struct kept *find_kept(struct tls_client *client, const struct address *address)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (client->kept[i].session && address_eq(&client->kept[i].address, address))
            return &client->kept[i];
    return NULL;
}

static void forget(struct kept *kept)
{
    SSL_SESSION_free(kept->session);
    kept->session = NULL;
}

/* 1: the session is kept, and its reference with it. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const struct tls_link *link = SSL_get_app_data(ssl);
    struct address address;
    if (!SSL_SESSION_is_resumable(session) || !peer_address(link->fd, &address))
        return 0;
    struct kept *kept = find_kept(client, &address);
    if (!kept)
        kept = &client->kept[client->next_kept++ % SESSIONS_MAX];
    forget(kept);
    *kept = (struct kept){address, session};
    return 1;
}

static bool is_fresh(SSL_SESSION *session)
{
    X509 *peer = SSL_SESSION_get0_peer(session);
    long age = (long)time(NULL) - SSL_SESSION_get_time(session);
    return age >= 0 && age < SESSION_AGE_MAX_S && peer && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

void tls_client_resume(struct tls_client *client, SSL *ssl, int fd)
{
    struct address address;
    struct kept *kept = peer_address(fd, &address) ? find_kept(client, &address) : NULL;
    if (!kept)
        return;
    if (is_fresh(kept->session))
        (void)SSL_set_session(ssl, kept->session);
    else
        forget(kept);
}

/* ---- a client's life ---- */

static bool set_trust(struct tls_client *client, const struct tls_client_spec *spec, struct err *err)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(client->context);
    char *name = client->expected.ptr;
    if (!spec->ca_pem.len)
        return err_set(err, "no CA is given: no certificate could be trusted");
    if (!spec->server_name.len && !spec->san_count)
        return err_set(err, "no name is given that the certificate must be for");
    if (spec->like)
        SSL_CTX_set1_cert_store(client->context, SSL_CTX_get_cert_store(spec->like->context));
    else if (!tls_bundle_add(SSL_CTX_get_cert_store(client->context), spec->ca_pem, err))
        return false;
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(client->context, on_verify, client);
    /* What is given as a CA is trusted as it is, be it a root or not. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_hostflags(param, TLS_MATCH_FLAGS);
    if (spec->san_count)
        return true;
    if (!(tls_is_ip(spec->server_name) ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                                       : X509_VERIFY_PARAM_set1_host(param, name, 0)))
        return tls_err(err, "the name that the certificate must be for can't be used");
    return true;
}

static bool set_identity(struct tls_client *client, const struct tls_client_spec *spec, struct err *err)
{
    if (!spec->chain_pem.len && !spec->key_pem.len)
        return true;
    struct tls_identity *identity = tls_identity_new(spec->chain_pem, spec->key_pem, err);
    if (!identity)
        return err_wrap(err, "client certificate");
    bool is_good = SSL_CTX_use_cert_and_key(client->context, tls_identity_leaf(identity), tls_identity_key(identity),
                                            tls_identity_chain(identity), 1) == 1 ||
                   tls_err(err, "the client certificate can't be used");
    tls_identity_free(identity);
    return is_good;
}

static bool set_alpn(struct tls_client *client, enum tls_alpn alpn, struct err *err)
{
    static const struct str offers[] = {
        [TLS_ALPN_HTTP1] = STR_INIT("\x08http/1.1"),
        [TLS_ALPN_HTTP2] = STR_INIT("\x02h2"),
        [TLS_ALPN_ANY] = STR_INIT("\x02h2\x08http/1.1"),
    };
    /* 0 is success here. */
    if (SSL_CTX_set_alpn_protos(client->context, (const unsigned char *)offers[alpn].ptr, (unsigned)offers[alpn].len))
        return tls_err(err, "ALPN can't be set");
    return true;
}

static void set_names(struct tls_client *client, const struct tls_client_spec *spec)
{
    if (spec->server_name.len && !tls_is_ip(spec->server_name))
        client->server_name = mem_dup(spec->server_name.ptr, spec->server_name.len);
    client->sans = mem_alloc(spec->san_count * sizeof *client->sans);
    client->san_count = spec->san_count;
    for (size_t i = 0; i < spec->san_count; i++) {
        struct str name = spec->sans[i].name;
        client->sans[i] = (struct san){spec->sans[i].kind, {mem_dup(name.ptr, name.len), name.len}};
        strbuf_printf(&client->expected, "%s%.*s", i ? " or " : "", STR_ARG(name));
    }
    if (!spec->san_count)
        strbuf_add(&client->expected, spec->server_name);
}

struct tls_client *tls_client_new(const struct tls_client_spec *spec, struct err *err)
{
    struct tls_client *client = mem_alloc(sizeof *client);
    atomic_init(&client->refs, 1);
    set_names(client, spec);
    client->context = tls_context_new(false, err);
    if (!client->context || !set_trust(client, spec, err) || !set_identity(client, spec, err) ||
        !set_alpn(client, spec->alpn, err)) {
        ERR_clear_error();
        tls_client_unref(client);
        return NULL;
    }
    SSL_CTX_set_app_data(client->context, client);
    SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->context, on_session);
    return client;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (atomic_fetch_sub_explicit(&client->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        forget(&client->kept[i]);
    SSL_CTX_free(client->context);
    for (size_t i = 0; i < client->san_count; i++)
        mem_free((char *)(uintptr_t)client->sans[i].name.ptr);
    mem_free(client->sans);
    mem_free(client->server_name);
    strbuf_deinit(&client->expected);
    mem_free(client);
}

SSL *tls_client_connect(struct tls_client *client)
{
    SSL *ssl = SSL_new(client->context);
    ASSERT(ssl);
    SSL_set_connect_state(ssl);
    if (client->server_name)
        ASSERT(SSL_set_tlsext_host_name(ssl, client->server_name) == 1);
    return ssl;
}

struct str tls_client_expects(const struct tls_client *client)
{
    return strbuf_str(&client->expected);
}
