/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "certificates.h"
#include "pair.h"
#include "tls/tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <openssl/err.h>

static struct certificate root, stranger, middle, exact, wildcard, deep, rest, rsa, both_ec, both_rsa, person;

static int make_certificates(void **state)
{
    (void)state;
    certificate_init(&root, &(struct certificate_spec){.name = "root", .is_authority = true});
    certificate_init(&stranger, &(struct certificate_spec){.name = "stranger", .is_authority = true});
    certificate_init(&middle, &(struct certificate_spec){.name = "middle", .is_authority = true, .issuer = &root});
    certificate_init(&exact, &(struct certificate_spec){.name = "", .sans = "DNS:a.example.com", .issuer = &root});
    certificate_init(&wildcard, &(struct certificate_spec){.name = "", .sans = "DNS:*.example.com", .issuer = &root});
    certificate_init(&deep, &(struct certificate_spec){.name = "", .sans = "DNS:*.b.example.com", .issuer = &root});
    certificate_init(&rest, &(struct certificate_spec){.name = "",
                                                       .sans = "DNS:rest.test,IP:127.0.0.1,URI:spiffe://test/web",
                                                       .issuer = &root});
    certificate_init(&rsa,
                     &(struct certificate_spec){.name = "", .sans = "DNS:rest.test", .issuer = &root, .kind = KEY_RSA});
    certificate_init(&both_ec, &(struct certificate_spec){.name = "", .sans = "DNS:two.test", .issuer = &root});
    certificate_init(&both_rsa,
                     &(struct certificate_spec){.name = "", .sans = "DNS:two.test", .issuer = &root, .kind = KEY_RSA});
    certificate_init(&person, &(struct certificate_spec){.name = "person", .issuer = &root, .uses = "clientAuth"});
    return 0;
}

static int free_certificates(void **state)
{
    struct certificate *all[] = {&root, &stranger, &middle,  &exact,    &wildcard, &deep,
                                 &rest, &rsa,      &both_ec, &both_rsa, &person};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        certificate_deinit(all[i]);
    certificates_end();
    return 0;
}

/* ---- contexts ---- */

static struct tls_server *serve(const struct tls_name *names, size_t count, struct tls_tickets *tickets)
{
    struct err err = {""};
    struct tls_server *server = tls_server_new(names, count, tickets, &err);
    if (!server)
        fail_msg("no server: %s", err.text);
    return server;
}

/* One identity for all names. */
static struct tls_server *serve_with(const struct certificate *certificate, struct tls_tickets *tickets)
{
    struct tls_pem pem = {certificate->pem, certificate->key_pem};
    return serve(&(struct tls_name){STR(""), &pem, 1}, 1, tickets);
}

static struct tls_client *connect_with(const struct tls_client_spec *spec)
{
    struct err err = {""};
    struct tls_client *client = tls_client_new(spec, &err);
    if (!client)
        fail_msg("no client: %s", err.text);
    return client;
}

static struct tls_client *connect_for(const char *name)
{
    return connect_with(&(struct tls_client_spec){.server_name = str_from_c(name), .ca_pem = root.pem});
}

static SSL_CTX *raw_client(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, 0);
    SSL_CTX_set_max_proto_version(context, version);
    return context;
}

static SSL_CTX *raw_server(const struct certificate *certificate)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_cert_and_key(context, certificate->x509, certificate->key, NULL, 1), 1);
    return context;
}

/* ---- checks ---- */

static void expect_success(struct pair *pair)
{
    pair_shake(pair);
    if (pair->server.result != 1)
        fail_msg("server: %s", pair->server.session ? tls_session_failure(pair->server.session) : "broken");
    if (pair->client.result != 1)
        fail_msg("client: %s", pair->client.session ? tls_session_failure(pair->client.session) : "broken");
    assert_true(pair_carries(&pair->client, &pair->server, "ping"));
    assert_true(pair_carries(&pair->server, &pair->client, "pong"));
}

static void expect_words(const struct side *side, const char *words)
{
    assert_int_equal(side->result, TLS_SESSION_BROKEN);
    const char *failure = tls_session_failure(side->session);
    if (!strstr(failure, words))
        fail_msg("expected \"%s\" in: %s", words, failure);
}

