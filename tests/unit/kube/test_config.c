/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/config.h"

#include "../tls/certificates.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

/* A directory with an authority's and a client's files. */
struct table {
    char dir[64];
    struct certificate ca, other_ca, client;
};

static void write_file(const struct table *table, const char *name, struct str text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", table->dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct table *table = mem_alloc(sizeof *table);
    snprintf(table->dir, sizeof table->dir, "/tmp/kube-config-XXXXXX");
    assert_non_null(mkdtemp(table->dir));
    certificate_init(&table->ca, &(struct certificate_spec){.name = "ca", .is_authority = true});
    certificate_init(&table->other_ca, &(struct certificate_spec){.name = "other", .is_authority = true});
    certificate_init(&table->client, &(struct certificate_spec){.name = "me", .issuer = &table->ca});
    write_file(table, "ca.crt", table->ca.pem);
    write_file(table, "token", STR("a.token\n"));
    write_file(table, "namespace", STR("shop"));
    write_file(table, "me.crt", table->client.pem);
    write_file(table, "me.key", table->client.key_pem);
    setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    unsetenv("KUBECONFIG");
    setenv("HOME", table->dir, 1);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"ca.crt", "token", "namespace", "me.crt", "me.key", "config", "second"};
    struct table *table = *state;
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", table->dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(table->dir), 0);
    certificate_deinit(&table->client);
    certificate_deinit(&table->other_ca);
    certificate_deinit(&table->ca);
    certificates_end();
    mem_free(table);
    return 0;
}

static struct kube_config *read_config(const struct table *table, const char *text, const char *context,
                                       struct err *err)
{
    char path[256];
    write_file(table, "config", str_from_c(text));
    snprintf(path, sizeof path, "%s/config", table->dir);
    return kube_config_of_file(path, context, err);
}

#define CONFIG(cluster, user) \
    "apiVersion: v1\nkind: Config\ncurrent-context: one\n" \
    "clusters: [{name: c, cluster: {" cluster \
    "}}, {name: d, cluster: {server: 'https://d', certificate-authority: ca.crt}}]\n" \
    "users: [{name: u, user: {" user "}}]\n" \
    "contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: d, user: u, namespace: " \
    "prod}}]\n"
#define GOOD_CLUSTER "server: 'https://api.test:6443/base/', certificate-authority: ca.crt"

static bool says(const struct err *err, const char *part)
{
    if (strstr(err->text, part))
        return true;
    print_message("%s\n", err->text);
    return false;
}

static void test_a_pod_finds_its_account(void **state)
{
    struct table *table = *state;
    struct err err;
    struct kube_config *config = kube_config_of_pod(table->dir, &err);
    assert_non_null(config);
    assert_true(str_eq(config->host, STR("10.96.0.1")));
    assert_int_equal(config->port, 443);
    assert_true(str_eq(config->server_name, STR("10.96.0.1")));
    assert_true(str_eq(config->token, STR("a.token")));
    assert_true(str_eq(config->ns, STR("shop")));
    assert_true(str_eq(config->ca_pem, table->ca.pem));
    kube_config_free(config);
}

static void test_a_pod_whose_account_is_broken_is_told_what_is_missing(void **state)
{
    struct table *table = *state;
    struct err err;
    write_file(table, "token", STR(" \n"));
    assert_null(kube_config_of_pod(table->dir, &err));
    assert_true(says(&err, "token is empty"));
    write_file(table, "token", STR("two\nlines"));
    assert_null(kube_config_of_pod(table->dir, &err));
    assert_true(says(&err, "bytes that none can have"));
    write_file(table, "token", STR("t"));
    write_file(table, "ca.crt", STR("no certificate"));
    assert_null(kube_config_of_pod(table->dir, &err));
    assert_true(says(&err, "certificate-authority"));
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_null(kube_config_of_pod(table->dir, &err));
    assert_true(says(&err, "this is no pod"));
}

