/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rules_tls.h"

#include "../tls/certificates.h"
#include "plan/build.h"
#include "plan/check.h"
#include "tls/tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2
#define SOCKETS 3

enum { SECURE, PARTLY, PLAIN };
enum { VERIFIED, KNOWN, UNKNOWN, BY_HTTP2, PLAIN_BACKEND, BACKENDS };

static struct {
    struct certificate shop, renewed, authority;
    struct tls_tickets *tickets;
    const struct plan *plan;
} world;

static int begin(void **state)
{
    (void)state;
    certificate_init(&world.shop, &(struct certificate_spec){.name = "shop", .sans = "DNS:shop.test"});
    certificate_init(&world.renewed, &(struct certificate_spec){.name = "renewed", .sans = "DNS:shop.test"});
    certificate_init(&world.authority, &(struct certificate_spec){.name = "authority", .is_authority = true});
    world.tickets = tls_tickets_new();
    const struct address sockets[SOCKETS] = {{.family = ADDRESS_IPV4, .port = 443},
                                             {.family = ADDRESS_IPV4, .port = 8443},
                                             {.family = ADDRESS_IPV4, .port = 80}};
    const struct str shop[] = {STR("secret/a/shop")}, both[] = {STR("secret/a/bad"), STR("secret/a/shop")};
    const struct rule_listener listeners[] = {
        {.label = STR("a/gw/x"),
         .socket = SECURE,
         .hostname = STR("shop.test"),
         .certificates = shop,
         .certificate_count = 1},
        {.label = STR("a/gw/y"),
         .socket = PARTLY,
         .hostname = STR("shop.test"),
         .certificates = both,
         .certificate_count = 2},
        {.label = STR("a/gw/z"), .socket = PLAIN},
    };
    const struct rule_tls trusting = {.server_name = STR("v1.test"), .authorities = STR("configmap/a/ca")};
    const struct rule_tls presenting = {
        .server_name = STR("v1.test"), .authorities = STR("configmap/a/ca"), .identity = STR("secret/a/shop")};
    const struct rule_tls lost = {.server_name = STR("v1.test"), .authorities = STR("configmap/a/gone")};
    const struct rule_backend backends[BACKENDS] = {
        [VERIFIED] = {.label = STR("v1"), .tls = &trusting},
        [KNOWN] = {.label = STR("v2"), .tls = &presenting},
        [UNKNOWN] = {.label = STR("v3"), .tls = &lost},
        [BY_HTTP2] = {.label = STR("v4"), .tls = &trusting, .protocol = PROTOCOL_HTTP2},
        [PLAIN_BACKEND] = {.label = STR("v5")},
    };
    const struct rule_set rules = {.generation = 1,
                                   .sockets = sockets,
                                   .socket_count = SOCKETS,
                                   .listeners = listeners,
                                   .listener_count = SOCKETS,
                                   .backends = backends,
                                   .backend_count = BACKENDS};
    struct err err;
    int fd = plan_build(&rules, &err);
    world.plan = fd < 0 ? NULL : plan_map(fd, &err);
    if (!world.plan)
        fail_msg("%s", err.text);
    close(fd);
    return 0;
}

static int end(void **state)
{
    (void)state;
    plan_unmap(world.plan);
    tls_tickets_free(world.tickets);
    certificate_deinit(&world.shop);
    certificate_deinit(&world.renewed);
    certificate_deinit(&world.authority);
    certificates_end();
    return 0;
}

static const struct credentials *credentials_with(const struct certificate *shop)
{
    struct err err;
    struct credentials_builder *builder = credentials_builder_new(1);
    credentials_builder_add(builder, STR("secret/a/bad"), CREDENTIAL_IDENTITY, world.shop.pem, world.renewed.key_pem);
    credentials_builder_add(builder, STR("secret/a/shop"), CREDENTIAL_IDENTITY, shop->pem, shop->key_pem);
    credentials_builder_add(builder, STR("configmap/a/ca"), CREDENTIAL_AUTHORITIES, world.authority.pem, STR_NONE);
    int fd = credentials_builder_seal(builder, &err);
    credentials_builder_free(builder);
    const struct credentials *credentials = fd < 0 ? NULL : credentials_map(fd, &err);
    if (!credentials)
        fail_msg("%s", err.text);
    close(fd);
    return credentials;
}