static void expect_taken_by(struct tls_server *server, const char *asked, const char *name)
{
    struct pair pair;
    SSL_CTX *raw = raw_client(0);
    pair_init(&pair, server, NULL, raw);
    if (*asked)
        SSL_set_tlsext_host_name(pair.client.raw, asked);
    pair_shake(&pair);
    if (name) {
        assert_int_equal(pair.server.result, 1);
        struct str taken = tls_session_name(pair.server.session);
        if (!str_eq(taken, str_from_c(name)))
            fail_msg("%s was taken by \"%.*s\"", asked, STR_ARG(taken));
    } else {
        expect_words(&pair.server, "the server name that was asked for is not served here");
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME);
        ERR_clear_error();
    }
    pair_deinit(&pair);
    SSL_CTX_free(raw);
}

static bool presents(struct pair *pair, const struct certificate *certificate)
{
    return X509_cmp(SSL_get0_peer_certificate(pair->client.raw), certificate->x509) == 0;
}

/* ---- tests ---- */

static void test_both_versions_shake_hands_and_carry_bytes(void **state)
{
    struct tls_server *server = serve_with(&rest, NULL);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair pair;
        SSL_CTX *raw = raw_client(versions[i]);
        pair_init(&pair, server, NULL, raw);
        expect_success(&pair);
        assert_int_equal(SSL_version(pair.client.raw), versions[i]);
        assert_false(SSL_get_secure_renegotiation_support(pair.client.raw) == 0 && versions[i] == TLS1_2_VERSION);
        pair_deinit(&pair);
        SSL_CTX_free(raw);
    }
    tls_server_unref(server);
}

static void test_old_version_is_refused(void **state)
{
    struct tls_server *server = serve_with(&rest, NULL);
    struct pair pair;
    SSL_CTX *raw = raw_client(TLS1_1_VERSION);
    (void)state;
    pair_init(&pair, server, NULL, raw);
    pair_shake(&pair);
    expect_words(&pair.server, "no protocol version in common");
    pair_deinit(&pair);
    SSL_CTX_free(raw);
    tls_server_unref(server);
}

static void test_alpn_prefers_h2_and_refuses_strangers(void **state)
{
    static const struct {
        enum tls_alpn offered;
        const char *settled;
    } cases[] = {{TLS_ALPN_HTTP1, "http/1.1"}, {TLS_ALPN_HTTP2, "h2"}, {TLS_ALPN_ANY, "h2"}};
    struct tls_server *server = serve_with(&rest, NULL);
    struct pair pair;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tls_client *client = connect_with(
            &(struct tls_client_spec){.server_name = STR("rest.test"), .ca_pem = root.pem, .alpn = cases[i].offered});
        pair_init(&pair, server, client, NULL);
        expect_success(&pair);
        assert_true(str_eq(tls_session_alpn(pair.client.session), str_from_c(cases[i].settled)));
        assert_true(str_eq(tls_session_alpn(pair.server.session), str_from_c(cases[i].settled)));
        pair_deinit(&pair);
        tls_client_unref(client);
    }
    SSL_CTX *raw = raw_client(0);
    SSL_CTX_set_alpn_protos(raw, (const unsigned char *)"\x03irc", 4);
    pair_init(&pair, server, NULL, raw);
    pair_shake(&pair);
    expect_words(&pair.server, "no application protocol (ALPN) in common");
    pair_deinit(&pair);
    SSL_CTX_set_alpn_protos(raw, NULL, 0);
    pair_init(&pair, server, NULL, raw);
    expect_success(&pair);
    assert_int_equal(tls_session_alpn(pair.server.session).len, 0);
    pair_deinit(&pair);
    SSL_CTX_free(raw);
    tls_server_unref(server);
}

