/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/identity.h"

#include "base/mem.h"
#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/pem.h>

static struct certificate root, middle, leaf, other, rsa, weak, dsa, sha1, sha1_root;

static int make_certificates(void **state)
{
    (void)state;
    certificate_init(&root, &(struct certificate_spec){.name = "root", .is_authority = true});
    certificate_init(&middle, &(struct certificate_spec){.name = "middle", .is_authority = true, .issuer = &root});
    certificate_init(&leaf, &(struct certificate_spec){.name = "cn.example.com",
                                                       .sans = "DNS:www.example.com,DNS:*.shop.example.com,IP:10.1.2.3",
                                                       .issuer = &middle,
                                                       .days = 90});
    certificate_init(&other, &(struct certificate_spec){.name = "other", .issuer = &root});
    certificate_init(&rsa, &(struct certificate_spec){.name = "rsa", .kind = KEY_RSA});
    certificate_init(&weak, &(struct certificate_spec){.name = "weak", .kind = KEY_RSA_1024});
    certificate_init(&dsa, &(struct certificate_spec){.name = "dsa", .kind = KEY_DSA});
    certificate_init(&sha1, &(struct certificate_spec){.name = "sha1", .issuer = &root, .has_sha1 = true});
    certificate_init(&sha1_root,
                     &(struct certificate_spec){.name = "old root", .is_authority = true, .has_sha1 = true});
    return 0;
}

static int free_certificates(void **state)
{
    struct certificate *all[] = {&root, &middle, &leaf, &other, &rsa, &weak, &dsa, &sha1, &sha1_root};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        certificate_deinit(all[i]);
    certificates_end();
    return 0;
}

static void free_text(struct str text)
{
    mem_free((char *)(uintptr_t)text.ptr);
}

static void expect_good(struct str chain, struct str key)
{
    struct err err = {""};
    struct tls_identity *identity = tls_identity_new(chain, key, &err);
    if (!identity)
        fail_msg("refused: %s", err.text);
    tls_identity_free(identity);
}

/* The message has all of the words. */
static void expect_bad(struct str chain, struct str key, const char *words)
{
    struct err err = {""};
    struct tls_identity *identity = tls_identity_new(chain, key, &err);
    if (identity)
        fail_msg("taken, but expected: %s", words);
    if (!strstr(err.text, words))
        fail_msg("expected \"%s\" in: %s", words, err.text);
}

static void test_certificate_and_key_that_belong_together_are_taken(void **state)
{
    (void)state;
    expect_good(leaf.pem, leaf.key_pem);
    expect_good(rsa.pem, rsa.key_pem);
}

static void test_chain_in_order_is_taken(void **state)
{
    struct str chain = join(leaf.pem, middle.pem), whole = join(chain, root.pem);
    (void)state;
    expect_good(chain, leaf.key_pem);
    expect_good(whole, leaf.key_pem);
    free_text(chain);
    free_text(whole);
}

static void test_other_blocks_and_text_around_are_passed_over(void **state)
{
    struct str chain = join(STR("Subject: CN=www\n"), leaf.pem), both = join(chain, leaf.key_pem);
    struct str parameters = STR("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    struct str key = join(parameters, leaf.key_pem);
    (void)state;
    expect_good(both, both);
    expect_good(chain, key);
    free_text(chain);
    free_text(both);
    free_text(key);
}

static void test_old_key_formats_are_taken(void **state)
{
    struct str sec1 = STR_NONE, pkcs1 = STR_NONE;
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    (void)state;
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, leaf.key, NULL, NULL, 0, NULL, NULL), 1);
    sec1.len = (size_t)BIO_get_mem_data(bio, &bytes);
    sec1.ptr = bytes;
    assert_true(str_starts_with(sec1, STR("-----BEGIN EC PRIVATE KEY")));
    expect_good(leaf.pem, sec1);
    (void)BIO_reset(bio);
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, rsa.key, NULL, NULL, 0, NULL, NULL), 1);
    pkcs1.len = (size_t)BIO_get_mem_data(bio, &bytes);
    pkcs1.ptr = bytes;
    assert_true(str_starts_with(pkcs1, STR("-----BEGIN RSA PRIVATE KEY")));
    expect_good(rsa.pem, pkcs1);
    (void)BIO_reset(bio);
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, rsa.key, EVP_aes_128_cbc(),
                                                          (const unsigned char *)"word", 4, NULL, NULL),
                     1);
    pkcs1.len = (size_t)BIO_get_mem_data(bio, &bytes);
    pkcs1.ptr = bytes;
    expect_bad(rsa.pem, pkcs1, "encrypted; store it without a passphrase");
    BIO_free(bio);
}