static struct rules_tls *make(const struct certificate *shop, const struct rules_tls *before)
{
    const struct credentials *credentials = credentials_with(shop);
    struct rules_tls *tls = rules_tls_new(world.plan, credentials, WORKERS, world.tickets, before);
    credentials_unmap(credentials); /* nothing points there */
    return tls;
}

static void test_each_worker_has_contexts_of_its_own(void **state)
{
    (void)state;
    struct rules_tls *tls = make(&world.shop, NULL);
    assert_non_null(rules_tls_server(tls, 0, SECURE));
    assert_non_null(rules_tls_server(tls, 1, SECURE));
    assert_ptr_not_equal(rules_tls_server(tls, 0, SECURE), rules_tls_server(tls, 1, SECURE));
    assert_ptr_not_equal(rules_tls_client(tls, 0, VERIFIED), rules_tls_client(tls, 1, VERIFIED));
    assert_null(rules_tls_server(tls, 0, PLAIN));
    assert_null(rules_tls_client(tls, 0, PLAIN_BACKEND));
    rules_tls_unref(tls);
}

static void test_a_bad_certificate_costs_itself_alone(void **state)
{
    (void)state;
    struct rules_tls *tls = make(&world.shop, NULL);
    assert_non_null(rules_tls_server(tls, 0, PARTLY));
    rules_tls_unref(tls);
}

static void test_without_its_credentials_a_backend_or_socket_has_no_context(void **state)
{
    (void)state;
    struct rules_tls *tls = make(&world.shop, NULL);
    assert_null(rules_tls_client(tls, 0, UNKNOWN));
    assert_non_null(rules_tls_client(tls, 0, VERIFIED));
    rules_tls_unref(tls);
    tls = rules_tls_new(world.plan, NULL, WORKERS, world.tickets, NULL);
    for (uint32_t i = 0; i < SOCKETS; i++)
        assert_null(rules_tls_server(tls, 0, i));
    for (uint32_t i = 0; i < BACKENDS; i++)
        assert_null(rules_tls_client(tls, 0, i));
    rules_tls_unref(tls);
    assert_null(rules_tls_server(NULL, 0, SECURE));
}

static void test_what_is_made_of_the_same_bytes_is_the_same_object(void **state)
{
    (void)state;
    struct rules_tls *first = make(&world.shop, NULL), *second = make(&world.shop, first);
    struct tls_server *server = rules_tls_server(first, 1, SECURE);
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        for (uint32_t i = 0; i < SOCKETS; i++)
            assert_ptr_equal(rules_tls_server(first, worker, i), rules_tls_server(second, worker, i));
        for (uint32_t i = 0; i < BACKENDS; i++)
            assert_ptr_equal(rules_tls_client(first, worker, i), rules_tls_client(second, worker, i));
    }
    rules_tls_unref(first);
    assert_ptr_equal(rules_tls_server(second, 1, SECURE), server);
    rules_tls_unref(rules_tls_ref(second));
    rules_tls_unref(second);
}

static void test_a_renewed_certificate_renews_what_uses_it_and_nothing_else(void **state)
{
    (void)state;
    struct rules_tls *first = make(&world.shop, NULL), *second = make(&world.renewed, first);
    assert_ptr_not_equal(rules_tls_server(first, 0, SECURE), rules_tls_server(second, 0, SECURE));
    assert_ptr_not_equal(rules_tls_client(first, 0, KNOWN), rules_tls_client(second, 0, KNOWN));
    assert_ptr_equal(rules_tls_client(first, 0, VERIFIED), rules_tls_client(second, 0, VERIFIED));
    rules_tls_unref(first);
    rules_tls_unref(second);
}

static void test_backends_that_differ_in_anything_share_nothing(void **state)
{
    (void)state;
    struct rules_tls *tls = make(&world.shop, NULL);
    struct tls_client *verified = rules_tls_client(tls, 0, VERIFIED);
    assert_ptr_not_equal(verified, rules_tls_client(tls, 0, KNOWN));
    assert_ptr_not_equal(verified, rules_tls_client(tls, 0, BY_HTTP2));
    rules_tls_unref(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_worker_has_contexts_of_its_own),
        cmocka_unit_test(test_a_bad_certificate_costs_itself_alone),
        cmocka_unit_test(test_without_its_credentials_a_backend_or_socket_has_no_context),
        cmocka_unit_test(test_what_is_made_of_the_same_bytes_is_the_same_object),
        cmocka_unit_test(test_a_renewed_certificate_renews_what_uses_it_and_nothing_else),
        cmocka_unit_test(test_backends_that_differ_in_anything_share_nothing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