static void test_server_name_chooses_exact_then_longest_wildcard_then_any(void **state)
{
    struct tls_pem pems[] = {{rest.pem, rest.key_pem},
                             {wildcard.pem, wildcard.key_pem},
                             {exact.pem, exact.key_pem},
                             {deep.pem, deep.key_pem}};
    struct tls_name names[] = {{STR(""), &pems[0], 1},
                               {STR("*.example.com"), &pems[1], 1},
                               {STR("a.example.com"), &pems[2], 1},
                               {STR("*.b.example.com"), &pems[3], 1}};
    struct tls_server *server = serve(names, 4, NULL);
    (void)state;
    expect_taken_by(server, "a.example.com", "a.example.com");
    expect_taken_by(server, "A.Example.COM", "a.example.com");
    expect_taken_by(server, "a.example.com.", "a.example.com");
    expect_taken_by(server, "b.example.com", "*.example.com");
    expect_taken_by(server, "x.y.example.com", "*.example.com");
    expect_taken_by(server, "x.b.example.com", "*.b.example.com");
    expect_taken_by(server, "x.y.b.example.com", "*.b.example.com");
    expect_taken_by(server, "x.a.example.com", "*.example.com");
    expect_taken_by(server, "example.com", "");
    expect_taken_by(server, "other.test", "");
    expect_taken_by(server, "", "");
    tls_server_unref(server);
    server = serve(names + 1, 3, NULL);
    expect_taken_by(server, "b.example.com", "*.example.com");
    expect_taken_by(server, "example.com", NULL);
    expect_taken_by(server, "", NULL);
    tls_server_unref(server);
}

