/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE 1
#include "plan/endpoints.h"

#include "base/mem.h"
#include "plan/flat.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct address parse(const char *text)
{
    struct address address;
    assert_true(address_parse(str_from_c(text), &address));
    return address;
}

static int seal(struct endpoints_builder *builder)
{
    struct err err;
    int fd = endpoints_builder_seal(builder, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    endpoints_builder_free(builder);
    return fd;
}

/* The first address of a backend as text, and how many there are. */
static void assert_found(const struct endpoints *endpoints, const char *label, size_t want, const char *first)
{
    char text[ADDRESS_TEXT];
    size_t count = 99;
    const struct address *address = endpoints_find(endpoints, str_from_c(label), &count);
    assert_int_equal(count, want);
    if (want > 0) {
        address_format(address, text);
        assert_string_equal(text, first);
    }
}

static void test_endpoints_find_the_addresses_of_a_backend(void **state)
{
    (void)state;
    struct err err;
    struct endpoints_builder *builder = endpoints_builder_new(42);
    struct address live[] = {parse("127.0.0.1:3000"), parse("[::1]:3000")};
    struct address shadow[] = {parse("unix:/run/shadow.sock")};
    endpoints_builder_add(builder, STR("shop"), live, 2);
    endpoints_builder_add(builder, STR("gone"), NULL, 0);
    endpoints_builder_add(builder, STR("default/shop-v2:80"), shadow, 1);
    endpoints_builder_add(builder, STR("shop-v2"), shadow, 1);
    int fd = seal(builder);
    const struct endpoints *endpoints = endpoints_map(fd, &err);
    close(fd);
    assert_non_null(endpoints);
    assert_int_equal(endpoints_generation(endpoints), 42);
    assert_found(endpoints, "shop", 2, "127.0.0.1:3000");
    assert_found(endpoints, "default/shop-v2:80", 1, "unix:/run/shadow.sock");
    assert_found(endpoints, "shop-v2", 1, "unix:/run/shadow.sock");
    assert_found(endpoints, "gone", 0, NULL);
    assert_found(endpoints, "shop-", 0, NULL);
    assert_found(endpoints, "", 0, NULL);
    assert_found(endpoints, "zzz", 0, NULL);
    endpoints_unmap(endpoints);
}

static void test_endpoints_may_be_empty(void **state)
{
    (void)state;
    struct err err;
    int fd = seal(endpoints_builder_new(1));
    const struct endpoints *endpoints = endpoints_map(fd, &err);
    close(fd);
    assert_non_null(endpoints);
    assert_found(endpoints, "shop", 0, NULL);
    endpoints_unmap(endpoints);
}

static void test_endpoints_of_many_backends_are_all_found(void **state)
{
    (void)state;
    struct err err;
    char label[64], want[64];
    struct endpoints_builder *builder = endpoints_builder_new(1);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(label, sizeof(label), "default/service-%u:80", i * 7919 % 3000);
        snprintf(want, sizeof(want), "127.0.0.1:%u", 1 + i * 7919 % 3000);
        struct address address = parse(want);
        endpoints_builder_add(builder, str_from_c(label), &address, 1);
    }
    int fd = seal(builder);
    const struct endpoints *endpoints = endpoints_map(fd, &err);
    close(fd);
    assert_non_null(endpoints);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(label, sizeof(label), "default/service-%u:80", i);
        snprintf(want, sizeof(want), "127.0.0.1:%u", 1 + i);
        assert_found(endpoints, label, 1, want);
    }
    endpoints_unmap(endpoints);
}

static void assert_peer(const struct endpoints *endpoints, const char *name, const char *peer, bool is_in)
{
    struct endpoint_peers peers = endpoints_find_peers(endpoints, str_from_c(name));
    struct address address = parse(peer);
    if (endpoint_peers_has(&peers, &address) != is_in)
        fail_msg("%s is %sin %s", peer, is_in ? "not " : "", name);
}

static void test_peers_are_found_by_their_ip(void **state)
{
    (void)state;
    struct err err;
    struct endpoints_builder *builder = endpoints_builder_new(1);
    struct address web[] = {parse("10.0.0.9:1"), parse("[fd00::1]:1"), parse("10.0.0.1:2"),
                            parse("10.0.0.9:3"), parse("unix:/x"),     parse("[::ffff:10.0.0.5]:1")};
    struct address many[1000];
    for (unsigned i = 0; i < 1000; i++)
        many[i] = (struct address){.family = ADDRESS_IPV4,
                                   .ip = {10, 1, (uint8_t)(i * 7 % 1000 / 256), (uint8_t)(i * 7 % 1000)}};
    endpoints_builder_add(builder, STR("web"), web, 1);
    endpoints_builder_add_peers(builder, STR("web"), web, 6);
    endpoints_builder_add_peers(builder, STR("none"), NULL, 0);
    endpoints_builder_add_peers(builder, STR("many"), many, 1000);
    int fd = seal(builder);
    const struct endpoints *endpoints = endpoints_map(fd, &err);
    close(fd);
    assert_non_null(endpoints);
    assert_found(endpoints, "web", 1, "10.0.0.9:1");
    assert_found(endpoints, "many", 0, NULL);
    assert_int_equal(endpoints_find_peers(endpoints, STR("web")).count, 4);
    assert_peer(endpoints, "web", "10.0.0.9:80", true);
    assert_peer(endpoints, "web", "10.0.0.1:80", true);
    assert_peer(endpoints, "web", "10.0.0.5:80", true);
    assert_peer(endpoints, "web", "[::ffff:10.0.0.9]:80", true);
    assert_peer(endpoints, "web", "[fd00::1]:80", true);
    assert_peer(endpoints, "web", "[fd00::]:80", false);
    assert_peer(endpoints, "web", "10.0.0.2:80", false);
    assert_peer(endpoints, "web", "unix:/x", false);
    assert_peer(endpoints, "none", "10.0.0.1:80", false);
    assert_peer(endpoints, "unknown", "10.0.0.1:80", false);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(endpoint_peers_has(
            &(struct endpoint_peers){endpoints_find_peers(endpoints, STR("many")).list, 1000}, &many[i]));
    endpoints_unmap(endpoints);
}