static void test_bad_texts_are_refused_with_what_is_wrong(void **state)
{
    struct str encrypted = certificate_encrypted_key(&leaf);
    struct str cut = {leaf.pem.ptr, leaf.pem.len / 2}, cut_key = {leaf.key_pem.ptr, leaf.key_pem.len / 2};
    struct str cut_second = join(leaf.pem, (struct str){middle.pem.ptr, middle.pem.len / 2});
    struct str no_certificate = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    struct str no_key = STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    const struct {
        struct str chain, key;
        const char *words;
    } cases[] = {
        {STR(""), leaf.key_pem, "the certificate is empty"},
        {leaf.pem, STR(""), "the private key is empty"},
        {STR("hello"), leaf.key_pem, "the certificate is not PEM"},
        {leaf.key_pem, leaf.key_pem, "the certificate is not PEM"},
        {leaf.pem, STR("hello"), "the private key is not PEM"},
        {leaf.pem, leaf.pem, "the private key is not PEM"},
        {cut, leaf.key_pem, "the certificate: block 1 can't be read"},
        {cut_second, leaf.key_pem, "the certificate: block 2 can't be read"},
        {leaf.pem, cut_key, "the private key can't be read"},
        {no_certificate, leaf.key_pem, "the certificate: block 1 can't be read"},
        {leaf.pem, no_key, "the private key can't be read"},
        {leaf.pem, encrypted, "the private key is encrypted; store it without a passphrase"},
        {leaf.pem, other.key_pem, "the private key is not the one of the certificate"},
        {weak.pem, weak.key_pem, "RSA of 1024 bits; use 2048 or more"},
        {dsa.pem, dsa.key_pem, "of a kind that TLS clients do not take"},
        {sha1.pem, sha1.key_pem, "certificate 1 of the chain is signed with SHA1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_bad(cases[i].chain, cases[i].key, cases[i].words);
    free_text(encrypted);
    free_text(cut_second);
}

static void test_chain_that_is_not_in_order_is_refused(void **state)
{
    struct str reversed = join(middle.pem, leaf.pem), gap = join(leaf.pem, root.pem), twice = join(leaf.pem, leaf.pem);
    (void)state;
    expect_bad(reversed, leaf.key_pem,
               "belongs to certificate 2 of the chain: the server's own certificate comes first");
    expect_bad(gap, leaf.key_pem, "certificate 2 did not issue certificate 1");
    expect_bad(twice, leaf.key_pem, "certificate 2 did not issue certificate 1");
    free_text(reversed);
    free_text(gap);
    free_text(twice);
}

static void test_root_with_an_old_signature_is_taken_in_a_chain_only(void **state)
{
    struct certificate issued;
    (void)state;
    certificate_init(&issued, &(struct certificate_spec){.name = "issued", .issuer = &sha1_root});
    struct str chain = join(issued.pem, sha1_root.pem);
    expect_good(chain, issued.key_pem);
    expect_bad(sha1_root.pem, sha1_root.key_pem, "certificate 1 of the chain is signed with SHA1");
    free_text(chain);
    certificate_deinit(&issued);
}

static void test_identity_knows_when_it_is_valid(void **state)
{
    struct err err;
    struct tls_identity *identity = tls_identity_new(leaf.pem, leaf.key_pem, &err);
    int64_t now = (int64_t)time(NULL);
    (void)state;
    assert_non_null(identity);
    assert_in_range(now - tls_identity_not_before(identity), 0, 3600);
    assert_in_range(tls_identity_not_after(identity) - now, 90 * 86400 - 3600, 90 * 86400);
    tls_identity_free(identity);
}

static void test_identity_knows_whom_it_is_for(void **state)
{
    static const struct {
        struct str host;
        bool is_for;
    } cases[] = {
        {STR_INIT("www.example.com"), true},
        {STR_INIT("WWW.example.COM"), true},
        {STR_INIT("a.shop.example.com"), true},
        {STR_INIT("*.shop.example.com"), true},
        {STR_INIT("10.1.2.3"), true},
        {STR_INIT(""), true},
        {STR_INIT("cn.example.com"), false}, /* the common name counts for nobody any more */
        {STR_INIT("a.b.shop.example.com"), false},
        {STR_INIT("shop.example.com"), false},
        {STR_INIT("*.example.com"), false},
        {STR_INIT("*.www.example.com"), false},
        {STR_INIT("10.1.2.4"), false},
        {STR_INIT("www.example.com.evil"), false},
    };
    struct err err;
    struct tls_identity *identity = tls_identity_new(leaf.pem, leaf.key_pem, &err);
    (void)state;
    assert_non_null(identity);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (tls_identity_is_for(identity, cases[i].host) != cases[i].is_for)
            fail_msg("%.*s", STR_ARG(cases[i].host));
    tls_identity_free(identity);
}

static void test_bundle_is_counted(void **state)
{
    struct err err = {""};
    struct str two = join(root.pem, middle.pem), cut = {two.ptr, two.len - 40};
    (void)state;
    assert_int_equal(tls_bundle_check(root.pem, &err), 1);
    assert_int_equal(tls_bundle_check(two, &err), 2);
    assert_int_equal(tls_bundle_check(cut, &err), 0);
    assert_non_null(strstr(err.text, "the CA bundle: block 2 can't be read"));
    assert_int_equal(tls_bundle_check(STR(""), &err), 0);
    assert_non_null(strstr(err.text, "the CA bundle is empty"));
    assert_int_equal(tls_bundle_check(STR("hello"), &err), 0);
    assert_non_null(strstr(err.text, "the CA bundle is not PEM"));
    free_text(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_and_key_that_belong_together_are_taken),
        cmocka_unit_test(test_chain_in_order_is_taken),
        cmocka_unit_test(test_other_blocks_and_text_around_are_passed_over),
        cmocka_unit_test(test_old_key_formats_are_taken),
        cmocka_unit_test(test_bad_texts_are_refused_with_what_is_wrong),
        cmocka_unit_test(test_chain_that_is_not_in_order_is_refused),
        cmocka_unit_test(test_root_with_an_old_signature_is_taken_in_a_chain_only),
        cmocka_unit_test(test_identity_knows_when_it_is_valid),
        cmocka_unit_test(test_identity_knows_whom_it_is_for),
        cmocka_unit_test(test_bundle_is_counted),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