static void test_first_identity_that_fits_name_and_client_is_presented(void **state)
{
    struct tls_pem pems[] = {{rest.pem, rest.key_pem},
                             {both_rsa.pem, both_rsa.key_pem},
                             {both_ec.pem, both_ec.key_pem},
                             {rsa.pem, rsa.key_pem}};
    static const struct {
        const char *asked, *algorithms, *ciphers;
        int version;
        const struct certificate *presented;
    } cases[] = {
        {"two.test", NULL, NULL, 0, &both_rsa},
        {"two.test", "ECDSA+SHA256", NULL, 0, &both_ec},
        {"two.test", NULL, "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, &both_ec},
        {"two.test", NULL, "ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, &both_rsa},
        {"rest.test", NULL, NULL, 0, &rest},
        {"rest.test", "RSA-PSS+SHA256", NULL, 0, &rsa},
        {"rest.test", NULL, "ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, &rsa},
        {"unknown.test", NULL, NULL, 0, &rest},
    };
    struct tls_server *server = serve(&(struct tls_name){STR(""), pems, 4}, 1, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        SSL_CTX *raw = raw_client(cases[i].version);
        if (cases[i].algorithms)
            assert_int_equal(SSL_CTX_set1_sigalgs_list(raw, cases[i].algorithms), 1);
        if (cases[i].ciphers)
            assert_int_equal(SSL_CTX_set_cipher_list(raw, cases[i].ciphers), 1);
        pair_init(&pair, server, NULL, raw);
        SSL_set_tlsext_host_name(pair.client.raw, cases[i].asked);
        expect_success(&pair);
        if (!presents(&pair, cases[i].presented))
            fail_msg("case %zu", i);
        pair_deinit(&pair);
        SSL_CTX_free(raw);
    }
    tls_server_unref(server);
}

static void test_chain_is_sent(void **state)
{
    struct certificate issued;
    struct pair pair;
    (void)state;
    certificate_init(&issued, &(struct certificate_spec){.name = "", .sans = "DNS:rest.test", .issuer = &middle});
    struct str chain = join(issued.pem, middle.pem);
    struct tls_pem pem = {chain, issued.key_pem};
    struct tls_server *server = serve(&(struct tls_name){STR(""), &pem, 1}, 1, NULL);
    struct tls_client *client = connect_for("rest.test");
    pair_init(&pair, server, client, NULL);
    expect_success(&pair);
    pair_deinit(&pair);
    tls_client_unref(client);
    tls_server_unref(server);
    mem_free((char *)(uintptr_t)chain.ptr);
    certificate_deinit(&issued);
}

static void test_client_refuses_what_it_can_not_trust_and_says_why(void **state)
{
    struct certificate expired, early, untrusted, alone, named, used;
    (void)state;
    certificate_init(&expired, &(struct certificate_spec){
                                   .name = "", .sans = "DNS:rest.test", .issuer = &root, .from_days = -10, .days = 5});
    certificate_init(&early,
                     &(struct certificate_spec){.name = "", .sans = "DNS:rest.test", .issuer = &root, .from_days = 2});
    certificate_init(&untrusted, &(struct certificate_spec){.name = "", .sans = "DNS:rest.test", .issuer = &stranger});
    certificate_init(&alone, &(struct certificate_spec){.name = "rest.test", .sans = "DNS:rest.test"});
    certificate_init(&named, &(struct certificate_spec){.name = "rest.test", .issuer = &root});
    certificate_init(
        &used, &(struct certificate_spec){.name = "", .sans = "DNS:rest.test", .issuer = &root, .uses = "clientAuth"});
    const struct {
        const struct certificate *certificate;
        const char *name, *words, *servers_words;
    } cases[] = {
        {&rest, "wrong.test", "the peer's certificate is not for wrong.test", "the peer refuses our certificate"},
        {&rest, "127.0.0.2", "the peer's certificate is not for 127.0.0.2", "the peer refuses our certificate"},
        {&expired, "rest.test", "certificate has expired", "the peer says that our certificate has expired"},
        {&early, "rest.test", "certificate is not yet valid", "alert"},
        {&untrusted, "rest.test", "unable to get local issuer certificate", "the peer does not trust the CA"},
        {&alone, "rest.test", "self-signed certificate", "the peer does not trust the CA"},
        {&named, "rest.test", "the peer's certificate is not for rest.test", "the peer refuses our certificate"},
        {&used, "rest.test", "unsuitable certificate purpose", "alert"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_server *server = serve_with(cases[i].certificate, NULL);
        struct tls_client *client = connect_for(cases[i].name);
        struct pair pair;
        pair_init(&pair, server, client, NULL);
        pair_shake(&pair);
        expect_words(&pair.client, cases[i].words);
        expect_words(&pair.server, cases[i].servers_words);
        assert_false(tls_session_is_open(pair.client.session));
        pair_deinit(&pair);
        tls_client_unref(client);
        tls_server_unref(server);
    }
    struct certificate *made[] = {&expired, &early, &untrusted, &alone, &named, &used};
    for (size_t i = 0; i < 6; i++)
        certificate_deinit(made[i]);
}

static void test_client_accepts_address_and_alternative_names(void **state)
{
    static const struct tls_san dns[] = {{TLS_SAN_DNS, STR_INIT("no.test")}, {TLS_SAN_DNS, STR_INIT("rest.test")}};
    static const struct tls_san uri[] = {{TLS_SAN_URI, STR_INIT("spiffe://test/web")}};
    static const struct tls_san wrong[] = {{TLS_SAN_URI, STR_INIT("spiffe://test/WEB")},
                                           {TLS_SAN_DNS, STR_INIT("no.test")}};
    static const struct {
        const char *name;
        const struct tls_san *sans;
        size_t count;
        const char *words;
    } cases[] = {
        {"127.0.0.1", NULL, 0, NULL},
        {"any.test", dns, 2, NULL},
        {"any.test", uri, 1, NULL},
        {"", uri, 1, NULL},
        {"rest.test", wrong, 2, "the peer's certificate is not for spiffe://test/WEB or no.test"},
    };
    struct tls_server *server = serve_with(&rest, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair pair;
        struct tls_client *client = connect_with(&(struct tls_client_spec){.server_name = str_from_c(cases[i].name),
                                                                           .sans = cases[i].sans,
                                                                           .san_count = cases[i].count,
                                                                           .ca_pem = root.pem});
        pair_init(&pair, server, client, NULL);
        if (cases[i].words) {
            pair_shake(&pair);
            expect_words(&pair.client, cases[i].words);
        } else {
            expect_success(&pair);
        }
        pair_deinit(&pair);
        tls_client_unref(client);
    }
    tls_server_unref(server);
}

static void test_pinned_certificate_is_trusted_as_it_is(void **state)
{
    struct certificate alone;
    struct pair pair;
    (void)state;
    certificate_init(&alone, &(struct certificate_spec){.name = "", .sans = "DNS:rest.test"});
    struct tls_server *server = serve_with(&alone, NULL);
    struct tls_client *client = connect_with(
        &(struct tls_client_spec){.server_name = STR("rest.test"), .ca_pem = alone.pem});
    pair_init(&pair, server, client, NULL);
    expect_success(&pair);
    pair_deinit(&pair);
    tls_client_unref(client);
    tls_server_unref(server);
    certificate_deinit(&alone);
}

static void test_client_like_another_trusts_the_same(void **state)
{
    struct certificate alone;
    struct pair pair;
    (void)state;
    certificate_init(&alone, &(struct certificate_spec){.name = "", .sans = "DNS:rest.test"});
    const struct certificate *served[] = {&rest, &alone};
    for (size_t i = 0; i < sizeof served / sizeof *served; i++) {
        struct tls_server *server = serve_with(served[i], NULL);
        struct tls_client *first = connect_for("first.test");
        struct tls_client *client = connect_with(
            &(struct tls_client_spec){.server_name = STR("rest.test"), .ca_pem = root.pem, .like = first});
        tls_client_unref(first);
        pair_init(&pair, server, client, NULL);
        if (served[i] == &rest) {
            expect_success(&pair);
        } else {
            pair_shake(&pair);
            expect_words(&pair.client, "self-signed");
        }
        pair_deinit(&pair);
        tls_client_unref(client);
        tls_server_unref(server);
    }
    certificate_deinit(&alone);
}

static void test_client_certificate_is_presented(void **state)
{
    SSL_CTX *raw = raw_server(&rest);
    struct pair pair;
    (void)state;
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), root.x509), 1);
    struct tls_client *client = connect_with(&(struct tls_client_spec){
        .server_name = STR("rest.test"), .ca_pem = root.pem, .chain_pem = person.pem, .key_pem = person.key_pem});
    pair_init(&pair, NULL, client, raw);
    expect_success(&pair);
    assert_int_equal(X509_cmp(SSL_get0_peer_certificate(pair.server.raw), person.x509), 0);
    pair_deinit(&pair);
    tls_client_unref(client);
    client = connect_for("rest.test");
    pair_init(&pair, NULL, client, raw);
    pair_shake(&pair);
    expect_words(&pair.client, "the peer wants a client certificate");
    pair_deinit(&pair);
    tls_client_unref(client);
    SSL_CTX_free(raw);
}

static void test_client_needs_authority_and_name(void **state)
{
    static const struct tls_client_spec nothing = {.server_name = STR_INIT("a")};
    struct err err = {""};
    (void)state;
    assert_null(tls_client_new(&nothing, &err));
    assert_non_null(strstr(err.text, "no CA is given"));
    assert_null(tls_client_new(&(struct tls_client_spec){.ca_pem = root.pem}, &err));
    assert_non_null(strstr(err.text, "no name is given"));
    assert_null(tls_client_new(&(struct tls_client_spec){.server_name = STR("a"), .ca_pem = STR("b")}, &err));
    assert_non_null(strstr(err.text, "the CA bundle is not PEM"));
    assert_null(tls_client_new(
        &(struct tls_client_spec){
            .server_name = STR("a"), .ca_pem = root.pem, .chain_pem = person.pem, .key_pem = rest.key_pem},
        &err));
    assert_non_null(strstr(err.text, "client certificate: the private key is not the one"));
}

static void test_server_with_a_bad_identity_is_none(void **state)
{
    struct tls_pem pem = {rest.pem, exact.key_pem};
    struct tls_name name = {STR("a.test"), &pem, 1};
    struct err err = {""};
    (void)state;
    assert_null(tls_server_new(&name, 1, NULL, &err));
    assert_non_null(strstr(err.text, "a.test: the private key is not the one"));
}

/* ---- resumption ---- */

/* Whether a handshake resumed `*session`, which is then replaced by the one it gave. */
static bool resumes(struct tls_server *server, SSL_CTX *raw, const char *asked, SSL_SESSION **session)
{
    struct pair pair;
    pair_init(&pair, server, NULL, raw);
    SSL_set_tlsext_host_name(pair.client.raw, asked);
    if (*session)
        SSL_set_session(pair.client.raw, *session);
    expect_success(&pair);
    bool is_resumed = SSL_session_reused(pair.client.raw);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(pair.client.raw);
    pair_deinit(&pair);
    return is_resumed;
}

static void resume_across_servers(int version)
{
    struct tls_tickets *tickets = tls_tickets_new();
    struct tls_server *one = serve_with(&rest, tickets), *other = serve_with(&rest, tickets);
    SSL_CTX *raw = raw_client(version);
    SSL_SESSION *session = NULL, *kept;
    assert_false(resumes(one, raw, "a.test", &session));
    assert_true(resumes(other, raw, "a.test", &session));
    assert_true(resumes(one, raw, "a.test", &session));
    tls_tickets_rotate(tickets);
    kept = session;
    SSL_SESSION_up_ref(kept);
    assert_true(
        resumes(other, raw, "a.test", &session)); /* the key before; the client gets a ticket of the present one */
    tls_tickets_rotate(tickets);
    assert_true(resumes(one, raw, "a.test", &session));
    assert_false(resumes(one, raw, "a.test", &kept));
    SSL_SESSION_free(session);
    SSL_SESSION_free(kept);
    SSL_CTX_free(raw);
    tls_server_unref(one);
    tls_server_unref(other);
    tls_tickets_free(tickets);
}

static void test_tickets_resume_at_any_server_and_through_one_rotation(void **state)
{
    (void)state;
    resume_across_servers(TLS1_2_VERSION);
    resume_across_servers(TLS1_3_VERSION);
}

static void test_tickets_do_not_resume_for_another_name(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_pem pem = {rest.pem, rest.key_pem};
    struct tls_name names[] = {{STR("a.test"), &pem, 1}, {STR("b.test"), &pem, 1}};
    struct tls_tickets *tickets = tls_tickets_new();
    struct tls_server *server = serve(names, 2, tickets);
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX *raw = raw_client(versions[i]);
        SSL_SESSION *session = NULL;
        assert_false(resumes(server, raw, "a.test", &session));
        assert_false(resumes(server, raw, "b.test", &session));
        assert_true(resumes(server, raw, "b.test", &session));
        SSL_SESSION_free(session);
        SSL_CTX_free(raw);
    }
    tls_server_unref(server);
    tls_tickets_free(tickets);
}