static void test_a_pod_that_comes_makes_other_endpoints(void **state)
{
    (void)state;
    struct err err;
    const struct endpoints *made[3];
    struct address pods[] = {parse("10.0.0.1:1"), parse("10.0.0.2:1")};
    for (size_t i = 0; i < 3; i++) {
        struct endpoints_builder *builder = endpoints_builder_new(i);
        endpoints_builder_add_peers(builder, STR("web"), pods, i == 1 ? 2 : 1);
        int fd = seal(builder);
        made[i] = endpoints_map(fd, &err);
        close(fd);
    }
    assert_false(endpoints_eq(made[0], made[1]));
    assert_true(endpoints_eq(made[0], made[2]));
    for (size_t i = 0; i < 3; i++)
        endpoints_unmap(made[i]);
}

static void test_label_given_twice_is_refused(void **state)
{
    (void)state;
    struct err err;
    struct endpoints_builder *builder = endpoints_builder_new(1);
    endpoints_builder_add(builder, STR("shop"), NULL, 0);
    endpoints_builder_add(builder, STR("shop"), NULL, 0);
    assert_int_equal(endpoints_builder_seal(builder, &err), -1);
    assert_non_null(strstr(err.text, "shop was given addresses twice"));
    endpoints_builder_free(builder);
    builder = endpoints_builder_new(1);
    endpoints_builder_add_peers(builder, STR("web"), NULL, 0);
    endpoints_builder_add_peers(builder, STR("web"), NULL, 0);
    assert_int_equal(endpoints_builder_seal(builder, &err), -1);
    assert_non_null(strstr(err.text, "web were given addresses twice"));
    endpoints_builder_free(builder);
}

static char *good_block(size_t *len)
{
    struct err err;
    struct endpoints_builder *builder = endpoints_builder_new(42);
    struct address address = parse("127.0.0.1:3000");
    endpoints_builder_add(builder, STR("a"), &address, 1);
    endpoints_builder_add(builder, STR("b"), &address, 1);
    endpoints_builder_add_peers(builder, STR("p"), &address, 1);
    endpoints_builder_add_peers(builder, STR("q"), &address, 1);
    int fd = seal(builder);
    *len = (size_t)lseek(fd, 0, SEEK_END);
    char *block = mem_alloc_raw(*len);
    assert_int_equal(pread(fd, block, *len, 0), *len);
    close(fd);
    assert_true(endpoints_check(block, *len, &err));
    return block;
}

static void test_damaged_endpoints_are_refused(void **state)
{
    (void)state;
    size_t len;
    struct err err;
    char *block = good_block(&len);
    for (size_t i = 0; i < len; i++) {
        block[i] ^= 0x10;
        assert_false(endpoints_check(block, len, &err));
        block[i] ^= 0x10;
        assert_false(endpoints_check(block, i, &err));
    }
    mem_free(block);
}

static void test_endpoints_with_a_good_checksum_and_wrong_contents_are_refused(void **state)
{
    (void)state;
    size_t len, refused = 0;
    struct err err;
    struct flat_head *block = (struct flat_head *)good_block(&len);
    /* Everything in this block but generation, ports, peers, unused bytes of addresses and padding is checked. */
    for (size_t i = sizeof(*block) + 8; i < len; i++) {
        unsigned char *byte = (unsigned char *)block + i, old = *byte;
        *byte = 0xff;
        block->checksum = flat_checksum(block, len);
        refused += !endpoints_check(block, len, &err);
        *byte = old;
    }
    /* five arrays, four sets, two families, the order of four labels */
    assert_true(refused >= 5 * 8 + 4 * 16 + 2 + 2);
    mem_free(block);
}

static void test_unsealed_endpoints_are_not_mapped(void **state)
{
    (void)state;
    struct err err;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_null(endpoints_map(fd, &err));
    assert_non_null(strstr(err.text, "sealed"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints_find_the_addresses_of_a_backend),
        cmocka_unit_test(test_endpoints_may_be_empty),
        cmocka_unit_test(test_endpoints_of_many_backends_are_all_found),
        cmocka_unit_test(test_peers_are_found_by_their_ip),
        cmocka_unit_test(test_a_pod_that_comes_makes_other_endpoints),
        cmocka_unit_test(test_label_given_twice_is_refused),
        cmocka_unit_test(test_damaged_endpoints_are_refused),
        cmocka_unit_test(test_endpoints_with_a_good_checksum_and_wrong_contents_are_refused),
        cmocka_unit_test(test_unsealed_endpoints_are_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