static void test_a_rotated_token_and_authority_are_read_again(void **state)
{
    struct table *table = *state;
    struct err err;
    struct kube_config *config = kube_config_of_pod(table->dir, &err);
    assert_int_equal(kube_config_refresh(config, &err), 0);
    assert_string_equal(err.text, "");
    write_file(table, "token", STR("b.token\n"));
    assert_int_equal(kube_config_refresh(config, &err), KUBE_CHANGE_TOKEN);
    assert_true(str_eq(config->token, STR("b.token")));
    write_file(table, "ca.crt", table->other_ca.pem);
    assert_int_equal(kube_config_refresh(config, &err), KUBE_CHANGE_TLS);
    assert_true(str_eq(config->ca_pem, table->other_ca.pem));
    write_file(table, "ca.crt", STR("half a certif"));
    write_file(table, "token", STR(""));
    assert_int_equal(kube_config_refresh(config, &err), 0);
    assert_true(err.text[0]);
    assert_true(str_eq(config->token, STR("b.token")));
    assert_true(str_eq(config->ca_pem, table->other_ca.pem));
    kube_config_free(config);
}

static void test_a_kubeconfig_is_read(void **state)
{
    struct table *table = *state;
    struct err err;
    struct kube_config *config = read_config(table, CONFIG(GOOD_CLUSTER ", tls-server-name: other.test", "token: t"),
                                             NULL, &err);
    assert_non_null(config);
    assert_true(str_eq(config->host, STR("api.test")));
    assert_int_equal(config->port, 6443);
    assert_true(str_eq(config->base_path, STR("/base")));
    assert_true(str_eq(config->server_name, STR("other.test")));
    assert_true(str_eq(config->token, STR("t")));
    assert_true(str_eq(config->ns, STR("default")));
    assert_true(str_ends_with(config->ca_file, STR("/ca.crt")) && config->ca_file.ptr[0] == '/');
    kube_config_free(config);
    config = read_config(
        table, CONFIG(GOOD_CLUSTER, "tokenFile: token, client-certificate: me.crt, client-key: me.key"), "two", &err);
    assert_non_null(config);
    assert_true(str_eq(config->host, STR("d")));
    assert_int_equal(config->port, 443);
    assert_int_equal(config->base_path.len, 0);
    assert_true(str_eq(config->server_name, STR("d")));
    assert_true(str_eq(config->token, STR("a.token")));
    assert_true(str_eq(config->ns, STR("prod")));
    assert_true(str_eq(config->chain_pem, table->client.pem));
    kube_config_free(config);
}

/* In base64, NUL-terminated; freed with mem_free. */
static char *encode(struct str text)
{
    char *out = mem_alloc(text.len * 2 + 8);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text.ptr, (int)text.len);
    return out;
}

static void test_certificates_may_be_inline(void **state)
{
    struct table *table = *state;
    struct err err;
    struct strbuf text = STRBUF_INIT;
    char *ca = encode(table->ca.pem), *chain = encode(table->client.pem), *key = encode(table->client.key_pem);
    strbuf_printf(&text,
                  "kind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
                  "clusters: [{name: x, cluster: {server: 'https://[::1]:1', certificate-authority-data: %s}}]\n"
                  "users: [{name: x, user: {client-certificate-data: %s, client-key-data: %s}}]\n",
                  ca, chain, key);
    struct kube_config *config = read_config(table, text.ptr, NULL, &err);
    assert_non_null(config);
    assert_true(str_eq(config->host, STR("::1")));
    assert_true(str_eq(config->ca_pem, table->ca.pem));
    assert_true(str_eq(config->chain_pem, table->client.pem));
    assert_true(str_eq(config->key_pem, table->client.key_pem));
    assert_int_equal(config->ca_file.len, 0);
    kube_config_free(config);
    strbuf_deinit(&text);
    mem_free(ca);
    mem_free(chain);
    mem_free(key);
}