static void test_server_without_tickets_gives_none(void **state)
{
    struct tls_server *server = serve_with(&rest, NULL);
    SSL_CTX *raw = raw_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    (void)state;
    assert_false(resumes(server, raw, "a.test", &session));
    assert_false(SSL_SESSION_has_ticket(session));
    assert_false(resumes(server, raw, "a.test", &session));
    SSL_SESSION_free(session);
    SSL_CTX_free(raw);
    tls_server_unref(server);
}

static void test_client_resumes_its_sessions(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX *raw = raw_server(&rest);
        SSL_CTX_set_max_proto_version(raw, versions[i]);
        struct tls_client *client = connect_for("rest.test"), *another = connect_for("rest.test");
        struct {
            struct tls_client *client;
            bool is_resumed;
        } rounds[] = {{client, false}, {client, true}, {client, true}, {another, false}};
        for (size_t round = 0; round < 4; round++) {
            struct pair pair;
            pair_init(&pair, NULL, rounds[round].client, raw);
            expect_success(&pair);
            assert_int_equal(SSL_session_reused(pair.server.raw), rounds[round].is_resumed);
            pair_deinit(&pair);
        }
        tls_client_unref(client);
        tls_client_unref(another);
        SSL_CTX_free(raw);
    }
}

/* ---- what hostile or confused peers do ---- */

static void expect_refusal_of(const char *bytes, size_t len, bool is_alerted, const char *words)
{
    struct tls_server *server = serve_with(&rest, NULL);
    SSL_CTX *raw = raw_client(0);
    struct pair pair;
    char alert[64];
    pair_init(&pair, server, NULL, raw);
    assert_int_equal(send(pair.fds[1], bytes, len, 0), (ssize_t)len);
    shutdown(pair.fds[1], SHUT_WR);
    for (int i = 0; i < 100 && pair.server.result != TLS_SESSION_BROKEN; i++) {
        tls_session_wake(pair.server.session, true);
        pair.server.result = tls_session_handshake(pair.server.session);
    }
    expect_words(&pair.server, words);
    bool has_alert = recv(pair.fds[1], alert, sizeof alert, 0) > 0;
    if (has_alert != is_alerted || (has_alert && alert[0] != SSL3_RT_ALERT))
        fail_msg("alert after: %s", words);
    assert_int_equal(ERR_peek_error(), 0); /* nothing is left for the next connection to be blamed for */
    pair_deinit(&pair);
    SSL_CTX_free(raw);
    tls_server_unref(server);
}

static void test_what_is_no_hello_is_refused_with_words(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
    static const char zeros[300], empty_hello[] = "\x16\x03\x01\x00\x04\x01\x00\x00\x00";
    (void)state;
    expect_refusal_of(http, sizeof http - 1, false, "the peer speaks plain HTTP, not TLS");
    expect_refusal_of(ssh, sizeof ssh - 1, false, "the peer does not speak TLS");
    expect_refusal_of(zeros, sizeof zeros, false, "the peer does not speak TLS");
    expect_refusal_of(empty_hello, sizeof empty_hello - 1, true, "length");
    expect_refusal_of("", 0, true, "the peer closed the connection during the handshake");
    expect_refusal_of("\x16\x03\x01", 3, true, "the peer closed the connection during the handshake");
}