static void test_what_is_not_supported_is_refused_and_said(void **state)
{
    static const struct {
        const char *text, *context, *says;
    } cases[] = {
        {CONFIG(GOOD_CLUSTER, "exec: {command: aws}"), NULL, "exec runs a program"},
        {CONFIG(GOOD_CLUSTER, "auth-provider: {name: gcp}"), NULL, "auth-provider is not supported"},
        {CONFIG(GOOD_CLUSTER, "username: a, password: b"), NULL, "username is not supported"},
        {CONFIG(GOOD_CLUSTER, "token: t, as: root"), NULL, "as (speaking as somebody else)"},
        {CONFIG(GOOD_CLUSTER, "token: \"a b\""), NULL, "bytes that none can have"},
        {CONFIG(GOOD_CLUSTER, "tokenFile: nowhere"), NULL, "nowhere"},
        {CONFIG(GOOD_CLUSTER, "client-certificate: me.crt"), NULL, "client-certificate"},
        {CONFIG(GOOD_CLUSTER ", insecure-skip-tls-verify: true", "token: t"), NULL, "insecure-skip-tls-verify"},
        {CONFIG(GOOD_CLUSTER ", proxy-url: 'http://p'", "token: t"), NULL, "proxy-url"},
        {CONFIG("server: 'http://api.test', certificate-authority: ca.crt", "token: t"), NULL, "is not encrypted"},
        {CONFIG("server: 'api.test', certificate-authority: ca.crt", "token: t"), NULL, "is no https://"},
        {CONFIG("server: 'https://u:p@api.test', certificate-authority: ca.crt", "token: t"), NULL, "is no https://"},
        {CONFIG("server: 'https://api.test/?a', certificate-authority: ca.crt", "token: t"), NULL, "is no https://"},
        {CONFIG("certificate-authority: ca.crt", "token: t"), NULL, "has no server"},
        {CONFIG("server: 'https://api.test'", "token: t"), NULL, "has no certificate-authority"},
        {CONFIG("server: 'https://api.test', certificate-authority-data: AAAA", "token: t"), NULL,
         "certificate-authority"},
        {CONFIG(GOOD_CLUSTER, "token: t"), "three", "no context by the name \"three\""},
        {"kind: Config\n", NULL, "no current-context"},
        {"kind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n", NULL,
         "no cluster by the name \"b\""},
        {"kind: Pod\n", NULL, "no kubeconfig"},
        {"", NULL, "empty"},
        {"a: [\n", NULL, "line "},
        {"{{{{", NULL, "line "},
    };
    struct table *table = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        assert_null(read_config(table, cases[i].text, cases[i].context, &err));
        assert_true(says(&err, cases[i].says));
        assert_true(says(&err, "/config"));
    }
}

static void test_the_first_of_all_places_counts(void **state)
{
    struct table *table = *state;
    struct err err;
    char path[256];
    snprintf(path, sizeof path, "%s/second", table->dir);
    assert_null(kube_config_find(NULL, NULL, &err)); /* in a pod whose account is broken */
    assert_true(says(&err, "the pod's service account"));
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_null(kube_config_find(NULL, NULL, &err));
    assert_true(says(&err, "KUBECONFIG is not set"));
    assert_true(says(&err, "/.kube/config does not exist"));
    assert_true(says(&err, "this is no pod"));
    write_file(table, "second", STR(CONFIG(GOOD_CLUSTER, "token: t")));
    setenv("KUBECONFIG", path, 1);
    struct kube_config *config = kube_config_find(NULL, NULL, &err);
    assert_non_null(config);
    kube_config_free(config);
    assert_null(kube_config_find("/nowhere/config", NULL, &err));
    assert_true(says(&err, "/nowhere/config"));
    setenv("KUBECONFIG", "/nowhere/a:/nowhere/b", 1);
    assert_null(kube_config_find(NULL, NULL, &err));
    assert_true(says(&err, "several files"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_pod_finds_its_account),
        TEST(test_a_pod_whose_account_is_broken_is_told_what_is_missing),
        TEST(test_a_rotated_token_and_authority_are_read_again),
        TEST(test_a_kubeconfig_is_read),
        TEST(test_certificates_may_be_inline),
        TEST(test_what_is_not_supported_is_refused_and_said),
        TEST(test_the_first_of_all_places_counts),
    };
    return cmocka_run_group_tests_name("kube/config", tests, NULL, NULL);
}