static void test_client_says_that_the_server_speaks_no_tls(void **state)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct tls_client *client = connect_for("rest.test");
    SSL_CTX *raw = raw_server(&rest);
    struct pair pair;
    (void)state;
    pair_init(&pair, NULL, client, raw);
    assert_int_equal(tls_session_handshake(pair.client.session), TLS_SESSION_WANT_READ);
    assert_true(send(pair.fds[0], answer, sizeof answer - 1, 0) > 0);
    pair.client.result = tls_session_handshake(pair.client.session);
    expect_words(&pair.client, "the peer does not speak TLS");
    pair_deinit(&pair);
    SSL_CTX_free(raw);
    tls_client_unref(client);
}

static void test_renegotiation_is_refused(void **state)
{
    struct tls_server *server = serve_with(&rest, NULL);
    SSL_CTX *raw = raw_client(TLS1_2_VERSION);
    struct pair pair;
    char byte;
    (void)state;
    pair_init(&pair, server, NULL, raw);
    expect_success(&pair);
    assert_int_equal(SSL_renegotiate(pair.client.raw), 1);
    (void)SSL_do_handshake(pair.client.raw);
    tls_session_wake(pair.server.session, false);
    assert_int_equal(tls_session_read(pair.server.session, &byte, 1), TLS_SESSION_WANT_READ);
    int result = SSL_do_handshake(pair.client.raw);
    assert_int_equal(SSL_get_error(pair.client.raw, result), SSL_ERROR_SSL);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    pair_deinit(&pair);
    SSL_CTX_free(raw);
    tls_server_unref(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_versions_shake_hands_and_carry_bytes),
        cmocka_unit_test(test_old_version_is_refused),
        cmocka_unit_test(test_alpn_prefers_h2_and_refuses_strangers),
        cmocka_unit_test(test_server_name_chooses_exact_then_longest_wildcard_then_any),
        cmocka_unit_test(test_first_identity_that_fits_name_and_client_is_presented),
        cmocka_unit_test(test_chain_is_sent),
        cmocka_unit_test(test_client_refuses_what_it_can_not_trust_and_says_why),
        cmocka_unit_test(test_client_accepts_address_and_alternative_names),
        cmocka_unit_test(test_pinned_certificate_is_trusted_as_it_is),
        cmocka_unit_test(test_client_like_another_trusts_the_same),
        cmocka_unit_test(test_client_certificate_is_presented),
        cmocka_unit_test(test_client_needs_authority_and_name),
        cmocka_unit_test(test_server_with_a_bad_identity_is_none),
        cmocka_unit_test(test_tickets_resume_at_any_server_and_through_one_rotation),
        cmocka_unit_test(test_tickets_do_not_resume_for_another_name),
        cmocka_unit_test(test_server_without_tickets_gives_none),
        cmocka_unit_test(test_client_resumes_its_sessions),
        cmocka_unit_test(test_what_is_no_hello_is_refused_with_words),
        cmocka_unit_test(test_client_says_that_the_server_speaks_no_tls),
        cmocka_unit_test(test_renegotiation_is_refused),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
